"""The rows of the evidence that are right or wrong: gradients, the calculus, bad input. The tests assert the bars."""

import re

from promises.row import ROOT, Row, run, written

CALCULUS = {  # what is counted: the file that asserts it
    "worked examples": "tests/nnmat/calculus/test_worked_examples.py",
    "identities": "tests/nnmat/calculus/test_identities.py",
    "mutations": "tests/nnmat/calculus/test_mutations.py",
    "table": "tests/nnmat/calculus/checking/test_law_table.py",
}
LONGER = ("55", "56")  # as `LONGER` of tests/outside/matrix_cookbook.py has them
MEDIAN = 2  # milliseconds
REFUSED = 0.003


def gradients() -> Row:
    """Finite differences (norm-wise error below 1e-7) and PyTorch (below 1e-11): the tests assert the bars."""
    ours = "python -m pytest -q tests/nnmat/layers tests/nnmat/losses -k 'derivative or difference'"
    theirs = "python -m pytest -q tests/judge"
    passed = [int(m) for c in (ours, theirs) for m in re.findall(r"(\d+) passed", run(c, NNMAT_JUDGE="1").stdout)]
    value = f"{passed[0]} cases against finite differences, {passed[1]} against PyTorch, none failed"
    bar = "norm-wise error < 1e-7 against differences, < 1e-11 against PyTorch, float64"
    return Row("gradients of every layer and loss", bar, value, min(passed) > 0, f"{ours}; {theirs}")


def calculus() -> Row:
    """Worked examples and identities in the textbook form, mutated rules caught, wrong statements refuted, times."""
    found, times = {}, ""
    for name, file in CALCULUS.items():
        text = run(f"python -m pytest -q -s {file}").stdout
        found[name] = int(re.findall(r"(\d+) passed", text)[0])
        times += "".join(re.findall(r"a derivation: .*", text))
    value = ", ".join(f"{number} tests of {name}" for name, number in found.items())
    holds = found["worked examples"] >= 90 and found["identities"] >= 60 and found["mutations"] >= 30 and times != ""
    bar = "textbook forms letter by letter; >= 30 mutations caught; a derivation < 50 ms, depth 8 < 1 s"
    return Row("matrix gradients derived", bar, f"{value}; {times}", holds, "python -m pytest -s tests/nnmat/calculus")


def derivation_time() -> Row:
    """The time of a derivation of ordinary size: the worked examples, each with its check."""
    command = "python -m pytest -q -s tests/nnmat/calculus/test_worked_examples.py -k quick"
    value, median = figures(command, r"a derivation: (median ([\d.]+) ms, .*)")[0]
    bar = f"median of the worked examples <= {MEDIAN} ms"
    return Row("time of a derivation", bar, value, float(median) <= MEDIAN, command)


def book() -> Row:
    """Section 2 of the Matrix Cookbook by its numbers: right, and how long beside the book, row by row."""
    command = "python -m pytest -q -s tests/outside/test_matrix_cookbook.py"
    text = run(command).stdout
    rows = re.findall(r"^\.*(\((\d+)\) (\d+)/(\d+) .*)", text, re.MULTILINE)
    ((counts, _),) = matches(text, r"cookbook: (.*?; (\d+) rows .*)", command)
    longer = [number for _, number, ours, theirs in rows if int(ours) > 1.2 * int(theirs)]
    first = f"{counts}; longer: {', '.join(longer) or 'none'}; symbols here/in the book:"
    value = "\n         ".join([first, *(line for line, *_ in rows)])
    bar = f"all right; none longer than 1.2 times the book's form, but {', '.join(LONGER)} for the reasons in the table"
    return Row("Matrix Cookbook, section 2", bar, value, bool(rows) and set(longer) <= set(LONGER), command)


def sizes() -> Row:
    """Long and deep functions, each derived and printed as text, LaTeX and code; the tests assert the bars."""
    command = "python -m pytest -q -s tests/nnmat/calculus/test_sizes.py"
    text = run(command).stdout
    parts = matches(text, r"(\S.*), (\w+): ([\d.]+) s, (\d+) kB", command)
    memory = int(re.findall(r"memory: (\d+) MB", text)[0])
    seconds, length = max(float(p[2]) for p in parts), max(int(p[3]) for p in parts)
    value = f"{len(parts)} outputs, at most {seconds:.2f} s and {length} kB; {memory} MB"
    names = ", ".join(dict.fromkeys(p[0].lstrip(".") for p in parts))
    holds = seconds < 1 and length < 100 and memory < 300
    return Row(f"large functions: {names}", "1 s, 100 kB, memory under 300 MB", value, holds, command)


def read_back() -> Row:
    """Code of all results of the tests, read by `parse` to the same expression."""
    command = "python -m pytest -q -s tests/nnmat/calculus/test_read_back.py"
    parts = figures(command, r"read back: (\d+) texts of (.*)", NNMAT_RANDOM="400")
    value = f"{sum(int(n) for n, _ in parts)} texts, all the same: " + ", ".join(f"{n} of {of}" for n, of in parts)
    bar = "all results of the tests, each the same expression again"
    return Row("printed code is read back", bar, value, len(parts) >= 6, f"NNMAT_RANDOM=400 {command}")


def matches(text: str, pattern: str, command: str) -> list[tuple[str, ...]]:
    """What a command said in this form, once or more."""
    parts = re.findall(pattern, text)
    if not parts:
        raise OSError(f"evidence: `{command}` printed no figures")
    return parts


def figures(command: str, pattern: str, **extra: str) -> list[tuple[str, ...]]:
    """What a command says in this form."""
    return matches(run(command, ROOT, **extra).stdout, pattern, command)


def calculus_random() -> Row:
    """Random expressions against PyTorch: every operator 400 times as root, inside and under a transpose."""
    command = "python -m pytest -q -s tests/judge/test_calculus_torch.py -k random"
    parts = figures(command, r"compared (\d+), refused (\d+), worst (\S+)", NNMAT_RANDOM="400")
    compared, refused = (sum(int(part[i]) for part in parts) for i in (0, 1))
    worst = max(float(part[2]) for part in parts)
    value = f"{compared} right, {refused} refused, none wrong, none accused; worst relative distance {worst:.1e}"
    holds = compared >= 5000 and refused < REFUSED * compared
    bar = "each operator 400 times in each place against PyTorch; none wrong or accused, < 0.3 % refused"
    return Row("random expressions", bar, value, holds, f"NNMAT_RANDOM=400 {command}")


def texts_without_shapes() -> Row:
    """Texts of many authors' habits whose shapes are not declared: each is right by NumPy, or a question."""
    command = "python -m pytest -q -s tests/nnmat/calculus/test_texts_without_shapes.py"
    ((right, asked),) = [map(int, c) for c in figures(command, r"texts without shapes: (\d+) right, (\d+) asked")]
    value = f"{right} right, {asked} asked with the declarations that answer, none silently wrong"
    bar = "at least 60 texts; the gradient that the author means, against NumPy's differences, or a question"
    return Row("texts without shapes: none silently wrong", bar, value, right + asked >= 60, command)


def analysis() -> Row:
    """Every value of the analyses within its bound, and the pages of their tables beside what the scripts print."""
    scripts = [f"scripts/analyse_{name}.py" for name in ("batchnorm", "depth", "gan", "convolution")]
    tables = [table for script in scripts for table in written(f"python {script}")["tables"]]
    kept = [row["holds"] for table in tables for row in table["rows"]]
    command = "python -m pytest -q tests/scripts -k 'analyse and (page_shows or page_has)'"
    pages = int(re.findall(r"(\d+) passed", run(command).stdout)[0])
    value = f"{sum(kept)} of {len(kept)} rows keep their bounds; the tables of {pages} scripts are those of the pages"
    bar = "all of them; every number of docs/analysis.md and docs/convolution.md printed by a script"
    return Row("analysis", bar, value, all(kept) and pages == len(scripts) + 1, f"python {scripts[0]} ...; {command}")


def bad_input() -> Row:
    """The table-driven sweeps over library and scripts."""
    command = "python -m pytest -q tests/test_bad_input.py tests/scripts -k 'bad or wrong or no_data or missing'"
    passed = int(re.findall(r"(\d+) passed", run(command).stdout)[0])
    value = f"{passed} wrong calls explained, no traceback from a script, no file left behind"
    return Row("bad input", "a typed error or usage message, exit code 2 for usage", value, passed > 0, command)
