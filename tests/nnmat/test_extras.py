"""Optional packages: there, absent, and broken inside."""

import pytest

from nnmat.errors import MissingExtraError
from nnmat.extras import extra


def test_one_that_is_there():
    assert extra("json.decoder", "nobody", "none").JSONDecoder


def test_an_absent_one_says_who_needs_it_and_how_to_get_it():
    with pytest.raises(
        MissingExtraError, match=r"nnmat.onnx.save: expected absent_package to be installed.*'nnmat\[onnx\]'"
    ):
        extra("absent_package.part", "nnmat.onnx.save", "onnx")


def test_one_that_lacks_something_itself_is_not_called_absent(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import absent_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="absent_package") as caught:
        extra("half_installed", "nobody", "none")
    assert not isinstance(caught.value, MissingExtraError)
