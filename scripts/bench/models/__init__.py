"""Models of the benchmarks that are no chain of linear layers and convolutions."""
