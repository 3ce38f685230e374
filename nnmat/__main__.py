"""`python -m nnmat`, and the console script `nnmat`."""

import sys

from .warmup import main as compile_for_another
from .calculus.command import main

if __name__ == "__main__":
    if sys.argv[1:] == ["compile-for-another"]:
        compile_for_another()
    else:
        raise SystemExit(main())
