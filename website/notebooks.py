"""Notebooks run, and turned into Markdown: `python website/notebooks.py [--write] [OUT]`.

They are stored with what they print and without pictures: so a reader of the file sees results, a test can compare
them, and a changed notebook is a difference that can be read. Pictures are made when the site is.
"""

import base64
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "docs" / "notebooks"


def run(path: Path) -> dict:
    """The notebook after a run in a fresh kernel, in an empty folder; an error in a cell is a CellExecutionError."""
    import tempfile

    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        config = Config({"AsyncKernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})  # no ports
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=120, kernel_name="python3", config=config, resources=resources).execute()
    return json.loads(nbformat.writes(notebook))


def printed(cell: dict) -> str:
    """What a cell prints, and the text of the value that it ends with; a picture has none."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output["output_type"] == "stream" and output["name"] == "stdout":
            found.append("".join(output["text"]))
        elif output["output_type"] == "execute_result" and "image/png" not in data:
            found.append("".join(data["text/plain"]))
    return "\n".join(text.strip("\n") for text in found if text.strip())


def pictures_of(cell: dict) -> list[bytes]:
    """The pictures that a cell shows."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [base64.b64decode("".join(each["image/png"])) for each in data if "image/png" in each]


def stored(notebook: dict) -> dict:
    """The notebook as it is kept: what its cells print, no pictures, no numbers that change from run to run."""
    cells = []
    for cell in notebook["cells"]:
        kept = {"cell_type": cell["cell_type"], "id": cell["id"], "metadata": {}, "source": cell["source"]}
        if cell["cell_type"] == "code":
            text = printed(cell)
            lines = text.splitlines(keepends=True)
            kept |= {"execution_count": None, "outputs": []}
            if text:
                kept["outputs"] = [{"output_type": "stream", "name": "stdout", "text": lines}]
        cells.append(kept)
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def written(notebook: dict) -> str:
    """The file's text."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def to_markdown(path: Path) -> tuple[str, dict[str, bytes]]:
    """A page of the site, and its pictures by file name."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.md)", source))
            if len(parts) == 1:
                parts.append(f"[As a notebook]({path.name})")
            continue
        parts.append(f"```python\n{source}\n```")
        if text := printed(cell):
            parts.append(f"```text\n{text}\n```")
        for png in pictures_of(cell):
            name = f"{path.stem}-{len(pictures) + 1}.png"
            pictures[name] = png
            parts.append(f"![What the lines above draw]({name})")
    return "\n\n".join(parts) + "\n", pictures


def main(arguments: list[str]) -> None:
    """Run all notebooks; write them to a folder, or with --write back to where they lie."""
    write = "--write" in arguments
    names = [argument for argument in arguments if argument != "--write"]
    for path in sorted(STORED.glob("*.ipynb")):
        print(f"running {path.name}", flush=True)
        notebook = run(path)
        if write:
            path.write_text(written(stored(notebook)), encoding="utf-8")
        for folder in map(Path, names):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / path.name).write_text(written(notebook), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
