"""The embedded plays: found, checked, and typed errors where they are not."""

import gzip
import importlib

import pytest

from nnmat.datasets import Vocabulary, shakespeare
from nnmat.errors import DataError, FileFormatError

MODULE = importlib.import_module("nnmat.datasets.text.shakespeare")  # the name in the package is the function


def test_the_plays():
    text = shakespeare()
    assert len(text) == 1_150_837
    assert len(Vocabulary(text)) == 76
    assert text.startswith("HAMLET, PRINCE OF DENMARK\n")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["shakespeare", "."])
def test_nnmat_data_comes_first(tmp_path, monkeypatch, packed, folder):
    content = gzip.decompress((MODULE.EMBEDDED / "plays.txt.gz").read_bytes())
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    (place / ("plays.txt.gz" if packed else "plays.txt")).write_bytes(gzip.compress(content, 1) if packed else content)
    monkeypatch.setattr(MODULE, "EMBEDDED", tmp_path / "nowhere")
    monkeypatch.setenv("NNMAT_DATA", str(tmp_path))
    assert shakespeare().encode() == content


def test_errors(tmp_path, monkeypatch):
    monkeypatch.setenv("NNMAT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"^shakespeare: expected the file plays\.txt\.gz in one of these places"):
        shakespeare()
    (tmp_path / "plays.txt").write_text("Call me Ishmael.")
    with pytest.raises(FileFormatError, match=r"^shakespeare: expected content with SHA-256 035ad7e.*got "):
        shakespeare()
    (tmp_path / "plays.txt.gz").write_bytes(gzip.compress(b"x" * 100)[:-9])
    with pytest.raises(FileFormatError, match=r"^shakespeare: expected .*plays\.txt\.gz to be a whole gzip file"):
        shakespeare()
