"""Finding, checking and downloading MNIST."""

import functools
import gzip
import hashlib
import http.server
import importlib
import threading

import numpy as np
import pytest

from nnmat.datasets import mnist, write_idx
from nnmat.errors import DataError, FileFormatError

MODULE = importlib.import_module("nnmat.datasets.images.mnist")  # the name in the package is the function


@pytest.fixture
def home(tmp_path, monkeypatch):
    """No checkout, an empty cache folder, and no NNMAT_DATA."""
    monkeypatch.setattr(MODULE, "EMBEDDED", tmp_path / "checkout")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NNMAT_DATA", raising=False)
    return tmp_path


def small_files(folder, train=5, test=3, suffix=".gz") -> dict[str, str]:
    """Small files in the format of MNIST; the SHA-256 of their content by name."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    digests = {}
    for part, n in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", np.arange(n, dtype=np.uint8))):
            path = folder / f"{part}-{name}-ubyte{suffix}"
            write_idx(path, array)
            content = path.read_bytes()
            content = gzip.decompress(content) if suffix else content
            digests[f"{part}-{name}-ubyte"] = hashlib.sha256(content).hexdigest()
    return digests


@pytest.fixture
def mirror(home, monkeypatch):
    """A mirror as a file:// address, whose small files the checksums expect."""
    monkeypatch.setattr(MODULE, "SHA256", small_files(home / "mirror"))
    return (home / "mirror").as_uri() + "/"


def test_the_real_digits():
    train, test = mnist()
    for data, n in ((train, 60_000), (test, 10_000)):
        assert data.X.shape == (n, 28, 28, 1)
        assert data.X.dtype == np.float32
        assert data.X.flags.c_contiguous
        assert (data.X.min(), data.X.max()) == (0, 1)
        assert data.y.shape == (n,)
        assert data.y.dtype == np.int64
        assert set(data.y) == set(range(10))
    assert list(train.y[:10]) == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.isclose(train.X.mean(), 0.13066, atol=1e-5)


def test_the_embedded_files_are_the_original_ones():
    for name, digest in MODULE.SHA256.items():
        content = gzip.decompress((MODULE.EMBEDDED / f"{name}.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == digest


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", ["data/mnist", "data"])
def test_nnmat_data_comes_before_the_checkout(home, monkeypatch, suffix, place):
    small_files(home / "checkout", train=2)
    small_files(home / place, train=5, suffix=suffix)
    assert len(mnist(mirrors=())[0]) == 2
    monkeypatch.setenv("NNMAT_DATA", str(home / "data"))
    train, test = mnist(mirrors=())
    assert (len(train), len(test)) == (5, 3)


def test_the_checkout_comes_before_the_cache(home):
    small_files(home / "cache" / "nnmat" / "data" / "mnist", train=4)
    assert len(mnist(mirrors=())[0]) == 4
    small_files(home / "checkout", train=2)
    assert len(mnist(mirrors=())[0]) == 2


def test_nnmat_data_does_not_fall_back_to_other_folders(home, monkeypatch):
    small_files(home / "checkout")
    monkeypatch.setenv("NNMAT_DATA", str(home / "wrong"))
    with pytest.raises(DataError, match="wrong"):
        mnist(mirrors=())


def test_missing_files_are_downloaded_once(home, mirror):
    train, test = mnist(mirrors=(mirror,), progress=False)
    assert (len(train), len(test)) == (5, 3)
    folder = home / "cache" / "nnmat" / "data" / "mnist"
    assert len(list(folder.iterdir())) == 4
    again, _ = mnist(mirrors=())
    assert np.array_equal(again.X, train.X)


def test_only_what_is_missing_is_downloaded(home, mirror):
    mnist(mirrors=(mirror,), progress=False)
    folder = home / "cache" / "nnmat" / "data" / "mnist"
    kept = folder / "t10k-images-idx3-ubyte.gz"
    time = kept.stat().st_mtime_ns
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    mnist(mirrors=(mirror,), progress=False)
    assert len(list(folder.iterdir())) == 4
    assert kept.stat().st_mtime_ns == time


def test_downloads_go_to_nnmat_data(home, mirror, monkeypatch):
    monkeypatch.setenv("NNMAT_DATA", str(home / "mine"))
    mnist(mirrors=(mirror,), progress=False)
    assert len(list((home / "mine" / "mnist").iterdir())) == 4


def test_a_bad_mirror_is_passed_over(home, mirror, capsys):
    bad = home / "bad"
    small_files(bad)
    write_idx(bad / "train-images-idx3-ubyte.gz", np.zeros((5, 28, 28), np.uint8))  # another content
    (bad / "train-labels-idx1-ubyte.gz").write_bytes(b"<html>not here</html>")
    short = bad / "t10k-images-idx3-ubyte.gz"
    short.write_bytes(short.read_bytes()[:-20])
    mirrors = ("not a url", (home / "nowhere").as_uri(), bad.as_uri(), mirror)
    train, _ = mnist(mirrors=mirrors)
    assert train.X.max() > 0
    assert "train-images-idx3-ubyte.gz" in capsys.readouterr().err  # the progress bar


def test_failing_mirrors_are_listed_and_leave_nothing(home, mirror):
    bad = home / "bad"
    small_files(bad)
    write_idx(bad / "train-images-idx3-ubyte.gz", np.zeros((5, 28, 28), np.uint8))
    with pytest.raises(DataError) as caught:
        mnist(mirrors=((home / "nowhere").as_uri(), bad.as_uri()), progress=False)
    text = str(caught.value)
    cache = home / "cache" / "nnmat" / "data" / "mnist"
    for expected in (
        "train-images-idx3-ubyte",
        f"{home / 'checkout'}: not there",
        f"{cache}: not there",
        "nowhere/train-images-idx3-ubyte.gz: <urlopen error",
        "bad/train-images-idx3-ubyte.gz: expected content with SHA-256",
        f"Put the four MNIST files into {cache}, or set NNMAT_DATA",
    ):
        assert expected in text
    assert not cache.exists() or list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(home, mirror):
    (home / "cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"downloaded, but .* cannot be written"):
        mnist(mirrors=(mirror,), progress=False)


def test_download_over_http(home, mirror):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(home / "mirror"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            base = f"http://127.0.0.1:{server.server_address[1]}"
            train, _ = mnist(mirrors=(f"{base}/no/such/folder", base), progress=False)
        finally:
            server.shutdown()
            thread.join()
    assert len(train) == 5


@pytest.mark.parametrize(
    ("name", "array", "text"),
    [
        (
            "train-images-idx3-ubyte.gz",
            np.zeros((5, 27, 28), np.uint8),
            r"images of shape \(n, 28, 28\).*\(5, 27, 28\)",
        ),
        ("train-images-idx3-ubyte.gz", np.zeros((5, 28, 28), np.float32), "uint8 images.*float32"),
        ("train-labels-idx1-ubyte.gz", np.zeros(4, np.uint8), r"labels of shape \(5,\).*\(4,\)"),
        ("t10k-labels-idx1-ubyte.gz", np.array([0, 10, 1], np.uint8), "labels from 0 to 9.*got 10"),
    ],
)
def test_files_that_are_not_digits_are_refused(home, name, array, text):
    small_files(home / "checkout")
    write_idx(home / "checkout" / name, array)
    with pytest.raises(FileFormatError, match=text) as caught:
        mnist(mirrors=())
    assert name in str(caught.value)


def test_a_truncated_file_is_named(home):
    small_files(home / "checkout")
    path = home / "checkout" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FileFormatError, match=r"t10k-images-idx3-ubyte.gz to be a whole gzip file"):
        mnist(mirrors=())


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_with_a_dot_before_idx_are_found(home, monkeypatch, suffix):
    folder = home / "data"
    small_files(folder, train=4, suffix=suffix)
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    monkeypatch.setenv("NNMAT_DATA", str(folder))
    train, test = mnist(mirrors=())
    assert (len(train), len(test)) == (4, 3)


def test_a_mirror_that_sends_too_much_is_passed_over(home, mirror, monkeypatch):
    bad = home / "bad"
    small_files(bad)
    monkeypatch.setattr(MODULE, "MOST", 8_000)  # bytes: the true files here have fewer
    (bad / "train-images-idx3-ubyte.gz").write_bytes(bytes(9_000))
    (bad / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(100_000)))
    train, _ = mnist(mirrors=(bad.as_uri(), mirror), progress=False)
    assert len(train) == 5
