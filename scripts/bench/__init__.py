"""What the benchmarks share: cases, peers, processes, the machine."""
