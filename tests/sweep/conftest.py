import os

import pytest
from bench import REPOSITORY, Bench


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("SWEEP_TEST", str(tmp_path))
    return Bench(tmp_path)
