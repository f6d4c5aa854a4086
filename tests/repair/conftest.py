from functools import partial

import pytest
from matplotlib.figure import Figure

from mode_utils.repair.choosing import mapped_pool
from mode_utils.support.notebook import shell
from mode_utils.visualization.pool_map import map_positions


@pytest.fixture(autouse=True)
def small_map(monkeypatch, request):
    """Arrange few inputs in the map that each command draws: it takes longer than all else and shows nothing here."""
    if "test_mapped_pool" not in request.node.nodeid:
        monkeypatch.setattr(mapped_pool, "map_positions", partial(map_positions, n_landmarks=60))


BLANK = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsWZX1AAAAABJRU5ErkJggg=="
DRAWN = ("-saved]", "whole_folder", "a_repair_tells_and_serves", "the_command_goes_on")


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch, request):
    """Leave the pictures of a report blank where no test of its pages looks: to draw them is a third of its time."""

    def blank(shell, _):
        shell.display_formatter.formatters["image/png"].for_type(Figure, lambda figure: BLANK)

    if not any(name in request.node.nodeid for name in DRAWN):
        monkeypatch.setattr(shell, "select_figure_formats", blank)
