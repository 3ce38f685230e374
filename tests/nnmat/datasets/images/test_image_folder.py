"""Images in folders: order, sizes, names of what cannot be read, batches without the whole."""

import numpy as np
import pytest

from nnmat import SGD, Flatten, Linear, Sequential, SoftmaxCrossEntropy, Trainer
from nnmat.datasets import Augment, ImageFolder, image_folder, read_images, split
from nnmat.errors import ConfigError, DataError, FileFormatError, ShapeError
from tests.extras import needs

pytestmark = needs("PIL")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path):
    """Two classes; image k of a class has the grey k in all pixels."""
    for name, n in (("dog", 3), ("cat", 4)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for k in reversed(range(n)):
            Image.new("L", (6, 4), 10 * k + len(name)).save(tmp_path / "pets" / name / f"{k}.png")
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "pets" / ".hidden").mkdir()
    (tmp_path / "pets" / "dog" / ".old").mkdir()
    Image.new("L", (1, 1)).save(tmp_path / "pets" / "dog" / ".old" / "9.png")
    return tmp_path / "pets"


def test_class_is_folder_and_the_order_is_that_of_names(folder):
    data = image_folder(folder, grey=True)
    assert data.labels == ("cat", "dog")
    assert data.y.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert (data.X.shape, data.X.dtype, data.y.dtype) == ((7, 4, 6, 1), np.float32, np.int64)
    np.testing.assert_array_equal(data.X[:, 0, 0, 0] * 255, np.float32([3, 13, 23, 33, 3, 13, 23]))
    colour = image_folder(folder, size=(2, 3))
    assert colour.X.shape == (7, 2, 3, 3)
    np.testing.assert_array_equal(colour.X[..., 0], colour.X[..., 2])
    assert np.array_equal(read_images([folder / "dog" / "1.png"], grey=True)[0], data.X[5])
    assert image_folder(folder, size=5).X.shape == (7, 5, 5, 3)


def test_kinds_of_pixels(tmp_path):
    pixels = np.arange(16, dtype=np.uint16).reshape(4, 4) * 4369
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    np.testing.assert_allclose(
        read_images([tmp_path / "deep.png"], grey=True)[0, ..., 0], pixels / 65535, atol=0.5 / 255 + 1e-6
    )
    Image.new("RGBA", (3, 2), (255, 0, 0, 128)).save(tmp_path / "clear.png")
    wide = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40)
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held on its side
    for name in ("photo.tif", "photo.png"):
        wide.save(tmp_path / name, exif=turned)
        found = read_images([tmp_path / name], grey=True)[0, ..., 0]
        np.testing.assert_allclose(found * 255, np.rot90(np.asarray(wide), -1), atol=1e-4)
    assert read_images([tmp_path / "clear.png"])[0, 0, 0].tolist() == [1, 0, 0]


def test_floats_and_deep_integers_have_one_scale(tmp_path):
    """A file with numbers beyond it is refused: scaled by its own maximum it would be brighter than its neighbours."""
    for pixels in ([[0.0, 0.5, 1.0]], [[0, 32768, 65535]]):
        A = np.array(pixels, np.float32 if pixels[0][-1] == 1.0 else np.int32)
        Image.fromarray(A).save(tmp_path / "right.tif")
        found = read_images([tmp_path / "right.tif"], grey=True)[0, 0, :, 0]
        np.testing.assert_allclose(found, [0, 0.5, 1], atol=0.01)
    for pixels in ([[100.0]], [[-0.5]], [[np.nan]], [[np.inf]], [[70000]], [[-1]]):
        Image.fromarray(np.array(pixels, np.int32 if isinstance(pixels[0][0], int) else np.float32)).save(
            tmp_path / "wrong.tif"
        )
        with pytest.raises(FileFormatError, match=r"expected (floats from 0 to 1|integers from 0 to 65535) in .*wrong"):
            read_images([tmp_path / "wrong.tif"], grey=True)


def test_batches_read_lazily(folder):
    whole, lazy = image_folder(folder, grey=True), image_folder(folder, grey=True, lazy=True, batch_size=3)
    assert isinstance(lazy, ImageFolder)
    assert (len(lazy), lazy.samples, lazy.shape) == (3, 7, (4, 6, 1))
    order = np.random.default_rng(5).permutation(7)
    found = list(lazy.batches(np.random.default_rng(5)))
    assert np.array_equal(np.concatenate([X for X, _ in found]), whole.X[order])
    assert np.array_equal(np.concatenate([y for _, y in found]), whole.y[order])
    (X, _), *_ = lazy.batches(np.random.default_rng(5), start=2)
    assert np.array_equal(X, whole.X[order[6:]])
    train, test = split(lazy, 3)
    assert (train.samples, test.samples) == (4, 3)
    assert set(train.paths).isdisjoint(test.paths)
    assert set(test.y) == {0, 1}
    assert lazy.state() == {}
    with pytest.raises(ConfigError, match="empty state"):
        lazy.load_state({"a": 1})
    with pytest.raises(IndexError, match="1-D array"):
        lazy[3]


def test_files_that_are_no_images_are_named(folder, tmp_path):
    (folder / "dog" / "4.png").write_bytes((folder / "dog" / "2.png").read_bytes()[:45])
    with pytest.raises(FileFormatError, match=r"image_folder: expected .*dog.4\.png to be an image that Pillow reads"):
        image_folder(folder)
    Image.new("L", (5, 5)).save(folder / "dog" / "4.png")
    with pytest.raises(FileFormatError, match=r"dog.4\.png to have 4 x 6 pixels .* got 5 x 5. Pass size=\(4, 6\)"):
        image_folder(folder)
    assert len(image_folder(folder, size=8)) == 8
    with pytest.raises(FileNotFoundError, match=r"no\.png"):
        read_images([folder / "no.png"])
    with pytest.raises(DataError, match="at least one path"):
        read_images([])
    with pytest.raises(ConfigError, match="a list of paths, got int"):
        read_images(3)
    with pytest.raises(ConfigError, match=r"read_images\(\[path\]\)"):
        read_images(folder / "dog" / "1.png")


def test_folders_that_are_none(folder, tmp_path):
    (folder / "bird").mkdir()
    with pytest.raises(DataError, match=r"expected images in .*bird, found none"):
        image_folder(folder)
    with pytest.raises(DataError, match="a folder for each class"):
        image_folder(folder / "bird")
    with pytest.raises(FileNotFoundError):
        image_folder(tmp_path / "nothing")
    with pytest.raises(FileFormatError, match="got a file"):
        image_folder(folder / "cat" / "notes.txt")


def test_the_bound_of_memory_is_said_before_files_are_read(folder):
    (folder / "dog" / "2.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"7 images of shape \(100, 100, 3\) take 840,000 bytes.*lazy=True"):
        image_folder(folder, size=100, most_bytes=800_000)
    with pytest.raises(DataError, match="most_bytes"):
        image_folder(folder, size=2**31)


def test_a_model_trained_on_files_is_the_one_trained_on_the_array(folder):
    def trained(data, **options):
        model = Sequential([Flatten(), Linear(24, 2)], input_shape=(4, 6, 1), seed=0)
        made = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1))
        made.fit(data, 3, augment=Augment(shift=1), progress=False, **options)
        found = model.flat_parameters, made.evaluate(data)["loss"]
        with pytest.raises(ShapeError, match=r"got a batch source, ImageFolder.*read_images|predict\(data\.X\)"):
            made.predict(data)
        return found

    whole = trained(image_folder(folder, grey=True), batch_size=3)
    lazy = trained(image_folder(folder, grey=True, lazy=True, batch_size=3))
    assert np.array_equal(whole[0], lazy[0])
    np.testing.assert_allclose(whole[1], lazy[1], rtol=1e-5)
