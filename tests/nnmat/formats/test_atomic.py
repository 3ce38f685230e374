"""Files replaced as a whole or not at all: mode, links, leftovers of killed saves, a full disk, paths of every kind."""

import errno
import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

import nnmat
from nnmat import Linear, Sequential
from nnmat.datasets import load_csv, load_npz, read_idx, write_idx
from nnmat.formats.atomic import atomic_write


def write(path, content=b"new"):
    with atomic_write(path) as file:
        file.write(content)


def test_the_file_takes_its_name_at_the_end(tmp_path):
    path = tmp_path / "a.bin"
    with atomic_write(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    with atomic_write(str(path)) as file:
        file.write(b"two")
        assert path.read_bytes() == b"one"
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_block_that_raises_leaves_the_old_file(error, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write():
        with atomic_write(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_missing_folder_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "none" / "a.bin"):
        pass


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_gets_the_users_usual_mode(tmp_path, umask):
    before = os.umask(umask)
    try:
        write(tmp_path / "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask


def test_a_private_file_is_never_readable_by_others_while_it_is_written(tmp_path):
    path = tmp_path / "a"
    write(path, b"old")
    path.chmod(0o600)
    with atomic_write(path) as file:
        file.write(b"secret")
        modes = [stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()]
    assert modes == [0o600, 0o600]


@pytest.mark.parametrize("kind", ["relative", "absolute", "chain", "dangling"])
def test_a_symbolic_link_stays_one_and_its_target_is_replaced(tmp_path, kind):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    if kind != "dangling":
        target.write_bytes(b"old")
    if kind == "chain":
        (tmp_path / "middle").symlink_to(target)
        link.symlink_to("middle")
    else:
        link.symlink_to(target if kind == "absolute" else "there/target")
    write(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert not target.is_symlink()
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted(
        ["there", "target", "link"] + ["middle"] * (kind == "chain")
    )


def test_a_device_is_written_to_and_not_replaced():
    write(os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("no-folder/a", FileNotFoundError, "no-folder.* does not exist. Make it"),
        (".", IsADirectoryError, "is a folder"),
        ("a\0b", nnmat.ConfigError, "NUL"),
        (b"a\0b", nnmat.ConfigError, "NUL"),
        ("", nnmat.ConfigError, "a path with a name"),
        (3, nnmat.ConfigError, "str, bytes or pathlib.Path, got 3"),
        (None, nnmat.ConfigError, "str, bytes or pathlib.Path, got None"),
    ],
)
def test_paths_that_cannot_be_written(tmp_path, monkeypatch, path, error, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        write(path)
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from nnmat.formats.atomic import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_file_of_a_killed_save_is_removed_by_the_next(tmp_path):
    path = tmp_path / "last.npz"
    for _ in range(2):
        code = subprocess.run([sys.executable, "-c", KILLED, path], check=False).returncode
        assert code == -signal.SIGKILL
        assert len(list(tmp_path.iterdir())) == 1  # the second one has removed the first one's
    other = tmp_path / ".other.npz.0123456789ab.tmp"
    other.write_bytes(b"of another name")
    write(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [other.name, "last.npz"]


def test_a_save_under_way_is_not_taken_for_a_leftover(tmp_path):
    path = tmp_path / "a"
    with atomic_write(path) as first:
        first.write(b"first")
        first.flush()
        write(path, b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_many_threads_that_save_to_one_name(tmp_path):
    path, failed = tmp_path / "a", []

    def save(i):
        try:
            for _ in range(50):
                write(path, bytes([i]) * 1000)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=save, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(set(path.read_bytes())) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_names_file_and_need(tmp_path, monkeypatch, code):
    def full(*arguments):
        raise OSError(code, os.strerror(code))

    path = tmp_path / "a.npz"
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    nnmat.save(model, path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        OSError, match=r"a\.npz needs [\d,]+ bytes, [\d,]+ bytes are free in .*Free some space"
    ) as raised:
        nnmat.save(model, path)
    assert raised.value.errno == code
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(OSError, match=r"c needs more than the 3 bytes"):
        write(tmp_path / "c")
    with pytest.raises(OSError, match=r"b needs 8 bytes"):
        write_idx(tmp_path / "b", np.zeros(0, np.uint8))


LIMITED = """
import resource, sys
import nnmat
model = nnmat.Sequential([nnmat.Linear(300, 300)], input_shape=(300,))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    nnmat.save(model, sys.argv[1])
except OSError as error:
    print(error)
"""


def test_a_file_that_the_system_does_not_let_grow_so_far(tmp_path):
    path = tmp_path / "a.npz"
    write(path, b"old")
    done = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True)
    assert re.search(r"File too large: .*a\.npz needs 36\d,\d+ bytes, [\d,]+ bytes are free", done.stdout)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_device_is_an_os_error():
    with pytest.raises(OSError, match="No space left"):
        write("/dev/full")


@pytest.mark.parametrize("kind", [str, pathlib.Path, os.fsencode])
@pytest.mark.parametrize("name", ["a", "größe", os.fsdecode(b"\xff")])
def test_paths_as_text_bytes_and_objects(tmp_path, kind, name):
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("the file system has no such names")

    def path(ending):
        return kind(str(tmp_path / (name + ending)))

    nnmat.save(model, path(".npz"))
    assert np.array_equal(nnmat.load(path(".npz")).flat_parameters, model.flat_parameters)
    write_idx(path(".idx.gz"), np.arange(3, dtype=np.uint8))
    assert list(read_idx(path(".idx.gz"))) == [0, 1, 2]
    np.savez(tmp_path / f"{name}d.npz", X=np.zeros(2), y=np.zeros(2))
    assert len(load_npz(path("d.npz"))) == 2
    (tmp_path / f"{name}.csv").write_text("1.5,2\n")
    assert len(load_csv(path(".csv"))) == 1
