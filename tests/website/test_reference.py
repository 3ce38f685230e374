"""The reference has every public name, and the navigation every page."""

import importlib
import re

import pytest

from tests.website.loading import ROOT, website

reference = website("reference")
MADE = reference.pages()
# Faces that need nothing but the core, so that the test can ask them themselves.
CORE = (
    "nnmat",
    "nnmat.layers",
    "nnmat.losses",
    "nnmat.optimizers",
    "nnmat.descent",
    "nnmat.datasets",
    "nnmat.calculus",
)


@pytest.mark.parametrize("face", [*CORE, "nnmat_kernels"])
def test_what_is_read_is_what_can_be_imported(face):
    assert set(reference.exported(face)) == set(importlib.import_module(face).__all__)


@pytest.mark.parametrize("face", reference.FACES)
def test_every_public_name_has_its_place(face):
    """On the page of all names, and with an entry on the page that it leads to."""
    listed = dict(re.findall(r"\[`([\w.]+)`\]\((\w+\.md#[\w.]+)\)", MADE["reference/index.md"]))
    pattern = re.compile(r"^(?:::: |.*<span id=\")([\w.]+)", re.MULTILINE)
    entries = {page: set(pattern.findall(text)) for page, text in MADE.items()}
    for name in reference.exported(face):
        path = f"{face}.{name}"
        if face == "nnmat.layers":  # each of them is a name of nnmat
            path = f"nnmat.{name}"
        if path in reference.FACES:
            continue
        target = listed.get(path.removeprefix("nnmat."))
        assert target, f"{path} is not on the page of all names"
        page, _, anchor = target.partition("#")
        assert anchor in entries[f"reference/{page}"], f"{page} has no entry {anchor}"


def test_names_of_modules_are_there():
    for module, names in reference.MODULES.items():
        package, _, name = module.rpartition(".")
        there = getattr(importlib.import_module(package), name)
        assert all(hasattr(there, each) for each in names), module
        classes = {name for name, found in vars(there).items() if isinstance(found, type)}
        own = {name for name in classes if getattr(there, name).__module__ == there.__name__ and name[0] != "_"}
        assert own <= set(names), f"MODULES lacks {sorted(own - set(names))} of {module}"


def test_an_unknown_room_is_named():
    with pytest.raises(LookupError, match=r"website/reference\.py: nnmat\.Thing of nnmat\.cellar\.thing has no page"):
        reference.page_of(reference.Name("nnmat.Thing", "nnmat.cellar.thing:Thing"))


def test_the_navigation_has_every_page():
    """Once. mkdocs itself refuses, in `make site`, entries without a page."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    entries = re.findall(r": ([\w/.-]+\.md)$", navigation, re.MULTILINE)
    listed = set(entries)
    assert len(entries) == len(listed), f"twice: {sorted(page for page in listed if entries.count(page) > 1)}"
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    pages |= {f"notebooks/{path.stem}.md" for path in (ROOT / "docs" / "notebooks").glob("*.ipynb")}
    pages |= set(MADE)
    missing = sorted(pages - listed - beneath())
    assert not missing, f"nav of mkdocs.yml lacks {missing}"


def beneath():
    """Pages of a room whose README.md lists them: the navigation has that one."""
    found = set()
    for readme in (ROOT / "docs").rglob("README.md"):
        room = readme.parent.relative_to(ROOT / "docs").as_posix()
        found |= {f"{room}/{page}" for page in re.findall(r"\]\(([\w.-]+\.md)\)", readme.read_text(encoding="utf-8"))}
    return found
