"""Gain of choosing over drawing at random, from models retrained on as many labels of each kind, with its interval."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from mode_utils.study.formatting import interval, pp
from mode_utils.study.significance import SIGNIFICANCE
from mode_utils.support.clustered import mean_variance

PLANNED_ROUNDS = 5  # that a campaign's error is spent over, unless it says
_LEAST_OF_DRAWING = 1 / 4  # of what differs between redrawn models that is put down to the drawing, at least
_SAY = {"better": "choosing is better than drawing at random", "worse": "choosing is worse than drawing at random"}
N_MODELS, N_REDRAWN = 8, 16  # retrained on each of arm and chosen, and on redrawn arms
LEAST = 5  # labels of each kind, below which nothing is judged
_SMOOTHING = 5  # labels that are added to a redrawn arm, evenly over the classes


@dataclass(frozen=True)
class Gain:
    """Accuracy after choosing minus accuracy after drawing as many labels at random."""

    labels: int  #: of each kind
    mean: float  #: in [-1, 1], above 0: choosing is better
    low: float  #: ends of the 95% interval of this look alone
    high: float
    low_of_all: float  #: ends that hold in all planned looks of a campaign together, in 95% of campaigns
    high_of_all: float

    @property
    def verdict(self):
        """Return "better", "worse" or "not told apart", by the ends that hold in all looks."""
        return "better" if self.low_of_all > 0 else "worse" if self.high_of_all < 0 else "not told apart"

    def row(self):
        """Return what tables have of it: `gain`, and the four ends."""
        return {"gain" if name == "mean" else name: value for name, value in asdict(self).items() if name != "labels"}

    def say(self):
        """Return a sentence with the gain, its interval, and what it shows."""
        told = _SAY.get(self.verdict, "choosing and drawing at random are not told apart")
        ends = interval(self.low_of_all, self.high_of_all)
        return f"{told}: {pp(self.mean)} of accuracy after {self.labels} labels of each kind (95% interval {ends})"


def estimate_gain(labels, drawn, chosen, redrawn=None, n_looks=1, groups=None):
    """Estimate the `Gain` of the inputs that were chosen over inputs drawn at random, by one set of samples.

    Its error has three parts, whose variances add up: which samples judge, which inputs were drawn, how the trainings
    went. The first is that of the mean difference of each sample; the last that of the models' accuracies, less what
    the samples of a two-way table already account for. If all of `drawn` share one sample of inputs, what another would
    have changed is how much `redrawn` models differ beyond those, at least a quarter of it. Student's interval has
    Satterthwaite's degrees of freedom. The rule was fixed on exploration seeds; `docs/campaigns.md` has its coverage.

    Parameters
    ----------
    labels : int, that each model was retrained on
    drawn, chosen : (n_models, n_samples) bool, at least 2 models
        Whether each retrained model gets each sample right: of models retrained on inputs drawn at random, and on as
        many of the chosen ones, another part of them for each model.
    redrawn : (n_redrawn, n_samples) bool, optional, see `redraw`; None if each of `drawn` is a draw of its own
    n_looks : int, planned looks at the campaign, over which the error of 5% is spread evenly (Bonferroni)
    groups : (n_samples,) int, optional
        Samples that would be drawn together, so that the mean difference of each group counts, see `clustered`; of one
        group nothing can be told: -1 to 1.
    """
    drawn, chosen = np.asarray(drawn, float), np.asarray(chosen, float)
    ahead = chosen.mean(axis=0) - drawn.mean(axis=0)
    parts = [(_of_training(each), len(each) - 1) for each in (drawn, chosen)]
    if redrawn is not None:
        differ = np.asarray(redrawn, float).mean(axis=1).var(ddof=1)
        of_drawing = differ - drawn.mean(axis=1).var(ddof=1)
        parts.append((max(of_drawing, _LEAST_OF_DRAWING * differ), len(redrawn) - 1))
    of_samples, freedom = mean_variance(ahead, groups)
    parts += [] if groups is None else [(of_samples, max(freedom, 1))]
    variance = sum(part for part, _ in parts) + (of_samples if groups is None else 0)
    spread = sum(part**2 / freedom for part, freedom in parts)
    freedom = variance**2 / spread if spread else np.inf
    halves = stats.t.isf(SIGNIFICANCE / 2 / np.array([1, n_looks]), freedom) * np.sqrt(variance)
    one, all_looks = np.nan_to_num(halves, nan=2)
    mean = ahead.mean()
    ends = np.clip([mean - one, mean + one, mean - all_looks, mean + all_looks], -1, 1)
    return Gain(labels, float(mean), *map(float, ends))


def _of_training(right):
    """Return the variance of the mean accuracy of some models (n_models, n_samples) that is due to their training."""
    n_models, n_samples = right.shape
    of_models = right.mean(axis=1)
    rest = right - right.mean(axis=0) - of_models[:, None] + right.mean()
    of_samples = (rest**2).sum() / ((n_models - 1) * (n_samples - 1)) / n_samples
    return max(0, of_models.var(ddof=1) - of_samples) / n_models


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
    groups : (n_samples,) int, optional, see `estimate_gain`
    """
    right = {kind: np.asarray(each) == y for kind, each in predictions.items()}
    spread = np.sqrt(np.mean([right[kind].mean(axis=1).var(ddof=1) for kind in ("drawn", "chosen")]))
    return estimate_gain(n_labels, **right, n_looks=n_looks, groups=groups), float(spread)
