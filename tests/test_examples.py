"""The scripts of `examples/`: from texts and images to what is worth a label; frameworks only where they are there."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiers import by_night

from mode_utils.repair import choose_from_arrays

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)

    def read(name):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return read


def test_texts_of_a_file_become_features_with_their_labels_and_those_without_are_the_pool(load, tmp_path):
    example = load("sklearn_text")
    table, answers = example.make_example()
    pool = example.save_features(table, tmp_path / "features.npz")
    with np.load(tmp_path / "features.npz", allow_pickle=False) as arrays:
        assert len(arrays["y_train"]) + len(arrays["y_validation"]) == (table["label"] != "").sum() < 200
        assert arrays["features_pool"].shape == (len(pool), arrays["features_train"].shape[1])
        assert arrays["names_pool"].tolist() == table["text"][pool].tolist() and len(set(table["text"])) == 1_500
    assert (table["label"][pool] == "").all() and set(answers) == set(example.INTENTS)
    assert example.make_example()[0].equals(table)


def test_a_text_that_comes_again_keeps_its_label_and_a_table_without_a_pool_is_told(load, tmp_path):
    example = load("sklearn_text")
    table = pd.DataFrame({"text": ["a", "b", "a", "c", "b"], "label": ["", "y", "x", "", "z"]})
    assert example.each_once(table).to_numpy().tolist() == [["b", "y"], ["a", "x"], ["c", ""]]
    made = example.make_example()[0]
    assert example.each_once(made).equals(made)
    table.iloc[:3].to_csv(tmp_path / "texts.csv", index=False)
    with pytest.raises(SystemExit, match=r"each of 2 texts of .*texts\.csv has a label"):
        example.main([str(tmp_path / "texts.csv"), str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_the_example_of_texts_asks_for_labels_and_judges_them(load, tmp_path, monkeypatch):
    example, rounds = load("sklearn_text"), []

    def choose(arguments):  # what the command does, without its report
        data, fit, _, budget, folder, *more = arguments
        assert fit == "--fit" and more[:1] in ([], ["--apply"])
        rounds.append(choose_from_arrays(data, int(budget), folder, head=True, apply=more[1:]))
        return 0

    monkeypatch.setattr(example, "mode_choose", choose)
    assert example.main([str(tmp_path / "made")]) == 0
    ask, judged = rounds
    assert ask.outcome is None and judged.outcome.fixed > judged.outcome.broken and judged.outcome.judged.gain
    labels = pd.read_csv(tmp_path / "made/judged/selected.csv")
    assert len(labels) == 60 and labels["label"].notna().all()
    assert set(labels["name"]) <= set(example.make_example()[0]["text"])
    assert (tmp_path / "made/judged/repaired_head.npz").exists()


def test_means_of_tokens_leave_out_what_only_fills_a_row(load):
    example = load("transformers_text")
    states, mask = np.random.default_rng(0).normal(size=(2, 3, 5)), np.array([[1, 1, 0], [1, 1, 1]])
    found = example.mean_of_tokens(states, mask)
    first = states[0, :2].mean(axis=0)
    assert np.allclose(found[0], first / np.linalg.norm(first)) and np.allclose(np.linalg.norm(found, axis=1), 1)


LACKING = [("transformers_text", "transformers"), ("pytorch_resnet", "torch")]


@pytest.mark.parametrize(("name", "lacking"), by_night(LACKING, but=LACKING[:1]))
def test_a_framework_that_is_not_there_is_one_sentence(name, lacking, tmp_path):
    code = f"import sys, runpy; sys.modules[{lacking!r}] = None; sys.path.insert(0, sys.argv[1]); "
    code += f"runpy.run_path(sys.argv[1] + '/{name}.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code, str(EXAMPLES), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1 and "pip install" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_network_in_pytorch_is_chosen_for_and_retrained(load, tmp_path):
    torch = pytest.importorskip("torch", reason="install torch")
    example, rng = load("pytorch_resnet"), np.random.default_rng(0)
    torch.set_num_threads(1)
    y = np.arange(300) % 3
    x = (rng.integers(0, 60, (300, 8, 8, 3)) + 60 * y[:, None, None, None]).astype(np.uint8)
    arrays = {"x_train": x[:250], "y_train": y[:250], "x_test": x[250:], "y_test": y[250:]}
    assert [len(part[1]) for part in example.split(arrays, 60, 60, 0).values()] == [60, 60, 130, 50]
    starved = example.split(arrays, 60, 60, 0, n_starved=1)
    counts = np.bincount(starved["train"][1], minlength=3)
    assert min(counts) < 3 and sorted(counts)[1] > 10 and len(starved["pool"][1]) == 130
    features, probabilities = example.outputs(example.ResNet(3, width=4), x[:7])
    assert features.shape == (7, 16) and probabilities.shape == (7, 3) and np.allclose(probabilities.sum(axis=1), 1)
    np.savez(tmp_path / "images.npz", **arrays)
    options = "--budget 20 --train 60 --validation 60 --epochs 1 --again 1 --width 4 --device cpu"
    out = tmp_path / "out"
    example.main([str(tmp_path / "images.npz"), str(out), *options.split(), "--rivals", "--from-scratch"])
    runs = pd.read_csv(out / "runs.csv")
    assert list(runs["strategy"]) == ["chosen", "random", "any of the label", "margin"]
    assert (runs["samples"] == 20).all() and runs[["before", "after", "from scratch"]].stack().between(0, 1).all()
    assert len(pd.read_csv(out / "selected.csv")) == 20
    for wrong in ([str(out)], [str(tmp_path / "new"), "--starved", "3"]):
        with pytest.raises(SystemExit):
            example.main([str(tmp_path / "images.npz"), *wrong, *options.split()])


def test_the_page_says_what_the_runs_on_a_card_say():
    runs = pd.read_csv(EXAMPLES.parent / "data/results/pytorch/runs.csv")
    page = (EXAMPLES.parent / "docs/any-framework.md").read_text()
    assert runs["device"].nunique() == 1 and f"on an {runs['device'][0]}:" in page
    for _, cell in runs.groupby(["starved", "labelled", "epochs"]):
        after = 100 * cell.pivot(index="seed", columns="strategy", values="after")
        assert len(after) == 5 and f" | {cell['before'].mean():.1%} | " in page
        for name in ("chosen", "any of the label", "margin"):
            gain = after[name] - after["random"]
            mean, low, high = (f"{each:+.2f}".replace("0.", ".") for each in (gain.mean(), gain.min(), gain.max()))
            assert f" | {mean} ({low} to {high}) |" in page
        if cell["starved"].any():
            anew = 100 * cell.dropna().pivot(index="seed", columns="strategy", values="from scratch")
            gain = anew["chosen"] - anew["random"]
            assert len(gain) == 4 and f" {gain.mean():+.2f} ({gain.min():+.2f} to {gain.max():+.2f}) " in page
