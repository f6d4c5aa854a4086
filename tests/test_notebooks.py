import ast
import re
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
from notebook_runs import execute_beside
from tiers import by_night

from mode_utils.repair import case
from mode_utils.repair.choosing import mapped_pool
from mode_utils.similarity import METRICS
from mode_utils.support.notebook.kernels import Watch, run_notebook
from mode_utils.support.notebook.parameters import ParameterError, check_values, read_declared
from mode_utils.support.notebook.shell import execute_here
from mode_utils.sweep.grid import check_sweep, load_sweep
from mode_utils.visualization.pool_map import map_positions

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
STAGES = ("mode_utils.repeated_runs", "mode_utils.repair", "mode_utils.study.comparisons", "mode_utils.visualization")
SMALL = {
    "n_train": 2_000, "n_bug_fixing": 1_500, "n_validation": 500, "n_test": 1_000, "initial_epochs": 1,
    "n_runs": 6, "batch_size": 100, "max_iterations": 2, "epochs": 1, "gamma": 1.0,
}  # fmt: skip
TINY = {"n_train": 600, "n_bug_fixing": 400, "n_validation": 300, "n_test": 300, "batch_size": 40}
COMMITTED = [path for folder in ("", "studies", "sweep_reports") for path in (NOTEBOOKS / folder).glob("*.ipynb")]
committed = pytest.mark.parametrize("path", sorted(COMMITTED), ids=lambda path: path.stem)


SOLUTION = re.compile(r"<details>\n<summary>.*?</summary>\n\n```python\n(.*?)```", re.DOTALL)
AN_EXERCISE = re.compile(r"\*\*Predict first\.\*\*")


def with_solutions(notebook):
    """Put each solution into a cell of its own, where a reader would."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            cells += [nbformat.v4.new_code_cell(code) for code in SOLUTION.findall(cell.source)]
    notebook.cells = cells
    return notebook


def execute(name, copy, parameters, cwd):
    """Execute a copy of a notebook in a kernel that is forked from a process with the stages in it."""
    source = name if isinstance(name, Path) else NOTEBOOKS / f"{name}.ipynb"
    with Watch() as watch:
        run_notebook(source, copy, parameters, watch, {}, preload=STAGES, cwd=cwd)


@pytest.fixture
def study(built_once, pytestconfig, tmp_path):
    """Return a function that executes a notebook, here by day and in a kernel each night; no cell complains."""

    def run(name, **parameters):
        copy = tmp_path / "copy.ipynb"
        if pytestconfig.option.every:
            execute(name, copy, parameters, tmp_path)
        else:
            execute_beside(NOTEBOOKS / f"{name}.ipynb", copy, parameters)
        assert not [o for cell in code_cells(copy) for o in cell.outputs if o.get("name") == "stderr"]

    return run


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code" and cell.source]


@pytest.fixture(scope="module")
def executed(once):
    """Execute the walkthrough with the solutions of its exercises, once for all processes."""

    def execute_solved(folder):
        solved = with_solutions(nbformat.read(NOTEBOOKS / "walkthrough.ipynb", as_version=4))
        nbformat.write(solved, folder / "solved.ipynb")
        parameters = {**SMALL, "metric": "l1", "compare": ["margin"], "output_dir": "out"}
        execute(folder / "solved.ipynb", folder / "copy.ipynb", parameters, folder)

    return once("walkthrough", execute_solved)


@pytest.mark.slow
def test_the_walkthrough_is_a_function_of_its_parameters(executed):
    runs = pd.read_csv(executed / "out/runs.csv")
    assert set(runs["metric"]) == {"manhattan"}
    assert runs["seed"].nunique() == SMALL["n_runs"] and runs["samples_added"].max() <= 200
    with np.load(executed / "out/gallery.npz", allow_pickle=False) as gallery:
        assert all(gallery[name].shape == (10, 28, 28) for name in ("hci", "hmi", "hwi"))
        assert all(gallery[name].shape == (9, 10, 28, 28) for name in ("best", "worst"))
        assert tuple(gallery["metrics"]) == METRICS


@pytest.mark.slow
def test_every_exercise_has_a_solution_that_prints_what_it_found(executed):
    solved = nbformat.read(executed / "copy.ipynb", as_version=4)
    prose = [cell.source for cell in solved.cells if cell.cell_type == "markdown"]
    codes = {code.strip() for source in prose for code in SOLUTION.findall(source)}
    ran = [cell for cell in solved.cells if cell.cell_type == "code" and cell.source.strip() in codes]
    assert len(ran) == len(codes) == len(AN_EXERCISE.findall((NOTEBOOKS / "walkthrough.ipynb").read_text())) >= 8
    for place, cell in enumerate(solved.cells):  # the question, a cell to try in, what is seen, the solution
        if AN_EXERCISE.search(cell.source):
            assert "# try it here" in solved.cells[place + 1].source and "</details>" not in cell.source
    for cell in ran:
        assert "assert" in cell.source
        assert "".join(output.text for output in cell.outputs if output.output_type == "stream").strip()


@pytest.mark.slow
def test_an_executed_walkthrough_shows_a_finished_progress_bar_and_no_noise(executed):
    outputs = [output for cell in code_cells(executed / "copy.ipynb") for output in cell.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    bars = [text for output in outputs if "run/s" in (text := str(output.get("data", {}).get("text/plain", "")))]
    bars += [text for output in outputs if "s/run" in (text := str(output.get("data", {}).get("text/plain", "")))]
    assert bars and all("100%" in bar and "6/6" in bar for bar in bars)  # also those of solutions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "architecture", "tables"),
    [
        pytest.param("layers", "cnn", ["evidence", "choices", "views", "selection"], marks=pytest.mark.nightly),
        ("overfitting", "dense", ["summary", "against_random"]),
    ],
)
@pytest.mark.nightly  # by day the study of pools, the ratio of old samples and the comparison of strategies
def test_the_other_studies_are_functions_of_their_parameters_too(name, architecture, tables, study, tmp_path):
    sizes = {key: value for key, value in SMALL.items() if key != "gamma"}
    sizes |= TINY
    study(f"studies/{name}", **sizes | {"max_iterations": 1}, architecture=architecture, output_dir=str(tmp_path))
    for table in tables:
        assert (pd.read_csv(tmp_path / f"{table}.csv")["architecture"] == architecture).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tables", "parameters"),
    [
        pytest.param(
            "selectors",
            ["curves", "summary", "against_deepgini", "economy"],
            {"n_main_runs": 6, "control_iterations": 3},
            marks=pytest.mark.nightly,
        ),
        ("earth_mover", ["against_control", "against_any"], {}),
    ],
)
def test_the_comparisons_of_strategies_are_functions_of_their_parameters(name, tables, parameters, study, tmp_path):
    sizes = {key: value for key, value in SMALL.items() if key != "gamma"} | TINY
    study(f"studies/{name}", **sizes | parameters, scenario="underfit", output_dir=str(tmp_path))
    for table in tables:
        rows = pd.read_csv(tmp_path / f"{table}.csv")
        assert len(rows) and (rows["scenario"] == "underfit").all()
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert runs.groupby("name")["seed"].nunique().eq(6).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compare", "labelled"), by_night([("advice", True), ("candidates", False)], but=[("advice", True)])
)
def test_the_study_of_pools_is_a_function_of_its_parameters(compare, labelled, study, tmp_path):
    names = {"pool": "duplicated", "scenario": "underfit", "labelled": labelled, "compare": compare, "hold_out": 1_000}
    sizes = {key: value for key, value in SMALL.items() if key not in ("gamma", "initial_epochs")} | TINY
    more = {"n_yardsticks": 1, "control_iterations": 3, "output_dir": str(tmp_path)}
    study("studies/pools", **sizes | names | more)
    cells, economy = (pd.read_csv(tmp_path / f"{table}.csv") for table in ("cells", "economy"))
    assert (cells[["pool", "labelled", "n_validation"]] == ["duplicated", labelled, 300]).all(axis=None)
    compared = cells[cells["difference"].notna()]
    assert (compared["runs"] == 6).all() and set(compared["samples"]) == {40, 80}
    assert set(compared["strategy"]) == set(economy["strategy"]) and len(cells) == len(compared) + 3
    assert ("adaptive" in set(compared["strategy"])) == (compare == "advice" and labelled)


@pytest.mark.slow
def test_the_repair_makes_its_own_example_and_leaves_a_repaired_model(study, monkeypatch, tmp_path):
    less = {"n_train": 5_000, "n_bug_fixing": 3_000, "n_validation": 1_000, "n_test": 1_000}  # by day
    monkeypatch.setattr(case, "RunSetup", partial(case.RunSetup, **less))
    monkeypatch.setattr(mapped_pool, "map_positions", partial(map_positions, n_landmarks=60))
    study("repair", budget=200)
    found = {path.name for path in (tmp_path / "output/repair-1").iterdir()}
    assert {"selected.csv", "diagnosis.json", "repaired.keras"} <= found
    assert len(pd.read_csv(tmp_path / "output/repair-1/selected.csv")) == 200


@pytest.mark.slow
@pytest.mark.parametrize("share", by_night([0.1, 0.0], but=[0.1]))
def test_a_campaign_is_a_function_of_its_parameters_with_an_arm_and_without(share, study, tmp_path):
    sizes = {"n_train": 600, "n_bug_fixing": 400, "n_validation": 200, "n_test": 300, "budget": 60, "rounds": 2}
    study("campaign", **sizes, control_share=share, n_draws=2, shares=[1], output_dir=str(tmp_path))
    rounds, costs = (pd.read_csv(tmp_path / f"{table}.csv") for table in ("rounds", "costs"))
    assert rounds["labels"].tolist() == [0, 60, 120] and ("gain" in rounds) == (share > 0)
    assert set(costs["control_share"]) == {share, 1} and (tmp_path / "labels.csv").exists()
    assert rounds["advice"][1:].isin(["choose", "draw", "stop"]).all()


@pytest.mark.slow
def test_the_ratio_study_is_a_function_of_its_parameters(study, tmp_path):
    parameters = {"n_classes": [2, 3, 4], "alphas": [0.2, 0.8], "n_runs": 6, "per_class": 60, "batch_size": 40}
    study("studies/ratio", **parameters, replays=[0, 1], epochs=1, output_dir=str(tmp_path))
    gains, rule = pd.read_csv(tmp_path / "gains.csv"), pd.read_csv(tmp_path / "rule.csv")
    assert len(gains) == 12 and gains["gain"].nunique() > 6 and rule["replay"].tolist() == [0, 1]


@pytest.mark.slow
def test_a_wrong_parameter_under_plain_papermill_ends_in_one_sentence_before_anything_is_done(tmp_path):
    copy, sentence = tmp_path / "copy.ipynb", "unknown metric 'jaccard'; choose from dot product"
    with pytest.raises(papermill.PapermillExecutionError) as raised:
        execute("walkthrough", copy, {"metric": "jaccard"}, tmp_path)
    assert raised.value.ename == "ParameterError" and sentence in raised.value.evalue
    assert len(raised.value.traceback) == 1 and sentence in raised.value.traceback[0]
    ran = [cell.source for cell in code_cells(copy) if cell.execution_count]
    assert len(ran) == 3 and "check_injected" in ran[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"metrc": "earth mover"}, "parameters: unknown parameter 'metrc'; the notebook declares: scenario, preset"),
        ({"dataset": "cifar"}, "parameters: dataset = 'cifar' is not one of: mnist, fashion_mnist"),
        ({"n_runs": "many"}, "parameters: n_runs = 'many' is of type str; int is expected"),
        ({"n_runs": 3}, "n_runs = 3; it must be at least 6"),
    ],
)
def test_any_wrong_parameter_ends_in_a_sentence(given, sentence, tmp_path):
    with pytest.raises(ParameterError) as raised:
        execute_here(NOTEBOOKS / "walkthrough.ipynb", given, tmp_path)
    assert sentence in str(raised.value)


@committed
def test_the_defaults_of_a_notebook_are_among_its_choices(path):
    declared = read_declared(path)
    given = {name: each.default for name, each in declared.items() if each.choices and each.default is not None}
    check_values(given, declared, path.name)
    assert all(" " not in choice or choice.count(" ") < 5 for each in declared.values() for choice in each.choices)


@committed
def test_every_notebook_refuses_names_that_it_does_not_declare(path):
    assert sum("check_injected(" in cell.source for cell in code_cells(path)) == 1


@committed
def test_committed_outputs_are_from_one_run_top_to_bottom_without_noise(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [(output.output_type, output.get("name")) for cell in cells for output in cell.outputs]
    assert not [kind for kind in kinds if kind[0] == "error" or kind[1] == "stderr"]


@committed
def test_cells_are_short_and_one_declares_the_parameters(path):
    cells = code_cells(path)
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert all(isinstance(node, ast.Assign) for node in ast.parse(tagged[0].source).body)
    too_long = [cell.source for cell in cells if cell is not tagged[0] and len(cell.source.splitlines()) > 15]
    assert not too_long


def test_the_walkthrough_declares_what_it_promises():
    cells = code_cells(NOTEBOOKS / "walkthrough.ipynb")
    tagged = next(cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
    declared = {node.targets[0].id for node in ast.parse(tagged.source).body}
    assert declared >= {
        "metric", "layer_selection", "n_runs", "seed", "dataset", "n_train", "n_bug_fixing", "n_validation", "n_test",
        "theta", "gamma", "alpha", "similarity_threshold", "epochs", "batch_size", "max_iterations", "minkowski_p",
        "heatmap", "space", "ranking", "preset", "selector", "allocation", "temperature", "replay", "output_dir",
    }  # fmt: skip


def test_the_walkthrough_has_no_number_in_its_prose_that_no_cell_computes():
    """Labels, accuracies and counts come from outputs; links, code and file names may have digits."""
    cells = nbformat.read(NOTEBOOKS / "walkthrough.ipynb", as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", text, flags=re.DOTALL)
    assert len(prose) > 5_000 and not re.findall(r".*\d.*", prose)


def test_the_walkthrough_shows_a_defect_that_is_repaired_and_says_what_to_see():
    cells = nbformat.read(NOTEBOOKS / "walkthrough.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", [])]
    assert max(len(cell.source.splitlines()) for cell in code) <= 12
    assert sum("**What you should see:**" in cell.source for cell in cells) >= 10
    texts = [str(output.get("data", {}).get("text/markdown", "")) for cell in code for output in cell.outputs]
    (verdict,) = [text for text in texts if "inputs that `recommended` chose" in text]
    yours, recommended = verdict.split("\n\n")
    before, after, control = map(float, re.findall(r"(\d+\.\d)%", recommended)[:3])
    assert before < 75 and after > control > before and "`yours (original)` chose" in yours


def test_the_sweeps_over_metrics_keep_the_originals_setup():
    """What the walkthrough has by default may change: these sweeps are the study of the original's protocol."""
    for name in ("metrics", "neurons", "leak"):
        fixed = load_sweep(NOTEBOOKS / f"sweeps/{name}.yml").parameters
        kept = {"scenario": "healthy", "batch_size": 2000, "max_iterations": 5, "compare": []}
        assert {key: fixed.get(key) for key in kept} == kept


def test_the_default_sweep_has_all_metrics_with_and_without_layer_selection():
    import yaml

    grid = yaml.safe_load((NOTEBOOKS / "sweeps/metrics.yml").read_text())["grid"]
    assert tuple(grid["metric"]) == METRICS and grid["layer_selection"] == [True, False]


def test_the_imports_of_the_walkthrough_are_one_short_cell():
    cells = [cell.source for cell in code_cells(NOTEBOOKS / "walkthrough.ipynb")]
    importing = [source for source in cells if "import " in source]
    assert len(importing) == 1 and len(importing[0].splitlines()) <= 12


@pytest.mark.parametrize("path", sorted((NOTEBOOKS / "sweeps").glob("*.yml")), ids=lambda path: path.stem)
def test_every_grid_fits_its_notebook(path):
    check_sweep(load_sweep(path))


@committed
def test_every_link_of_a_notebook_leads_somewhere(path):
    text = "".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    beside = {"map.html", "label.html"}  # what a repair writes beside its report
    assert not [link for link in links if link not in beside and not path.parent.joinpath(link).exists()]


@pytest.mark.slow
def test_what_all_metrics_share_is_in_the_first_cell_alone_and_the_others_do_without(tmp_path):
    sweep = load_sweep(NOTEBOOKS / "sweeps/metrics.yml")
    first, *others = sweep.cells()
    assert sweep.notebook_of(first) == (NOTEBOOKS / "walkthrough.ipynb").read_text()
    (tmp_path / "other.ipynb").write_text(sweep.notebook_of(others[-1]))
    parameters = {**SMALL, "metric": "l1", "compare": [], "output_dir": str(tmp_path / "out")}
    with Watch() as watch:
        run_notebook(
            tmp_path / "other.ipynb", tmp_path / "copy.ipynb", parameters, watch, {}, preload=STAGES, cwd=tmp_path
        )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["runs.csv", "timings.csv"]
    cells = nbformat.read(tmp_path / "copy.ipynb", as_version=4).cells
    assert f"see the copy `{first.name}`" in cells[0].source and len(cells) < 20
