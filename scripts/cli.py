"""What all scripts share: kinds of options, threads, JSON files, and errors without tracebacks."""

import argparse
import importlib.util
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import nnmat
from nnmat.command.usage.kinds import nonnegative_float as nonnegative_float
from nnmat.command.usage.kinds import nonnegative_int as nonnegative_int
from nnmat.command.usage.kinds import positive_float as positive_float
from nnmat.command.usage.kinds import positive_int as positive_int
from nnmat.command.usage.kinds import rate as rate
from nnmat.command.usage.outputs import write_text as write_text
from nnmat.command.usage.running import ERRORS
from nnmat.training.reporting.history import check_writable


def script_parser(description: str | None, examples: str) -> argparse.ArgumentParser:
    """A parser whose --help keeps the lines of both texts."""
    return argparse.ArgumentParser(
        description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def output_file(suffix: str):
    """An option that names a file to write: its folder must exist, now and not after the training."""

    def check(text: str) -> Path:
        path = Path(text)
        if path.suffix != suffix:
            raise argparse.ArgumentTypeError(f"expected a file name that ends in {suffix}, got {text}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"the folder {path.parent} does not exist")
        try:
            check_writable(path.name, path)
        except OSError as error:
            raise argparse.ArgumentTypeError(error.strerror or str(error)) from None
        return path

    return check


def picture_file(option: str):
    """An option that names a picture to write: matplotlib must be there before any work is done."""
    named = output_file(".png")

    def check(text: str) -> Path:
        path = named(text)
        need("matplotlib", option, "plot")
        return path

    return check


def input_file(text: str) -> Path:
    """An option that names a file to read."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def need(module: str, option: str, extra: str) -> None:
    """A MissingExtraError, before any work is done, if `module`, which `option` uses, is not installed."""
    if importlib.util.find_spec(module) is None:
        raise nnmat.MissingExtraError(
            f"{option}: expected {module} to be installed, it is not. Try: pip install -e '.[{extra}]'"
        )


def use_threads(parser: argparse.ArgumentParser, threads: int | None) -> int:
    """Set the number of threads that --threads asked for, if it did; the number that is in use now."""
    if threads is not None:
        try:
            nnmat.set_num_threads(threads)
        except ValueError as error:
            parser.error(f"argument --threads: {error}")
    return nnmat.get_num_threads()


def settings(args: argparse.Namespace, *left_out: str) -> dict[str, Any]:
    """The options of a run, for its JSON file: file names as text, and without those that are `left_out`."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k not in left_out}


def write_json(path: Path, content: Any) -> None:
    """Write what --json asks for."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_report(path: Path, script: str, keys: tuple[str, ...]) -> dict:
    """What `script` wrote with --json: a dict whose "rows" have the `keys`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        whole = all(key in row for row in found["rows"] for key in keys)
    except (ValueError, LookupError, TypeError):
        whole = False
    if not whole:
        raise nnmat.FileFormatError(f"{path}: expected a file that `{script} --json` wrote. Try: measure again")
    return found


def shown_command(*words) -> str:
    """A line for the shell that runs `words` with this Python; a bare `python` may be another one."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return shlex.join(map(str, [python, *words]))


def guarded(main) -> None:
    """Run `main()`; an error of the user's or of the machine's is one line on stderr, not a traceback."""
    name = Path(sys.argv[0]).name
    try:
        main()
        sys.stdout.flush()
    except nnmat.TrainingInterrupted as stopped:
        words = [w for i, w in enumerate(sys.argv) if not w.startswith("--resume") and sys.argv[i - 1] != "--resume"]
        print(f"\n{stopped.args[0].split('; go on')[0]}.", file=sys.stderr)
        if stopped.checkpoint is not None:
            print(f"To go on: {shown_command(*words, '--resume', stopped.checkpoint)}", file=sys.stderr)
        sys.exit(128 + stopped.signal)  # as the shell has it: 130 for Ctrl-C, 143 for SIGTERM
    except KeyboardInterrupt:
        print(f"\n{name}: stopped by Ctrl-C.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ERRORS as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        sys.exit(1)
