"""`python -m nnmat`, and the console script `nnmat`."""

from .calculus.command import main

if __name__ == "__main__":
    raise SystemExit(main())
