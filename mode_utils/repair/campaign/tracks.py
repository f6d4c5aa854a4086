"""The trainings that judge a campaign: on its arm, on as many chosen inputs, on arms as they might have been drawn."""

import numpy as np

from mode_utils.repair.campaign.gain import PLANNED_ROUNDS, estimate_gain

N_MODELS, N_REDRAWN = 8, 16  # retrained on each of arm and chosen, and on redrawn arms
LEAST = 5  # labels of each kind, below which nothing is judged
_SMOOTHING = 5  # labels that are added to a redrawn arm, evenly over the classes


def plan_trainings(arm, chosen, labels, rng, n_models=N_MODELS, n_redrawn=N_REDRAWN):
    """Return which inputs the first model of a campaign is to be retrained on, once each, to judge the choice.

    Parameters
    ----------
    arm, chosen : (n,) int, places of all inputs so far that were drawn at random, and that were chosen
    labels : (n_pool,) int, known at these places
    rng : numpy.random.Generator
    n_models, n_redrawn : int, at least 2, of each kind; the fewer, the wider the interval

    Returns
    -------
    dict of str to list of (n,) int
        Places for each model, as many of each kind: "drawn", the arm; "chosen", random parts of what was chosen;
        "redrawn", see `redraw`. Empty below `LEAST` labels of a kind.
    """
    n = min(len(arm), len(chosen))
    if n < LEAST:
        return {}

    def some(places):
        return rng.permutation(places)[:n]

    return {
        "drawn": [some(arm) for _ in range(n_models)], "chosen": [some(chosen) for _ in range(n_models)],
        "redrawn": [redraw(some(arm), np.concatenate([arm, chosen]), labels, rng) for _ in range(n_redrawn)],
    }  # fmt: skip


def redraw(arm, labelled, labels, rng):
    """Return an arm as it might have been drawn: (n,) places, some of them more than once.

    How many of each label is drawn from the shares in the arm, a little evened out; which, from all labelled inputs of
    that label, chosen ones too. So a rare label that the arm happens to lack, which matters most where it is the one
    that fails, is in some of them.
    """
    counts = np.bincount(labels[labelled])
    shares = np.bincount(labels[arm], minlength=len(counts)) + _SMOOTHING / np.count_nonzero(counts)
    shares = np.where(counts > 0, shares, 0)
    wanted = rng.multinomial(len(arm), shares / shares.sum())
    parts = [rng.choice(labelled[labels[labelled] == label], n) for label, n in enumerate(wanted) if n]
    return np.concatenate(parts)


def run_trainings(plan, retrain):
    """Return the labels that the models of a plan predict: a dict of str to (n_models, n_samples) int.

    `retrain(places, number)` retrains the first model on some places, by a number of its own, and returns the labels
    (n_samples,) that it predicts for the samples that judge.
    """
    numbers = {kind: 100 * place for place, kind in enumerate(plan)}
    return {
        kind: np.array([retrain(places, numbers[kind] + number) for number, places in enumerate(every)])
        for kind, every in plan.items()
    }


def judge_trainings(predictions, y, n_labels, n_looks=PLANNED_ROUNDS, groups=None):
    """Return the `Gain` that retrained models show, and the standard deviation of their accuracy by training alone.

    Parameters
    ----------
    predictions : dict of str to (n_models, n_samples) int, labels that they predict, by the kinds of `plan_trainings`
    y : (n_samples,) int
    n_labels : int, that each was retrained on
    n_looks : int, planned rounds
    groups : (n_samples,) int, optional, see `gain.estimate_gain`
    """
    right = {kind: np.asarray(each) == y for kind, each in predictions.items()}
    spread = np.sqrt(np.mean([right[kind].mean(axis=1).var(ddof=1) for kind in ("drawn", "chosen")]))
    return estimate_gain(n_labels, **right, n_looks=n_looks, groups=groups), float(spread)
