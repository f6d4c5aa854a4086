from functools import partial

import pytest
from matplotlib.figure import Figure

from mode_utils.repair.choosing import mapped_pool
from mode_utils.support.notebook import shell
from mode_utils.visualization.pool_map import map_positions


@pytest.fixture(autouse=True)
def small_map(monkeypatch):
    """Arrange few inputs in the map that each command draws: it takes longer than all else and shows nothing here."""
    monkeypatch.setattr(mapped_pool, "map_positions", partial(map_positions, n_landmarks=60))


BLANK = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsWZX1AAAAABJRU5ErkJggg=="


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch, request):
    """Leave the pictures of a report blank but in tests marked `drawn`: to draw them is a third of a test's time."""

    def blank(shell, _):
        shell.display_formatter.formatters["image/png"].for_type(Figure, lambda figure: BLANK)

    mark = request.node.get_closest_marker("drawn")
    if mark is None or any(request.node.callspec.params[name] != value for name, value in mark.kwargs.items()):
        monkeypatch.setattr(shell, "select_figure_formats", blank)
