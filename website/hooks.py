"""What `mkdocs build` does besides: pages made of notebooks, of public names, and of files beside docs/."""

import re
from pathlib import Path

import notebooks
import reference
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
EXECUTED = ROOT / "build" / "notebooks"
# Pages of the site whose files do not lie in docs/.
BESIDE = {
    "reference/contracts.md": "kernels/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\((\.\./[^)\s#]+|[^)\s#:]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)


def on_files(files, config):
    """Add the pages that are made here."""
    made = dict(reference.pages())
    made |= {page: (ROOT / source).read_text(encoding="utf-8") for page, source in BESIDE.items()}
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        executed = EXECUTED / path.name
        page, pictures = notebooks.to_markdown(executed if executed.exists() else path)
        made[f"notebooks/{path.stem}.md"] = page
        for name, content in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    for page, content in made.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links to files beside docs/ lead to their page here; those to files that have none become their text."""
    at = (ROOT / BESIDE.get(page.file.src_uri, f"docs/{page.file.src_uri}")).parent
    up = "../" * page.file.src_uri.count("/")
    pages = {ROOT / source: name for name, source in BESIDE.items()}
    pages |= {ROOT / "docs" / file.src_uri: file.src_uri for file in files} | {ROOT / "README.md": "index.md"}

    def here(match):
        text, target, anchor = match[1], match[2], match[3] or ""
        path = (at / target).resolve()
        if path in pages:
            return f"[{text}]({up}{pages[path]}{anchor})"
        return text if path.exists() else match[0]

    return outside_fences(markdown, lambda prose: LINK.sub(here, prose))


def outside_fences(markdown, change):
    """The text with its prose changed and its blocks of code as they are."""
    parts, start = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [change(markdown[start : fence.start()]), fence[0]]
        start = fence.end()
    return "".join([*parts, change(markdown[start:])])
