"""Files that may be written, and those that may not."""

import os

import numpy as np
import pytest

import nnmat
from nnmat.command.usage.outputs import PAGE, check_output, is_model, is_onnx, is_options, is_page, write_text
from nnmat.errors import ConfigError


def test_a_new_file_may_be_written(tmp_path):
    check_output("--out", tmp_path / "a.html", [tmp_path / "b.csv"], is_page)
    write_text(tmp_path / "a.html", PAGE + "é")
    check_output("--out", tmp_path / "a.html", [], is_page)  # its own again
    with pytest.raises(FileNotFoundError, match="folder"):
        check_output("--out", tmp_path / "no/a.html", [], is_page)
    with pytest.raises(IsADirectoryError):
        check_output("--out", tmp_path, [], is_page)


def test_what_is_read_is_never_replaced_by_whatever_name(tmp_path):
    data = tmp_path / "a.csv"
    data.write_text("a")
    (tmp_path / "link.csv").symlink_to(data)
    os.link(data, tmp_path / "hard.csv")
    for name in ("a.csv", "link.csv", "hard.csv", "../" + tmp_path.name + "/a.csv"):
        with pytest.raises(ConfigError, match="which is read"):
            check_output("--out", tmp_path / name, [data], None, overwrite=True)


@pytest.mark.parametrize("own", [is_page, is_options, is_onnx, is_model, None])
@pytest.mark.parametrize("content", [b"", b"something", b"PK\x03\x04"])
def test_a_file_of_the_users_is_replaced_only_if_said(own, content, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="nnmat did not write it"):
        check_output("--out", path, [], own)
    check_output("--out", path, [], own, overwrite=True)


def test_models_of_programs_and_other_archives_are_the_users(tmp_path):
    nnmat.save(nnmat.Sequential([nnmat.Linear(2, 2)], input_shape=(2,)), tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", header=np.ones(3))
    assert not is_model(tmp_path / "a.npz")
    assert not is_model(tmp_path / "b.npz")
