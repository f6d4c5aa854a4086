"""How samples are shown: what their shape says, on one scale, with nothing lost that matters."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mode_utils.repair.labelling.sample_views import view_samples


def picture(view):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(view))))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((28, 28), "image"), ((8, 8), "image"), ((32, 32, 1), "image"), ((32, 32, 3), "image"), ((5, 5, 4), "image"),
        ((100, 3), "curves"), ((7, 8), "curves"), ((128, 9), "curves"), ((500, 40), "image"), ((30,), "values"),
        ((32, 32, 2), "image"), ((9, 4, 2), "text"), ((4, 4, 4, 3), "text"),
    ],
)  # fmt: skip
def test_the_shape_says_how_samples_are_shown(shape, kind, rng):
    shown = view_samples(rng.random((3, *shape)), 3)
    assert (
        shown.kind == kind and len(shown.views) == 3 and all(view is None for view in shown.views) == (kind == "text")
    )


@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (-1, 1)])
def test_a_picture_has_the_pixels_of_its_sample_wherever_they_lie(channels, low, high, rng):
    pixels = rng.integers(256, size=(2, 12, 10, *channels), dtype=np.uint8)
    samples = low + pixels.astype(np.float32) / 255 * (high - low)
    shown = view_samples(samples, 2)
    for view, expected in zip(shown.views, pixels, strict=True):
        np.testing.assert_array_equal(picture(view), expected[..., 0] if channels == (1,) else expected)


def test_all_pictures_share_one_scale_whatever_it_is(rng):
    samples = np.stack([np.full((8, 8), value) for value in (-3.0, 1.0, 5.0)])
    shown = view_samples(samples, 3)
    assert [int(picture(view)[0, 0]) for view in shown.views] == [0, 128, 255] and (shown.low, shown.high) == (-3, 5)
    assert picture(view_samples(np.full((1, 8, 8), 7.0), 1).views[0]).max() <= 255  # of one value alone


def test_a_large_picture_is_shrunk(rng):
    assert picture(view_samples(rng.random((1, 1000, 500, 3)), 1).views[0]).shape == (256, 128, 3)
    assert picture(view_samples(rng.random((1, 5000, 40)), 1).views[0]).shape == (256, 40)  # no thread of it


def test_a_long_curve_keeps_its_peaks():
    curve = np.zeros((1, 5_000, 2))
    curve[0, 3_333, 0], curve[0, 17, 1] = 9.5, -2.5
    first, second = view_samples(curve, 1).views[0]
    assert len(first) == 400 and max(first) == 9.5 and min(second) == -2.5
    (row,) = view_samples(curve[:, :, 0], 1).views
    assert row == first


def test_whole_numbers_stay_whole_and_others_keep_six_digits():
    assert view_samples(np.array([[60_000_123, 3.0]]), 1).views == [[60_000_123, 3]]
    assert view_samples(np.array([[0.123456789, 3.0]]), 1).views == [[0.123457, 3.0]]


def test_without_samples_there_are_no_views():
    assert view_samples(None, 2).views == [None, None]


def test_samples_that_do_not_fit_are_refused(rng):
    with pytest.raises(ValueError, match="3 samples for 2 rows"):
        view_samples(rng.random((3, 5)), 2)
    with pytest.raises(ValueError, match=r"samples of shape \(5,\) cannot be shown as image: choose another of"):
        view_samples(rng.random((3, 5)), 3, "image")
    with pytest.raises(ValueError, match="unknown kind of view 'film'; choose from image, curves, values, text"):
        view_samples(rng.random((3, 5)), 3, "film")
