"""Where embedded data is looked for: `test_mnist` and `test_shakespeare` try it with files."""

import pytest

from nnmat.datasets.places import EMBEDDED, places
from nnmat.errors import DataError


def test_the_order_of_the_places(tmp_path, monkeypatch):
    monkeypatch.delenv("NNMAT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "nnmat" / "data" / "some"
    assert places("some", EMBEDDED / "some") == ([EMBEDDED / "some", cache], cache)
    monkeypatch.setenv("NNMAT_DATA", str(tmp_path / "mine"))
    mine = tmp_path / "mine"
    assert places("some", EMBEDDED / "some") == ([mine / "some", mine], mine / "some")
    monkeypatch.setenv("NNMAT_DATA", "~nobody_of_this_name/data")
    with pytest.raises(DataError, match=r"^some: expected NNMAT_DATA as a folder, got .*Give a full path"):
        places("some", EMBEDDED / "some")
