"""Rounds of a repair with labels that are asked for, against as many inputs drawn at random: accuracy after each round.

``python benchmarks/campaign.py [N_RUNS] [N_ROUNDS] [BUDGET]``: MNIST, three labels starved, a pool without labels; each
run has a model of its own, and both arms the same one. Test accuracy is scored, never looked at.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.repair import assess_case, choose_inputs, make_example, open_case, retrain, rounds_with, save_repair
from mode_utils.study.significance import interval_of_mean


def play(folder, hidden, seed, arm, n_rounds, budget):
    """Return the rounds of an arm, a line a round."""
    model, earlier = folder / "model.keras", None
    for number in range(1, n_rounds + 1):
        case = open_case(model, folder / "data.npz", budget, seed=seed, continue_from=earlier)
        report = assess_case(case)
        chosen = choose_inputs(case, report)
        indices = chosen["index"].to_numpy()
        if arm == "random":
            left = np.setdiff1d(np.arange(len(hidden)), case.used)
            indices = np.random.default_rng([seed, number]).choice(left, budget, replace=False)
        outcome = retrain(case, indices, hidden[indices])
        earlier = folder / f"{arm}-{number}"
        save_repair(earlier, case, report, chosen, outcome, keep_new_bugs=True)
        model = None
    return rounds_with(case, outcome)


def main(n_runs=6, n_rounds=5, budget=100):
    """Play, and print a table."""
    lines = []
    for seed in range(n_runs):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            make_example(folder, labelled=True, seed=seed)
            with np.load(folder / "data.npz") as data:
                arrays = {name: data[name] for name in data}
            hidden = arrays.pop("y_pool")
            np.savez(folder / "data.npz", **arrays)
            for arm in ("recommended", "random"):
                rounds = play(folder, hidden, seed, arm, n_rounds, budget)
                start = {"round": 0, "total": 0, "test_accuracy_after": rounds[0]["test_accuracy_before"]}
                lines += [{"seed": seed, "arm": arm} | line for line in [start, *rounds]]
        print(f"run {seed + 1} of {n_runs}", file=sys.stderr)
    table = pd.DataFrame(lines).pivot(index=["total", "seed"], columns="arm", values="test_accuracy_after")
    for total, part in table.groupby("total"):
        gap = 100 * (part["recommended"] - part["random"])
        low, high = interval_of_mean(gap) if gap.any() else (0, 0)
        means = 100 * part.mean()
        print(
            f"{total:5d} labels: recommended {means['recommended']:.2f}%, random {means['random']:.2f}%, "
            f"difference {gap.mean():+.2f} pp ({low:+.2f} to {high:+.2f})"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
