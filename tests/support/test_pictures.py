"""One answer to what an image is, for every shape, and one encoder that keeps its pixels."""

import base64
import io
from itertools import product

import numpy as np
import pytest
from PIL import Image

from mode_utils.repair.labelling.sample_views import view_samples
from mode_utils.support.pictures import KINDS, picture_size, pixel_range, png_text, shown_as
from mode_utils.visualization.pool_map import describe_inputs

SIDES = (1, 4, 7, 8, 16, 17, 32, 33, 40, 300)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((28, 28), "image"), ((40, 8), "curves"), ((8, 40), "image"), ((32, 8), "image"), ((33, 8), "curves"),
        ((7, 16), "curves"), ((7, 17), "image"), ((300, 3), "curves"), ((500, 40), "image"), ((12,), "values"),
        ((1, 1, 1), "image"), ((5, 300, 3), "image"), ((32, 32, 12), "image"), ((300, 8, 12), "text"),
        ((8, 8, 8, 3), "text"), ((), "text"), ((0,), "text"), ((0, 8), "text"), ((8, 8, 0), "text"),
    ],
)  # fmt: skip
def test_a_shape_is_shown_in_one_way(shape, kind):
    assert shown_as(shape) == kind


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,), (9,)])
def test_the_label_page_and_the_map_draw_the_same_shapes_as_pictures(channels):
    for sides in product(SIDES, repeat=2):
        samples = np.linspace(0, 1, 2 * int(np.prod([*sides, *channels]))).reshape(2, *sides, *channels)
        shown, (text, *_) = view_samples(samples, 2), describe_inputs(samples, np.array([0, 1]), 10**9)
        assert shown.kind == shown_as(samples.shape[1:]) and shown.kind in KINDS
        assert (shown.kind == "image") == text.startswith("data:image/png;base64,"), samples.shape


@pytest.mark.parametrize("shape", [(8, 8), (500, 40), (40, 500), (300, 200, 3), (1, 1000, 3), (64, 64)])
def test_a_picture_is_as_large_as_it_is_said_to_be_and_no_side_vanishes(shape):
    picture = Image.open(io.BytesIO(base64.b64decode(png_text(np.ones(shape), 0, 1, 64))))
    assert picture.size == picture_size(shape, 64) and min(picture.size) >= 1 and max(picture.size) <= 64


def test_other_numbers_of_channels_are_drawn_by_their_mean_and_nan_is_black():
    image = np.dstack([np.full((8, 8), 0.2), np.full((8, 8), 0.6)])
    image[0, 0] = np.nan
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(png_text(image, 0, 1, 64)))))
    assert pixels[0, 0] == 0 and (pixels.ravel()[1:] == 102).all()


@pytest.mark.parametrize(
    ("values", "ends"),
    [([0, 1], (0, 1)), ([0.2, 0.3], (0, 1)), ([0, 9], (0, 255)), ([-0.5, 1], (-1, 1)), ([-3, 5, np.nan], (-3, 5))],
)
def test_the_scale_is_a_usual_range_of_pixels_if_one_holds_all_values(values, ends):
    assert pixel_range(np.array(values)) == ends
