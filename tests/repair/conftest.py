from functools import partial

import pytest

from mode_utils.repair.choosing import mapped_pool
from mode_utils.visualization.pool_map import map_positions


@pytest.fixture(autouse=True)
def small_map(monkeypatch, request):
    """Arrange few inputs in the map that each command draws: it takes longer than all else and shows nothing here."""
    if "test_mapped_pool" not in request.node.nodeid:
        monkeypatch.setattr(mapped_pool, "map_positions", partial(map_positions, n_landmarks=60))
