"""The folded solutions of the walkthrough run where they stand, and what they claim holds."""

import re
from pathlib import Path

import nbformat
import pytest
from test_notebooks import SMALL, STAGES

from mode_utils.support.notebook.kernels import Watch, run_notebook

WALKTHROUGH = Path(__file__).parents[1] / "notebooks/walkthrough.ipynb"
SOLUTION = re.compile(r"<details>\n<summary>.*?</summary>\n\n```python\n(.*?)```", re.DOTALL)
AN_EXERCISE = re.compile(r"\*\*Predict first\.\*\*")


def with_solutions(notebook):
    """Put each solution into a cell of its own, where a reader would; what comes after the last one is not needed."""
    cells, last = [], max(place for place, cell in enumerate(notebook.cells) if SOLUTION.search(cell.source))
    for cell in notebook.cells[: last + 1]:
        cells.append(cell)
        if cell.cell_type == "markdown":
            cells += [nbformat.v4.new_code_cell(code) for code in SOLUTION.findall(cell.source)]
    notebook.cells = cells
    return notebook


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exercises")
    nbformat.write(with_solutions(nbformat.read(WALKTHROUGH, as_version=4)), folder / "solved.ipynb")
    parameters = {**SMALL, "max_iterations": 1, "compare": ["margin"], "output_dir": str(folder / "out")}
    with Watch() as watch:
        run_notebook(folder / "solved.ipynb", folder / "copy.ipynb", parameters, watch, {}, preload=STAGES, cwd=folder)
    return nbformat.read(folder / "copy.ipynb", as_version=4)


def test_every_exercise_has_a_solution_that_prints_what_it_found(solved):
    prose = [cell.source for cell in solved.cells if cell.cell_type == "markdown"]
    codes = {code.strip() for source in prose for code in SOLUTION.findall(source)}
    ran = [cell for cell in solved.cells if cell.cell_type == "code" and cell.source.strip() in codes]
    assert len(ran) == len(codes) == len(AN_EXERCISE.findall(WALKTHROUGH.read_text())) >= 8
    for place, cell in enumerate(solved.cells):  # the question, a cell to try in, what is seen, the solution
        if AN_EXERCISE.search(cell.source):
            assert "# try it here" in solved.cells[place + 1].source and "</details>" not in cell.source
    for cell in ran:
        assert "assert" in cell.source
        assert "".join(output.text for output in cell.outputs if output.output_type == "stream").strip()
