"""Every Python block of the README and of docs/ runs, prints what the page says, and every command named there exists.

The blocks of a page run from top to bottom in one namespace, in an empty folder. A block marked ```text that follows a
```python block (nothing but blank lines between them) is that block's output, compared line by line. A block whose
first line is the comment "# pip install 'nnmat[data]'" needs that extra: without it the block is left out, and the test
of the page is skipped at its end, or fails with NNMAT_EXTRAS=1 (`make extras`).
"""

import contextlib
import dataclasses
import importlib
import io
import os
import pathlib
import re
import sys
import textwrap
import traceback
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES_WITH_CODE = (
    "README.md",
    "docs/analysis.md",
    "docs/calculus.md",
    "docs/convolution.md",
    "docs/data.md",
    "docs/equations.md",
    "docs/files.md",
    "docs/howto/errors.md",
    "docs/howto/own_callback.md",
    "docs/howto/own_loss.md",
    "docs/howto/reproduce.md",
    "docs/howto/resume.md",
    "docs/howto/save_and_load.md",
    "docs/howto/speed.md",
    "docs/index.md",
    "docs/kernels.md",
    "docs/notation.md",
    "docs/onnx.md",
    "docs/running_derivations.md",
    "docs/scikit_learn.md",
    "docs/tour.md",
    "docs/watching.md",
)
DOCS = sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md"))
PAGES = sorted({*PAGES_WITH_CODE, "kernels/README.md", *DOCS})
LANGUAGES = {"", "python", "text", "console", "sh", "toml", "json"}  # "py", "pycon" ... would be passed over in silence
EXTRA = re.compile(r"# pip install 'nnmat\[(\w+)\]'")
PACKAGES = {  # of an extra: what is imported
    "data": ("pandas", "polars", "PIL", "sklearn"),
    "keras": ("h5py",),
    "notebook": ("nbformat", "nbclient", "ipykernel", "matplotlib"),
    "onnx": ("onnx", "onnxruntime"),
    "plot": ("matplotlib",),
    "safetensors": ("safetensors",),
    "sklearn": ("sklearn",),
    "tensorboard": ("tensorboard",),
}
FENCE = re.compile(r"^( *)(`{3,})([^`]*)$")


@dataclasses.dataclass
class Block:
    line: int  # of the first line inside the fence, counted from 1
    language: str
    source: str
    follows: bool  # only blank lines stand between this block and the one before it


def blocks_of(text: str) -> list[Block]:
    """All fenced blocks of a Markdown text, in order."""
    blocks: list[Block] = []
    opened = None  # (line, fence, language, follows)
    between_is_blank = False
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fence = FENCE.match(line)
        if opened is None:
            if fence:
                opened = (number + 1, fence[2], fence[3].strip(), between_is_blank)
                inside = []
            elif line.strip():
                between_is_blank = False
        elif fence and fence[2] == opened[1] and not fence[3].strip():
            blocks.append(Block(opened[0], opened[2], textwrap.dedent("\n".join(inside)), opened[3]))
            opened, between_is_blank = None, True
        else:
            inside.append(line)
    assert opened is None, f"line {opened[0] - 1}: this fence is never closed"
    return blocks


def missing_extra(block: Block) -> str:
    """The extra that a block says it needs and that is not installed; with NNMAT_EXTRAS=1 this is an ImportError."""
    found = EXTRA.match(block.source)
    for package in PACKAGES[found[1]] if found else ():
        try:
            importlib.import_module(package)
        except ImportError:
            if os.environ.get("NNMAT_EXTRAS") == "1":
                raise
            return found[1] if found else ""
    return ""


def run_page(name: str, text: str, left_out: list[str] | None = None) -> int:
    """Execute the page's Python blocks; returns how many ran. Raises AssertionError that names page and line.

    Blocks that need an extra which is missing are left out, and noted in `left_out`.
    """
    module = types.ModuleType("page")
    blocks = blocks_of(text)
    for block in blocks:
        assert block.language in LANGUAGES, f"{name}:{block.line - 1}: unknown kind of block, {block.language!r}"
    executed = 0
    sys.modules["page"] = module  # so that classes defined on a page can be copied and pickled
    try:
        for block, after in zip(blocks, [*blocks, None][1:], strict=True):
            if block.language != "python":
                continue
            if left_out is not None and (extra := missing_extra(block)):
                left_out.append(f"{name}:{block.line} needs the extra {extra}")
                continue
            printed = execute(name, block, module.__dict__)
            executed += 1
            if after is not None and after.language == "text" and after.follows:
                shown, got = lines_of(after.source), lines_of(printed)
                if got != shown:
                    message = f"{name}:{after.line}: the page shows\n{after.source}\nthe block printed\n{printed}"
                    raise AssertionError(message)
    finally:
        del sys.modules["page"]
    return executed


def execute(name: str, block: Block, namespace: dict) -> str:
    """Run one block, with the page's own line numbers in tracebacks; returns what it printed."""
    printed = io.StringIO()
    try:
        code = compile("\n" * (block.line - 1) + block.source, name, "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
    except Exception as error:
        at = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
        line = at[-1] if at else getattr(error, "lineno", None) or block.line
        raise AssertionError(f"{name}:{line}: {type(error).__name__}: {error}") from error
    return printed.getvalue()


def lines_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def commands_of(text: str) -> tuple[set[str], set[str], set[str]]:
    """The scripts, the make targets and the options of scripts that a page names in code."""
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE))
    lines = [line for block in blocks_of(text) if block.language in ("console", "sh") for line in shell_lines(block)]
    scripts, targets, options = set(), set(), set()
    for command in [*inline, *lines]:
        command = command.split(" #")[0].strip().removeprefix("$ ")
        scripts.update(re.findall(r"\bscripts/[\w./-]+\.py\b", command))
        scripts.update(f"scripts/{name}" for name in re.findall(r"^(\w+\.py) +\S", command))
        targets.update(re.findall(r"(?:^|&& *)make ([a-z][\w-]*)", command))
        for script in re.findall(r"\b(?:python3? +)?(\w+\.py) +(-.*|.* --.*)", command):
            options.update(re.findall(r"(?<![\w-])--[a-z][a-z-]*", script[1]))
    return scripts, targets, options


def shell_lines(block: Block) -> list[str]:
    lines = block.source.replace("\\\n", " ").splitlines()
    prompted = [line for line in lines if line.startswith("$ ")]
    return prompted or lines  # with a prompt, the lines without one are output


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs_and_prints_what_it_shows(page, tmp_path, monkeypatch):
    text = (ROOT / page).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    left_out: list[str] = []
    found = run_page(page, text, left_out) + len(left_out)
    assert found == len(re.findall(r"^ *```python$", text, flags=re.MULTILINE))
    assert found > 0 or page not in PAGES_WITH_CODE, f"{page}: no Python block was found"
    if left_out:
        pytest.skip("; ".join(left_out))


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_the_commands_of_a_page_exist(page):
    scripts, targets, options = commands_of((ROOT / page).read_text(encoding="utf-8"))
    missing = sorted(script for script in scripts if not (ROOT / script).is_file())
    assert not missing, f"{page} names scripts that do not exist: {missing}"
    defined = set(re.findall(r"^([\w-]+) *:(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert targets <= defined, f"{page} names make targets that do not exist: {sorted(targets - defined)}"
    commands = [script for room in ("scripts", "website") for script in sorted((ROOT / room).glob("*.py"))]
    sources = "".join(script.read_text(encoding="utf-8") for script in commands)
    unknown = sorted(option for option in options if not re.search(rf"""["']{option}["']""", sources))
    assert not unknown, f"{page} names options that no script has: {unknown}"


def test_the_front_door_names_its_commands():
    scripts, targets, _ = commands_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"train", "test"} <= targets
    assert {"scripts/train_fcn.py", "scripts/train_cnn.py"} <= scripts


def test_every_reference_to_the_equations_exists():
    page = (ROOT / "docs/equations.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^##+ (\d(?:\.\d+)?)\.? ", page, flags=re.MULTILINE))
    ids = set(re.findall(r"\b(?:LAW|TR|EX|ERR|ALG|MOT)-[\d-]*\d[a-z]?", page))
    checked = 0
    for path in sorted([*(ROOT / "nnmat").rglob("*.py"), *(ROOT / "kernels").rglob("*.py")]):
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(ROOT)
        for number, line in enumerate(text.splitlines(), start=1):
            cited = re.findall(r"\b(?:LAW|TR|EX|ERR|ALG|MOT)-[\d-]*\d[a-z]?", line)
            if "docs/equations.md" in line and "Reference" in line:
                said = re.search(r"docs/equations\.md, sections? (\d(?:\.\d+)?)(?:(?:, | and )(\d\.\d+))*", line)
                assert said or cited, f"{where}:{number}: name a section of docs/equations.md, such as `section 3.1`"
                cited += re.findall(r"\d(?:\.\d+)?", said[0].partition(" section")[2]) if said else []
            unknown = [name for name in cited if name not in sections | ids]
            assert not unknown, f"{where}:{number}: docs/equations.md has no {', '.join(unknown)}"
            checked += len(cited)
    assert checked >= 30  # every layer, loss, optimizer and kernel cites it


PAGE = "# A page\n\n```python\nx = 1\nprint(x + 1)\n```\n\n```text\n2\n```\n\nMore.\n\n```python\ny = x\n{line}\n```\n"


def test_a_page_that_is_right_passes():
    assert run_page("page.md", PAGE.format(line="assert y == 1")) == 2


def test_a_page_that_is_wrong_is_named_with_its_line():
    with pytest.raises(AssertionError, match=r"page\.md:16: ZeroDivisionError"):
        run_page("page.md", PAGE.format(line="y / 0"))
    with pytest.raises(AssertionError, match=r"page\.md:16: SyntaxError"):
        run_page("page.md", PAGE.format(line="y ="))
    with pytest.raises(AssertionError, match=r"page\.md:9: the page shows\n3\nthe block printed\n2"):
        run_page("page.md", PAGE.format(line="pass").replace("```text\n2", "```text\n3"))
    with pytest.raises(AssertionError, match=r"page\.md:3: unknown kind of block, 'py'"):
        run_page("page.md", PAGE.format(line="pass").replace("```python", "```py"))
    with pytest.raises(AssertionError, match=r"line 14: this fence is never closed"):
        run_page("page.md", PAGE.format(line="pass").removesuffix("```\n"))


def test_a_block_that_needs_a_missing_extra_is_left_out(monkeypatch):
    monkeypatch.delenv("NNMAT_EXTRAS", raising=False)
    monkeypatch.setitem(PACKAGES, "data", ("no_such_package",))
    page = "```python\n# pip install 'nnmat[data]'\n1 / 0\n```\n\n```python\nx = 1\n```\n"
    left_out: list[str] = []
    assert run_page("page.md", page, left_out) == 1
    assert left_out == ["page.md:2 needs the extra data"]
    monkeypatch.setenv("NNMAT_EXTRAS", "1")
    with pytest.raises(ImportError, match="no_such_package"):
        run_page("page.md", page, [])


def test_the_commands_of_a_text_are_found():
    text = "Type `make train`, make sure. `evaluate.py MODEL`, see `base.py`.\n"
    text += "```console\n$ make test && make judge\nmake nothing\n```\n"
    text += "```sh\npython scripts/train_fcn.py --hidden 800 \\\n    --lr 0.1  # see --other\n```\n"
    assert commands_of(text) == (
        {"scripts/train_fcn.py", "scripts/evaluate.py"},
        {"train", "test", "judge"},
        {"--hidden", "--lr"},
    )
