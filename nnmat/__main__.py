"""The command line: `nnmat train`, `nnmat derive` and the others; the same as `python -m nnmat`."""

import sys

from . import __version__
from .calculus.command import commands
from .calculus.command import run as run_calculus
from .command import evaluate, export, info, predict, serve, train, tune, warmup
from .command.usage.config_file import parse
from .command.usage.running import run
from .warmup import main as compile_for_another


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words == ["compile-for-another"]:  # a helper of another process: `nnmat_kernels.runtime.sharing`
        compile_for_another()
        return 0
    parser, added = commands()
    parser.description = "Networks and matrix calculus from the command line: nnmat COMMAND --help says more."
    parser.add_argument("--version", action="version", version=f"nnmat {__version__}")
    for command in (train, tune, predict, evaluate, export, info, warmup, serve):
        command.add(added)
    options = parse(parser, added, words)
    return run(options) if hasattr(options, "work") else run_calculus(options)


if __name__ == "__main__":
    raise SystemExit(main())
