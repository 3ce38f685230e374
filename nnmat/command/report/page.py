"""The page of a training run: one HTML file that fetches nothing."""

import argparse
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from nnmat_kernels.programs.html import html_table

from ... import __version__
from ..learning.data import Given, described
from ..learning.model_file import Kept
from ..learning.recipes import TableRecipe
from ..learning.scores import ClassScores, Scores, percent, probabilities_of
from ..usage.outputs import PAGE
from .importance import importances
from .pictures import mistaken, pictures

STYLE = """
:root { color-scheme: light dark; --text: light-dark(#1c2024, #e6e8ea); --ground: light-dark(#fff, #15181b);
  --rule: light-dark(#d9dde1, #343a40); --quiet: light-dark(#60686f, #9aa3ab); --bar: light-dark(#7fb0e6, #2f6ba8); }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
.score { font-size: 1.25rem; } .quiet, figcaption { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; } th, td { padding: 0.2rem 0.6rem; text-align: right; white-space: nowrap; }
td { border-top: 1px solid var(--rule); }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
pre { overflow-x: auto; border: 1px solid var(--rule); border-radius: 6px; padding: 0.5rem 0.75rem; }
.bar { display: block; height: 0.8rem; background: var(--bar); border-radius: 2px; }
"""
LISTED = 20  # columns, mistakes and options that a table shows
OF_COMMANDS = {"work", "command", "quiet", "threads", "config", "overwrite"}
OF_IMAGES = {"size", "grey", "channels", "shift", "rotate", "flip"}
OF_TABLES = {"unknown", "delimiter", "decimal"}
NO_PICTURES = "Without matplotlib there are no pictures here: pip install 'nnmat[plot]' brings it."


def report(
    options: argparse.Namespace,
    found: Given,
    kept: Kept,
    scores: Scores,
    H: np.ndarray,
    history: Mapping[str, Sequence],
) -> str:
    """The whole page. `H`: the outputs for the samples kept apart."""
    title = f"{found.recipe.target} of {found.name}" if found.samples == "rows" else f"images of {found.name}"
    parts = [
        _lines(described(found)),
        f"<h2>On the {len(found.test)} {found.samples} kept apart</h2>",
        f'<p class="score">{escape(scores.lines[0])}</p><p>{escape(scores.lines[1])}</p>',
        "" if scores.better else "<p>It is not better than the guess.</p>",
        _table(*scores.table()),
        _drawn(scores, history, found, H),
    ]
    if isinstance(kept.recipe, TableRecipe):
        parts += _columns(kept, found, scores, options.seed)
    if isinstance(scores, ClassScores):
        parts += _mistakes(scores, H, found)
    parts += ["<h2>Epochs</h2>", _table(*_epochs(history)), "<h2>The network</h2>"]
    parts += [
        f'<div class="wide">{kept.model._repr_html_()}</div>',
        "<h2>Options</h2>",
        _options(options, found.samples),
    ]
    parts += ["<h2>Next</h2>", _commands(options, found)]
    body = "\n".join(filter(None, parts))
    return (
        f'{PAGE}\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n"
        f'<p class="quiet">nnmat {__version__}</p>\n</main>\n</body>\n</html>\n'
    )


def _lines(text: str) -> str:
    return f"<p>{'<br>'.join(map(escape, text.splitlines()))}</p>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f'<div class="wide">{html_table(head, rows, left=1)}</div>'


def _drawn(scores: Scores, history: Mapping[str, Sequence], found: Given, H: np.ndarray) -> str:
    drawn = pictures(scores, history)
    if drawn and isinstance(scores, ClassScores) and found.samples == "images":
        drawn += mistaken(found.test.X, _wrong(H, found.test.y), H.argmax(axis=1), found.test.y, scores.labels)
    if not drawn:
        return f'<p class="quiet">{escape(NO_PICTURES)}</p>'
    return "\n".join(f"<figure>{img}<figcaption>{escape(text)}</figcaption></figure>" for text, img in drawn)


def _columns(kept: Kept, found: Given, scores: Scores, seed: int) -> list[str]:
    """What is lost when the entries of a column are shuffled."""
    assert isinstance(kept.recipe, TableRecipe)
    lost = importances(kept.model, kept.recipe, found.test.X, found.test.y, kept.guess, seed)[:LISTED]
    classes = isinstance(scores, ClassScores)
    what = "accuracy lost" if classes else "RMSE gained"
    largest = max([value for _, value in lost] + [1e-12])
    rows = [
        f'<tr><td style="text-align: left">{escape(name)}</td><td>{percent(value) if classes else f"{value:.4g}"}</td>'
        f'<td style="width: 12rem"><span class="bar" style="width: {max(0.0, 100 * value / largest):.0f}%"></span></td>'
        "</tr>"
        for name, value in lost
    ]
    head = f'<tr><th style="text-align: left">column</th><th>{what}</th><th></th></tr>'
    return [
        "<h2>What the columns say</h2>",
        f"<p>{what[0].upper()}{what[1:]} when the entries of a column are shuffled among the rows.</p>",
        f'<div class="wide"><table>{head}{"".join(rows)}</table></div>',
    ]


def _wrong(H: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The samples that are taken for something else, those first whose own class got the smallest probability."""
    P = probabilities_of(H)
    wrong = np.flatnonzero(H.argmax(axis=1) != y)
    return wrong[np.argsort(P[wrong, y[wrong]], kind="stable")]


def _mistakes(scores: ClassScores, H: np.ndarray, found: Given) -> list[str]:
    """The samples that the model is most wrong about."""
    P, said, y = probabilities_of(H), H.argmax(axis=1), found.test.y
    order = _wrong(H, y)[:LISTED]
    if not len(order):
        return []
    rows = [
        [found.test_names[i], scores.labels[y[i]], scores.labels[said[i]], percent(float(P[i, said[i]]))]
        for i in order.tolist()
    ]
    return ["<h2>Worst mistakes</h2>", _table([found.samples[:-1], "is", "was taken for", "sure"], rows)]


def _epochs(history: Mapping[str, Sequence]) -> tuple[list[str], list[list[str]]]:
    """Some epochs, the first and the last among them."""
    names = [name for name in history if name not in ("seconds", "learning_rate")]
    n = len(history["epoch"])
    chosen = sorted({round(i) for i in np.linspace(0, n - 1, min(n, 10))})
    rows = [[f"{history[name][i]:.4g}" for name in names] for i in chosen]
    return [name.replace("_", " ") for name in names], rows


def _options(options: argparse.Namespace, samples: str) -> str:
    """The options of the run, as on the command line, without those that cannot matter."""
    left_out = OF_COMMANDS | (OF_IMAGES if samples == "rows" else OF_TABLES)
    given = {name: value for name, value in vars(options).items() if name not in left_out and value not in (None, [])}
    rows = [
        [name.replace("_", "-"), " ".join(map(str, value)) if isinstance(value, list) else str(value)]
        for name, value in given.items()
    ]
    return f'<div class="wide">{html_table(["option", ""], rows, left=2)}</div>'


def _commands(options: argparse.Namespace, found: Given) -> str:
    new = "NEW.csv" if found.samples == "rows" else "NEW.png"
    commands = [
        f"nnmat predict {options.out} {new}",
        f"nnmat evaluate {options.out} {'OTHER.csv' if found.samples == 'rows' else 'FOLDER'}",
        f"nnmat export {options.out} --onnx {options.out.with_suffix('.onnx').name}",
    ]
    return f"<pre>{escape(chr(10).join(commands))}</pre>"
