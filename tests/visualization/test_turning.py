"""Pictures with something to turn: still in an executed copy, alive in JupyterLab."""

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
from browsing import browser_needed, open_browser
from papermill import execute_notebook

from mode_utils import visualization as viz

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CELL = """\
import matplotlib.pyplot as plt
import mode_utils.visualization as viz

def draw(theta, kind):
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.set_title(f"{theta} {kind}")
    return fig

viz.turn(draw, theta=(0.5, [0.25, 0.5, 0.75]), kind=("hci", ["hci", "hmi"]))
"""


@pytest.fixture
def notebook(tmp_path):
    path = tmp_path / "turning.ipynb"
    cells = [nbformat.v4.new_code_cell(CELL)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def test_an_executed_copy_has_the_first_picture_as_an_ordinary_output_and_nothing_else(notebook, tmp_path):
    execute_notebook(notebook, tmp_path / "copy.ipynb", cwd=tmp_path)
    copy = nbformat.read(tmp_path / "copy.ipynb", as_version=4)
    (output,) = copy.cells[0].outputs
    assert set(output.data) == {"image/png", "text/plain"} and "widgets" not in copy.metadata


def test_a_first_value_that_is_none_of_the_choices_is_refused():
    with pytest.raises(ValueError, match=r"theta = 2 is not one of: 0, 1"):
        viz.turn(lambda theta: plt.figure(), theta=(2, [0, 1]))


@pytest.fixture
def lab(notebook, tmp_path):
    """Start JupyterLab on a port that is free, and return the address of the notebook in it."""
    places = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = os.environ | places | {"PYTHONPATH": str(ROOT), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", "--ServerApp.token=t"]
    command += ["--LabApp.news_url=None", f"--ServerApp.root_dir={notebook.parent}"]
    with open(tmp_path / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stderr=log, stdout=log, cwd=tmp_path)
    address = None
    while address is None and server.poll() is None:
        time.sleep(0.2)
        address = re.search(r"http://127\.0\.0\.1:(\d+)/", (tmp_path / "lab.log").read_text())
    assert address, (tmp_path / "lab.log").read_text()
    yield f"http://127.0.0.1:{address[1]}/doc/tree/{notebook.name}?token=t"
    server.terminate()
    server.wait(30)


@pytest.mark.nightly
@browser_needed
def test_in_jupyterlab_turning_changes_the_picture(lab):
    from playwright.sync_api import expect

    with open_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(lab)
        expect(
            page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first
        ).to_be_attached()  # of the kernel
        picture, pictures = page.locator(".jp-OutputArea img"), []
        for _ in range(8):  # a key that comes while the page still moves about is lost
            page.locator(".jp-Notebook .cm-content").first.click()
            page.keyboard.press("Shift+Enter")
            with suppress(AssertionError):
                expect(picture).to_have_count(1, timeout=10_000)
                break
        expect(picture).to_have_count(1)
        pictures.append(picture.get_attribute("src"))
        page.get_by_label("kind").select_option("hmi")
        expect(picture).not_to_have_attribute("src", pictures[-1])
        pictures.append(picture.get_attribute("src"))
        page.locator(".widget-slider .noUi-handle").press("ArrowRight")
        expect(picture).not_to_have_attribute("src", pictures[-1])
        expect(picture).to_have_count(1)
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=f"{folder}/turning.png")
    assert not errors
