"""K̂ as a picture: which entry of K stands where, and the lines of the blocks."""

import numpy as np
import pytest

import nnmat
from nnmat.plots import plot_khat
from nnmat.plots.matrices import khat_picture

OPTIONS = [
    ((6, 5, 1), (1, 3, 3, 1), 1, 0, 1, 1),
    ((5, 6, 2), (3, 2, 3, 2), (2, 1), (1, 0), (1, 2), 1),
    ((4, 4, 4), (2, 3, 3, 2), 1, 1, 1, 2),
]


@pytest.mark.parametrize(("image", "kernel", "stride", "padding", "dilation", "groups"), OPTIONS)
def test_each_place_has_its_entry_of_the_kernel(rng, image, kernel, stride, padding, dilation, groups):
    K = rng.standard_normal(kernel)
    options = stride, padding, dilation, groups
    made = khat_picture(K, image, *options)
    dense = nnmat.khat(K, image, *options)
    np.testing.assert_array_equal(made.values, dense)
    np.testing.assert_array_equal(np.concatenate([[0], K.ravel()])[made.entries], dense)
    layer = nnmat.Conv2d(
        image[2], kernel[0], kernel[1:3], stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    layer.build(image, dtype=np.float64)
    of_layer = khat_picture(layer, None)
    np.testing.assert_array_equal(of_layer.entries, made.entries)
    assert of_layer.blocks == made.blocks == (layer.output_shape(image)[1] * kernel[0], image[1] * image[2])
    assert made.pixels == (kernel[0], image[2])


def test_blocks_are_where_the_lines_are():
    """Within a block all places have one row of the kernel: that is K̂ = Σ R_a ⊗ (...)."""
    image, kernel = (5, 4, 2), (3, 3, 2, 2)
    K = np.broadcast_to(np.arange(1.0, 4.0)[None, :, None, None], kernel)  # the row a of each entry
    made = khat_picture(K, image, padding=1)
    rows, columns = made.blocks
    for i in range(0, made.values.shape[0], rows):
        for j in range(0, made.values.shape[1], columns):
            assert len(np.unique(made.values[i : i + rows, j : j + columns])) <= 2  # a, or a and 0
    ax = plot_khat(np.array(K), image, padding=1)
    inner, outer = ax.collections[:2], ax.collections[2:]
    for lines, size, axis in ((inner[0], 3, 1), (inner[1], 2, 0), (outer[0], rows, 1), (outer[1], columns, 0)):
        found = [segment[0][axis] for segment in lines.get_segments()]
        assert found == list(np.arange(size, made.values.shape[1 - axis], size) - 0.5)


def test_colours_are_entries_or_values(rng):
    K = rng.standard_normal((1, 3, 3, 1))
    made = khat_picture(K, (5, 5, 1))
    shown = plot_khat(K, (5, 5, 1)).images[0].get_array()
    np.testing.assert_array_equal(shown.filled(0), made.entries)
    image = plot_khat(K, (5, 5, 1), values=True).images[0]
    np.testing.assert_array_equal(image.get_array().filled(0), made.values)
    assert image.norm.vmax == -image.norm.vmin == np.abs(K).max()
    assert len(plot_khat(K, (5, 5, 1)).collections) == 2  # of one channel there are no blocks within
    K[0, 0, 0, 0] = 0.0  # an entry that is 0 is there all the same
    assert not np.ma.getmaskarray(plot_khat(K, (5, 5, 1), values=True).images[0].get_array())[0, 0]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: plot_khat(np.ones((1, 2, 2, 1))),
            nnmat.ConfigError,
            r"expected input_shape \(H, W, Ci\) for a kernel",
        ),
        (lambda: plot_khat(nnmat.Conv2d(1, 1, 3)), nnmat.BuildError, "Conv2d is not built yet"),
        (lambda: plot_khat(nnmat.Conv2d(1, 1, 3).build((4, 4, 1)), (4, 4, 1)), nnmat.ConfigError, "a Conv2d alone"),
        (
            lambda: plot_khat(nnmat.Conv2d(1, 1, 3, padding=1, padding_mode="reflect").build((4, 4, 1))),
            nnmat.ConfigError,
            "expected a Conv2d with as many zeros at both ends of an axis, got padding=.*reflect",
        ),
        (lambda: plot_khat(np.ones((8, 3, 3, 8)), (64, 64, 8)), nnmat.ConfigError, "at most 16,777,216 places"),
        (lambda: plot_khat(np.ones((1, 2, 2, 1)), (4, 4, 1), values=1), nnmat.ConfigError, "expected values as True"),
        (
            lambda: plot_khat(np.full((1, 2, 2, 1), np.nan), (4, 4, 1), values=True),
            nnmat.DataError,
            "expected a kernel that is finite",
        ),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=f"plot_khat: .*{text}"):
        call()


def test_same_and_valid_padding_of_layers():
    same = nnmat.Conv2d(1, 1, 3, padding="same").build((4, 4, 1))
    np.testing.assert_array_equal(
        khat_picture(same, None).entries, khat_picture(np.ones((1, 3, 3, 1)), (4, 4, 1), padding=1).entries
    )
    assert khat_picture(nnmat.Conv2d(1, 1, 3, padding="valid").build((4, 4, 1)), None).entries.shape == (4, 16)
    with pytest.raises(nnmat.ConfigError, match="as many zeros at both ends"):
        khat_picture(nnmat.Conv2d(1, 1, 2, padding="same").build((4, 4, 1)), None)
