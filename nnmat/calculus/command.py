"""The command line: `nnmat derive EXPR --wrt X`, `check`, `grade FILE`, `verify FILE` and `laws`.

Exit codes: 0 done; 1 refused (no derivative, a check that failed, a wrong line); 2 wrong input, with the place where it
is wrong.
"""

import argparse
import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from ..checks import counted
from ..errors import ConfigError
from .builtin.catalogue import described
from .builtin.pages import contents, opening
from .checking.law_table import law_table
from .compiling.compiled import compile
from .derivation.derivation import Derivation
from .derivation.derive import FORMS, derive
from .derivation.intermediates import names
from .errors import DomainError, NotDerivable, ParseError, RecordError, ShapeError, UnverifiedError
from .grading.grade import Verdict, claim, grade
from .grading.sheet import read_sheet
from .language.assumptions import is_symmetric
from .language.expr import Expr
from .language.operators import ATTRIBUTES, matrix
from .parsing.builder import size_of
from .parsing.grammar import every, tree_of
from .parsing.parser import parse_all
from .records.exchange import records_text
from .records.record import STATEMENTS
from .verifying.verifier import verify_all

EPILOG = """examples:
  nnmat derive "x.T @ A @ y" --wrt A
  nnmat derive "x.T @ A @ y" --wrt B --let "h=inv(B) @ z + b" --let "y=sigmoid(h)" --check
  nnmat derive "logdet(S) + trace(inv(S) @ R)" --wrt S --shape S=D,D,positive_definite --shape R=D,D,symmetric
  nnmat derive "X @ W.T" --wrt W --upstream G --format latex -o gradient.tex
  nnmat derive --layer Linear --wrt W
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    return run(commands()[0].parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Run the command that was parsed; the exit code."""
    try:
        text = WAYS[options.command](options)
        if options.output is not None:
            Path(options.output).write_text(text + "\n", encoding="utf-8")
        else:
            print(text, flush=True)
    except Refuted as verdict:
        print(verdict)
        return 1
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
    except RecordError as error:
        print(error, file=sys.stderr)
        return 1 if error.readable else 2
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
        "expression",
        nargs="?",
        help="a scalar function, such as 'x.T @ A @ sigmoid(h)'; '(-x.T @ x)' if it begins with -",
    )
    d.add_argument("--wrt", metavar="NAME", help="the symbol to differentiate by, or all")
    d.add_argument("--layer", metavar="NAME", help="a layer or a loss of nnmat in place of an expression")
    d.add_argument("--layers", action="store_true", help="list the layers and losses")
    _declarations(d)
    d.add_argument("--upstream", metavar="G", help="the name of the upstream gradient of a matrix-valued expression")
    d.add_argument("--symmetric", choices=FORMS, default="manifold", help="the gradient meant for a symmetric matrix")
    d.add_argument(
        "--format",
        choices=("text", "latex", "html", "json", "python", "numpy"),
        default="text",
        help="the derivation as text, as LaTeX, as a page for a browser with every line checked, or as a record that "
        "`nnmat verify` judges; the gradient as code that is read back here, or as a NumPy function",
    )
    d.add_argument("--full", action="store_true", help="every simplification on a line of its own")
    d.add_argument("--compile", action="store_true", help="the value and the gradient as one NumPy function")
    d.add_argument("--check", action="store_true", help="check every line at random points, too")
    d.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    laws = added.add_parser("laws", help="the laws and properties, each checked now")
    laws.add_argument("--seed", type=int, default=0)
    laws.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    c = added.add_parser("check", help="whether a gradient that somebody claims is one")
    c.add_argument("expression", help="a scalar function")
    c.add_argument("--wrt", required=True, metavar="NAME", help="the symbol to differentiate by")
    c.add_argument("--claim", required=True, metavar="EXPR", help="the gradient that is claimed")
    _declarations(c)
    g = added.add_parser("grade", help="the first wrong line of a sheet: f = ..., wrt NAME, then lines df = ...")
    g.add_argument("file", metavar="FILE")
    g.add_argument("--wrt", default="", metavar="NAME", help="the variable, if the sheet does not name it")
    for command in (c, g):
        command.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    v = added.add_parser(
        "verify", help="judge a record, or a list of them, written by --format json, from its lines alone"
    )
    v.add_argument("file", metavar="FILE")
    v.add_argument("--seed", type=int, default=0)
    v.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    return parser, added


def _declarations(parser: argparse.ArgumentParser) -> None:
    """The options that say what names are."""
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="A=M,N",
        help=f"A=M,N a matrix, x=N a column, a=1 a scalar; attributes may follow: {', '.join(ATTRIBUTES)}",
    )
    parser.add_argument(
        "--let", action="append", default=[], metavar="h=EXPR", help="a named intermediate quantity, in any order"
    )


class Words(NamedTuple):
    """Who is asked, and what quantities and shapes are called there."""

    who: str
    let: str = "--let"
    shape: str = "--shape"


def _pairs(who: str, option: str, given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not name.isidentifier() or name in pairs:
            raise ShapeError(f"{who}: expected {option} as NAME=VALUE, each name once, got {text!r}.")
        pairs[name] = value.strip()
    return pairs


def _symbol(words: Words, name: str, value: str) -> Expr:
    parts = [p.strip() for p in value.split(",") if p.strip()]
    sizes = list(takewhile(lambda p: not get_close_matches(p, ATTRIBUTES, 1, cutoff=0.8), parts[:2]))
    attributes = parts[len(sizes) :]
    unknown = [p for p in attributes if p not in ATTRIBUTES]
    if not sizes or unknown:
        fault = f"got the attribute {unknown[0]!r}. There are {', '.join(ATTRIBUTES)}" if unknown else f"got {value!r}"
        raise ShapeError(f"{words.who}: expected {words.shape} {name}=M,N or {name}=N, then attributes, {fault}.")
    rows, columns = [size_of(tree_of(size), size) for size in [*sizes, "1"][:2]]
    return matrix(name, rows, columns, **dict.fromkeys(attributes, True))


def _in_order(lets: dict[str, str]) -> list[tuple[str, str]]:
    """The quantities, each after those that it is made of; those that are made of one another stay where they are."""
    needs = {
        n: {t.body for t in every(tree_of(text)) if t.kind == "name"} & set(lets) - {n} for n, text in lets.items()
    }
    found: dict[str, str] = {}
    while len(found) < len(lets):
        ready = [n for n in lets if n not in found and needs[n] <= set(found)]
        found.update({n: lets[n] for n in ready or [n for n in lets if n not in found]})
    return list(found.items())


def _function(
    words: Words, expression: str, let: list[str], shape: list[str], more: str | None = None
) -> tuple[Expr, dict[str, Any]]:
    """The function that is written, and the symbols that were declared; `more` is a name that need not stand in it."""
    lets = _pairs(words.who, words.let, let)
    given = _pairs(words.who, words.shape, shape)
    declared: dict[str, Any] = {n: _symbol(words, n, v) for n, v in given.items()}
    for name in lets:
        if name in declared:
            raise ShapeError(
                f"{words.who}: expected {name} in {words.let} or in {words.shape}, got both. "
                f"Drop it from {words.shape}."
            )
    f = parse_all([*_in_order(lets), ("", expression)], **declared)[""]
    known = names(f)
    unused = [name for name in (*declared, *lets) if name not in known and name != more]
    if unused:
        raise ShapeError(
            f"{words.who}: expected {words.shape} and {words.let} of names in the expression, "
            f"{', '.join(sorted(known))}, got {unused[0]}. Check the spelling."
        )
    return f, declared


def derivations_of(options: argparse.Namespace) -> list[Derivation]:
    """What `nnmat derive` derives: of `expression` by `wrt`, or by every symbol where that is all."""
    words = getattr(options, "words", None) or Words(f"nnmat {options.command}")
    f, declared = _function(words, options.expression, options.let, options.shape, options.upstream)
    G = declared.get(options.upstream, matrix(options.upstream, *f.shape)) if options.upstream else None
    if options.wrt != "all" or "all" in names(f):
        return [derive(f, options.wrt, G=G, symmetric=options.symmetric)]
    found = []
    for s in sorted(f.free, key=lambda s: s.name):
        if not FIXED & set(s.data[1]):
            found.append(derive(f, s, G=G, symmetric=options.symmetric if is_symmetric(s) else "manifold"))
    if not found:
        raise ShapeError(f"{words.who}: expected a symbol to differentiate by, got none. Name one.")
    return found


def _wanted(options: argparse.Namespace) -> list[Derivation]:
    """The derivations of an expression, or those of a layer."""
    if options.layer is None:
        if options.expression is None or options.wrt is None:
            raise ConfigError("nnmat derive: expected an expression and --wrt NAME, or --layer NAME.")
        return derivations_of(options)
    if options.expression or options.let or options.shape or options.upstream or options.symmetric != FORMS[0]:
        raise ConfigError(
            f"nnmat derive: expected --layer {options.layer} with --wrt and formats only, got an expression, --let, "
            "--shape, --upstream or --symmetric. What its symbols are is known."
        )
    return described(options.layer).derivations(options.wrt or "all")


def _derive(options: argparse.Namespace) -> str:
    if options.layers:
        if options.expression or options.wrt or options.layer:
            raise ConfigError("nnmat derive: expected --layers alone, got more. --layer NAME derives one of them.")
        return contents()
    found = _wanted(options)
    if options.compile:
        if options.format not in ("text", "numpy") or options.upstream or options.check:
            raise ConfigError("nnmat derive: expected --compile without --upstream, --check and other formats.")
        program = compile(found[0].function, [d.wrt for d in found])
        return f"{program.source}\n# " + program.plan.replace("\n", "\n# ")
    if len(found) > 1 and options.format in ("html", "numpy"):
        known = ", ".join(d.wrt.name for d in found)
        raise ConfigError(
            f"nnmat derive: expected one name of {known} as --wrt with --format {options.format}, got all. Take one "
            "after the other, or --format text, latex, python or json; --compile is one function of all gradients."
        )
    if len(found) > 1 and options.format == "json":
        return records_text(found)
    head = [opening(described(options.layer))] if options.layer and options.format == "text" else []
    return "\n\n\n".join([*head, *(_shown(d, options) for d in found)])


def _shown(d: Derivation, options: argparse.Namespace) -> str:
    formats = {
        **{"latex": lambda: d.to_latex(options.full), "html": d.to_html, "json": d.to_json},
        **{"python": d.to_python, "numpy": d.to_numpy},
    }
    text = formats.get(options.format, lambda: d.to_text(options.full))()
    if options.check and options.format != "json":
        error = d.check(trials=3, seed=0)
        mark = {"text": "", "latex": "% "}.get(options.format, "# ")
        steps = counted(len(d.steps), "step")
        text += f"\n\n{mark}checked: {steps} at 3 random points, largest relative error {error:.1e}"
    return text


def _laws(options: argparse.Namespace) -> str:
    rows = law_table(seed=options.seed)
    wide = max(len(row.statement) for row in rows)
    lines = [f"{'id':<8} {'statement':<{wide}} checks  largest relative error"]
    lines += [f"{row.id:<8} {row.statement:<{wide}} {row.checks:>6}  {row.error:.1e}" for row in rows]
    return "\n".join(lines)


def text_of(path: str) -> str:
    """The text of a file that was named on the command line."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"nnmat: expected a file of text, got {path!r}: {error}.") from None


def _verify(options: argparse.Namespace) -> str:
    found = verify_all(text_of(options.file), STATEMENTS, seed=options.seed)
    return "\n".join(f"{place} {verified}".strip() for place, verified in found.items())


class Refuted(Exception):
    """Lines that do not hold: what was found is printed, and the exit code says so."""


def _judged(verdict: Verdict) -> str:
    if not verdict.right:
        raise Refuted(str(verdict))
    return str(verdict)


def _check(options: argparse.Namespace) -> str:
    f, _ = _function(Words("nnmat check"), options.expression, options.let, options.shape)
    return _judged(claim(f, options.wrt, options.claim))


def _grade(options: argparse.Namespace) -> str:
    sheet = read_sheet(text_of(options.file), options.wrt)
    f, _ = _function(Words("nnmat grade", "let", "shape"), sheet.expression, sheet.lets, sheet.shapes)
    return _judged(grade(f, sheet.wrt, sheet.lines))


FIXED = {"constant", "sums_to_one", "orthogonal"}  # attributes of symbols that no gradient is taken by
WAYS: dict[str, Callable[[argparse.Namespace], str]] = {
    **{"derive": _derive, "laws": _laws, "verify": _verify, "check": _check, "grade": _grade}
}
