"""The command line: `nnmat derive EXPR --wrt X` and `nnmat laws`.

Exit codes: 0 done; 1 refused (no derivative, or a check that failed); 2 wrong input, with the place where it is wrong.
"""

import argparse
import os
import sys
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .checking.law_table import law_table
from .derivation.derivation import Derivation
from .derivation.derive import FORMS, derive
from .derivation.intermediates import names
from .errors import DomainError, NotDerivable, ParseError, ShapeError, UnverifiedError
from .language.expr import Expr
from .language.operators import ATTRIBUTES, matrix
from .parsing.builder import size_of
from .parsing.grammar import tree_of
from .parsing.parser import parse_all

EPILOG = """examples:
  nnmat derive "x.T @ A @ y" --wrt A
  nnmat derive "x.T @ A @ y" --wrt B --let "h=inv(B) @ z + b" --let "y=sigmoid(h)" --check
  nnmat derive "logdet(S) + trace(inv(S) @ R)" --wrt S --shape S=D,D,positive_definite --shape R=D,D,symmetric
  nnmat derive "X @ W.T" --wrt W --upstream G --format latex -o gradient.tex
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    return run(commands()[0].parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Run the command that was parsed; the exit code."""
    try:
        text = _derive(options) if options.command == "derive" else _laws(options)
        if options.output is not None:
            Path(options.output).write_text(text + "\n", encoding="utf-8")
        else:
            print(text, flush=True)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UnicodeEncodeError as error:
        sign = error.object[error.start]
        print(
            f"nnmat: expected an output that shows {sign!r}, got one in {error.encoding}. "
            "Set PYTHONIOENCODING=utf-8, or use --format latex, or -o FILE.",
            file=sys.stderr,
        )
        return 2
    except OSError as error:
        where = "the standard output" if options.output is None else repr(options.output)
        print(f"nnmat: expected an output to write to, got {where}: {error.strerror}. Try -o FILE.", file=sys.stderr)
        return 2
    except (ParseError, ShapeError, ConfigError) as error:
        print(error, file=sys.stderr)
        return 2
    except (NotDerivable, UnverifiedError, DomainError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def commands() -> tuple[argparse.ArgumentParser, Any]:
    """A parser of `nnmat derive` and `nnmat laws`, and the place where other commands can be added."""
    parser = argparse.ArgumentParser(prog="nnmat", description="Matrix calculus from the command line.")
    added = parser.add_subparsers(dest="command", required=True)
    d = added.add_parser(
        "derive",
        help="derive a gradient, step by step",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    d.add_argument(
        "expression", help="a scalar function, such as 'x.T @ A @ sigmoid(h)'; '(-x.T @ x)' if it begins with -"
    )
    d.add_argument("--wrt", required=True, metavar="NAME", help="the symbol to differentiate by")
    d.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="A=M,N",
        help=f"A=M,N a matrix, x=N a column, a=1 a scalar; attributes may follow: {', '.join(ATTRIBUTES)}",
    )
    d.add_argument("--let", action="append", default=[], metavar="h=EXPR", help="a named intermediate quantity")
    d.add_argument("--upstream", metavar="G", help="the name of the upstream gradient of a matrix-valued expression")
    d.add_argument("--symmetric", choices=FORMS, default="manifold", help="the gradient meant for a symmetric matrix")
    d.add_argument(
        "--format",
        choices=("text", "latex", "html", "python", "numpy"),
        default="text",
        help="the derivation as text, as LaTeX, or as a page for a browser with every line checked; the gradient as "
        "code that is read back here, or as a NumPy function",
    )
    d.add_argument("--full", action="store_true", help="every simplification on a line of its own")
    d.add_argument("--check", action="store_true", help="check every line at random points, too")
    d.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    laws = added.add_parser("laws", help="the laws and properties, each checked now")
    laws.add_argument("--seed", type=int, default=0)
    laws.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    return parser, added


def _pairs(option: str, given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not name.isidentifier() or name in pairs:
            raise ShapeError(f"nnmat derive: expected {option} as NAME=VALUE, each name once, got {text!r}.")
        pairs[name] = value.strip()
    return pairs


def _symbol(name: str, value: str) -> Expr:
    parts = [p.strip() for p in value.split(",") if p.strip()]
    sizes = list(takewhile(lambda p: not get_close_matches(p, ATTRIBUTES, 1, cutoff=0.8), parts[:2]))
    words = parts[len(sizes) :]
    unknown = [p for p in words if p not in ATTRIBUTES]
    if not sizes or unknown:
        fault = f"got the attribute {unknown[0]!r}. There are {', '.join(ATTRIBUTES)}" if unknown else f"got {value!r}"
        raise ShapeError(f"nnmat derive: expected --shape {name}=M,N or {name}=N, then attributes, {fault}.")
    rows, columns = [size_of(tree_of(size), size) for size in [*sizes, "1"][:2]]
    return matrix(name, rows, columns, **dict.fromkeys(words, True))


def derivation_of(options: argparse.Namespace) -> Derivation:
    """What `nnmat derive` derives: of `expression` by `wrt`, with the options let, shape, upstream and symmetric."""
    lets = _pairs("--let", options.let)
    declared: dict[str, Any] = {n: _symbol(n, v) for n, v in _pairs("--shape", options.shape).items()}
    for name in lets:
        if name in declared:
            raise ShapeError(f"nnmat derive: expected {name} in --let or in --shape, got both. Drop the --shape.")
    f = parse_all([*lets.items(), ("", options.expression)], **declared)[""]
    unused = [name for name in (*declared, *lets) if name not in {options.upstream, *names(f)}]
    if unused:
        raise ShapeError(
            f"nnmat derive: expected --shape and --let of names in the expression, {', '.join(sorted(names(f)))}, "
            f"got {unused[0]}. Check the spelling."
        )
    G = declared.get(options.upstream, matrix(options.upstream, *f.shape)) if options.upstream else None
    return derive(f, options.wrt, G=G, symmetric=options.symmetric)


def _derive(options: argparse.Namespace) -> str:
    d = derivation_of(options)
    formats = {"latex": lambda: d.to_latex(options.full), "html": d.to_html, "python": d.to_python, "numpy": d.to_numpy}
    text = formats.get(options.format, lambda: d.to_text(options.full))()
    if options.check:
        error = d.check(trials=3, seed=0)
        mark = {"text": "", "latex": "% "}.get(options.format, "# ")
        text += f"\n\n{mark}checked: {len(d.steps)} steps at 3 random points, largest relative error {error:.1e}"
    return text


def _laws(options: argparse.Namespace) -> str:
    rows = law_table(seed=options.seed)
    wide = max(len(row.statement) for row in rows)
    lines = [f"{'id':<8} {'statement':<{wide}} checks  largest relative error"]
    lines += [f"{row.id:<8} {row.statement:<{wide}} {row.checks:>6}  {row.error:.1e}" for row in rows]
    return "\n".join(lines)
