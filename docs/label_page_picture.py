"""Make the picture of docs/labelling.md: the example, without its labels, as somebody labels it in the browser.

``python docs/label_page_picture.py`` needs Playwright and Chromium, and takes about half a minute.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from mode_utils.repair import assess_case, choose_inputs, make_example, open_case, save_repair

PICTURE = Path(__file__).resolve().parents[1] / "figures" / "pages" / "label_page.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PACE = 1_200  # milliseconds a label


def make_page(folder):
    """Make the page of the example, and return it with the labels that its samples have."""
    model, data = make_example(folder)
    with np.load(data) as arrays:
        labels = arrays["y_pool"]
        np.savez(folder / "unlabelled.npz", **{name: arrays[name] for name in arrays if name != "y_pool"})
    case = open_case(model, folder / "unlabelled.npz", budget=500)
    assessment = assess_case(case)
    chosen = choose_inputs(case, assessment)
    save_repair(folder / "out", case, assessment, chosen)
    return folder / "out" / "label.html", labels[chosen["index"]]


def take_picture(page, labels, path):
    """Label the first samples at a steady pace, leave one open, and take a picture."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise SystemExit(f"there is no browser to take the picture with: install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 740}, color_scheme="light")
        tab.goto(page.as_uri())
        for key in [*map(str, labels[:6]), "-", str(labels[7])]:
            tab.wait_for_timeout(PACE)
            tab.keyboard.press(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        take_picture(*make_page(Path(scratch)), PICTURE)
    print(PICTURE)
