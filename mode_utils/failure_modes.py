"""Failure modes: regions of a label in which a model fails, though it does not fail in the rest of the label.

A label's samples, right and wrong ones, are joined into a tree (Ward) in each space that is given: pixels, states. Each
branch is a region, and the one whose wrong samples exceed what was expected most is a mode if chance does not do that
in any branch (a tree-based scan statistic: Kulldorff et al., Biometrics 59, 2003, doi 10.1111/1541-0420.00039). What is
expected of a sample is how often samples of the *other* labels are wrong that lie as far among strangers as it does: at
the border of a label every model fails, and that alone is no mode. The search goes on in what is left of the label.
"""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.special import xlogy
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from statsmodels.stats.proportion import proportion_confint

from mode_utils.assessment import check_labels
from mode_utils.support.clustered import accuracy_interval, design_effect
from mode_utils.support.sample_parts import digest_rows

LEAST_WRONG = 10  # samples of a mode
LEAST_GAP = 0.3  # by which its share of wrong samples exceeds that in the rest of the label
_ALPHA = 0.05  # of a mode that is not there, in any label
_MOST = 4  # modes of a label
_MOST_SAMPLES = 2_000  # of a label that are searched: the tree needs memory that grows with their square
_LARGEST = 0.75  # share of a label that is still a region of it
_DRAWS = 999  # of wrong samples by chance, in a round of them; as many rounds as a p that is small enough takes
_DIMENSIONS, _NEIGHBOURS = 20, 15
_NEAREST = 5  # samples of a label that tell whether another one would be in a mode
_AT_ONCE = 2**28  # bytes of other samples that are looked at
_SURE = 1e-4  # probability that a sample is wrong, at least, and that it is right


@dataclass(frozen=True)
class FailureMode:
    """A region of a label in which a model fails.

    Attributes
    ----------
    label : int
    members : (n,) int, places of its samples among those that were searched, right and wrong ones
    wrong : (n_wrong,) int, those that are wrong, the most typical of the mode first
    taken_for : (n_classes,) int, how many of these each label was predicted for
    error, elsewhere : float in [0, 1], share of wrong samples in the mode, and in the rest of the label
    searched : int, samples of the label that were searched, of which `members` and all shares are
    share : tuple of float, 95% interval (Wilson) of the share of the label's samples that are wrong and in the mode;
        NaN where there are too few groups to tell of others
    p : float in (0, 1], of a region as bad as this by chance, in any branch of the label
    space : str, name of the space in which it is a branch
    """

    label: int
    members: np.ndarray
    wrong: np.ndarray
    taken_for: np.ndarray
    error: float
    elsewhere: float
    searched: int
    share: tuple[float, float]
    p: float
    space: str


def find_failure_modes(spaces, labels, predictions, n_classes, seed=0, groups=None):
    """Return each `FailureMode` of all labels, a list, label by label, the clearest first; an empty one if none is.

    In a model without modes one is found with a probability of at most 5%, as far as its labels are alike. Of a label
    with more samples, `_MOST_SAMPLES` are searched, drawn at random; of copies one is.

    Parameters
    ----------
    spaces : dict of str to (n, ...) float, what the samples are in each, such as pixels and states of a layer; the
        first tells how far a sample lies among strangers
    labels, predictions : (n,) int, true and predicted labels 0 .. n_classes - 1
    seed : int, draws wrong samples by chance
    groups : (n,) int, optional, what samples share beside their label: as far as those of a group are wrong together,
        they count as fewer, so that no mode is made of a sequence or two
    """
    labels, predictions = check_labels(labels, predictions, n_classes)
    if groups is not None and np.shape(groups) != labels.shape:
        raise ValueError(f"groups has shape {np.shape(groups)}, not {labels.shape}: one of each sample")
    if not spaces:
        raise ValueError("no space is given: name at least one, such as {'states': states}")
    for name, features in spaces.items():
        if len(features) != len(labels) or not np.isfinite(features).all():
            raise ValueError(f"space {name!r}: {len(features)} samples for {len(labels)} labels, all must be finite")
    first = np.asarray(next(iter(spaces.values())))
    distinct = np.sort(np.unique(digest_rows(first, first.dtype), return_index=True)[1])  # copies are no evidence
    some = [_some(distinct[labels[distinct] == label], seed) for label in range(n_classes)]
    places = np.sort(np.concatenate(some))
    wrong = labels[places] != predictions[places]
    searched = np.flatnonzero(np.bincount(labels[places][wrong], minlength=n_classes) >= LEAST_WRONG)
    if not len(searched):
        return []
    reduced = {name: _reduce(np.asarray(features)[places]) for name, features in spaces.items()}
    of_own, y, said = _share_of_own(next(iter(reduced.values())), labels[places]), labels[places], predictions[places]
    usual = np.ones(len(places), bool)
    for _ in range(2):  # the second time, what is expected does not come from samples in modes
        found = []
        for label in map(int, searched):
            own, rng = y == label, np.random.default_rng([seed, label])
            branches = {name: _branches(z[own]) for name, z in reduced.items()}
            expected = _expected(of_own, wrong, own, usual)
            together = 1.0 if groups is None else design_effect(wrong[own] - expected, groups[places[own]])
            regions = _scan(branches, wrong[own], expected, rng, _ALPHA / len(searched), together)
            found += [(label, np.flatnonzero(own), *each) for each in regions]
        if not found:
            return []
        usual[:] = True
        for _, own, inside, *_ in found:
            usual[own[inside]] = False
    return [
        _describe(label, places[own], inside, reduced[name][own], said[own], n_classes, name, p, groups)
        for label, own, inside, name, p in found
    ]


def _some(places, seed):
    """Return the places, or so many of them that they can be searched."""
    if len(places) <= _MOST_SAMPLES:
        return places
    return np.random.default_rng([seed, len(places)]).choice(places, _MOST_SAMPLES, replace=False)


def number_modes(modes, spaces, labels, looks, labels_of_others):
    """Return which failure mode of its label each sample is in, or would be in: 1, 2, ...; 0 where in none.

    `modes` were found in `spaces` and `labels`, see there. Of others, as of a pool, `looks` has a function from places,
    in increasing order, to features for each space; the nearest samples of their label decide, in the mode's space.
    Both numbers, (n,) and (n_others,) int.
    """
    labels, others = np.asarray(labels), np.asarray(labels_of_others)
    numbers, of_other = np.zeros(len(labels), int), np.zeros(len(others), int)
    for mode in modes:
        number, known = 1 + max(numbers[labels == mode.label]), np.flatnonzero(labels == mode.label)
        numbers[mode.members] = number
        x, asked = np.asarray(spaces[mode.space])[known].reshape(len(known), -1), np.flatnonzero(others == mode.label)
        nearest = KNeighborsClassifier(_NEAREST).fit(x, np.isin(known, mode.members))
        for some in np.array_split(asked, -(-asked.size * x[0].nbytes // _AT_ONCE)) if asked.size else ():
            inside = nearest.predict(np.asarray(looks[mode.space](some)).reshape(len(some), -1))
            of_other[some[inside]] = number
    return numbers, of_other


def _describe(label, places, inside, z, predictions, n_classes, space, p, groups):
    """Return the mode of the samples (n,) of a label, some of which are `inside`, by their places and predictions."""
    wrong = predictions != label
    bad = np.flatnonzero(inside & wrong)
    typical = bad[np.argsort(((z[bad] - z[bad].mean(axis=0)) ** 2).sum(axis=1), kind="stable")]
    errors = float(wrong[inside].mean()), float(wrong[~inside].mean())
    if groups is None:
        share = tuple(float(end) for end in proportion_confint(len(bad), len(places), method="wilson"))
    else:
        share = accuracy_interval(inside & wrong, groups[places])
    counts = np.bincount(predictions[bad], minlength=n_classes)
    return FailureMode(label, places[inside], places[typical], counts, *errors, len(places), share, p, space)


def _reduce(features):
    z = np.asarray(features, np.float64).reshape(len(features), -1)
    with np.errstate(invalid="ignore"):  # of features that are all the same, shares of variance are unknown
        return PCA(min(_DIMENSIONS, *z.shape), random_state=0).fit_transform(z)


def _share_of_own(z, labels):
    """Return which share of a sample's nearest neighbours have its label, (n,), strictly between 0 and 1."""
    n_neighbours = min(_NEIGHBOURS, len(z) - 1)
    near = NearestNeighbors(n_neighbors=n_neighbours + 1).fit(z).kneighbors(z, return_distance=False)[:, 1:]
    return ((labels[near] == labels[:, None]).sum(axis=1) + 0.5) / (n_neighbours + 1)


def _expected(among, wrong, own, usual):
    """Return the probability that a sample of a label is wrong, by usual others that lie among as many of their own."""
    values, rows = np.unique(among, return_inverse=True)
    counts = np.array([np.bincount(rows[~own & usual & part], minlength=len(values)) for part in (wrong, ~wrong)])
    if not counts.sum(axis=1).all():
        return np.full(own.sum(), np.clip(wrong.mean(), _SURE, 1 - _SURE))
    odds = np.log(values / (1 - values))
    columns, outcomes = np.column_stack([odds, odds**2]), np.repeat([True, False], len(values))
    curve = LogisticRegression(C=10).fit(np.tile(columns, (2, 1)), outcomes, sample_weight=counts.ravel())
    return np.clip(curve.predict_proba(columns)[:, 1], _SURE, 1 - _SURE)[rows[own]]


def _branches(z):
    """Return which samples each branch of the tree of z (n, ...) holds, (n_branches, n) bool."""
    joined, n = linkage(z, "ward")[:, :2].astype(int), len(z)
    inside = np.vstack([np.eye(n, dtype=bool), np.zeros((n - 1, n), bool)])
    for place, (first, second) in enumerate(joined, start=n):
        inside[place] = inside[first] | inside[second]
    return inside[inside.sum(axis=1) >= LEAST_WRONG]


def _scan(branches, wrong, expected, rng, alpha, together):
    """Yield the regions of a label, (n,) bool, the space of each, and its p, while p is at most alpha.

    Of so many samples that are wrong `together`, at least 1, one counts (Rao and Scott, Biometrics 48, 1992).
    """
    names = np.repeat(list(branches), [len(each) for each in branches.values()])
    inside, left = np.concatenate(list(branches.values())).astype(np.float32), np.ones(len(wrong), np.float32)
    n_rounds = int(np.ceil(2 / alpha / _DRAWS))
    for _ in range(_MOST):
        bad, kept, places = wrong * left, inside * left, np.flatnonzero(left)
        n_bad, size = int(bad.sum()), kept.sum(axis=1)
        kept, own = kept[is_region := (size >= LEAST_WRONG) & (size <= _LARGEST * left.sum())], names[is_region]
        if n_bad < LEAST_WRONG or not len(kept):
            return
        counts, sizes, hoped = kept @ bad, kept.sum(axis=1), kept @ expected
        scores = _excess(counts, hoped, n_bad, left @ expected) / together
        gap = counts / sizes - (n_bad - counts) / (left.sum() - sizes)
        scores[(counts < LEAST_WRONG) | (gap < LEAST_GAP)] = 0
        best = scores.argmax()
        if not scores[best]:
            return
        beyond = 0
        for _ in range(n_rounds):
            drawn = kept[:, places] @ _draw(expected[places], n_bad, rng)
            beyond += (_excess(drawn, hoped[:, None], n_bad, left @ expected).max(axis=0) >= scores[best]).sum()
            p = (1 + beyond) / (n_rounds * _DRAWS + 1)
            if p > alpha:  # more draws cannot make it smaller
                return
        region = kept[best] > 0
        yield region, str(own[best]), float(p)
        left[region] = 0


def _excess(counts, hoped, n_bad, hoped_in_all):
    """Return the log likelihood ratio of more wrong samples in a region than are expected of it (Kulldorff, 1997)."""
    hoped = hoped * n_bad / hoped_in_all
    score = xlogy(counts, counts / hoped) + xlogy(n_bad - counts, (n_bad - counts) / np.maximum(n_bad - hoped, 1e-9))
    return np.where(counts > hoped, score, 0.0)


def _draw(expected, n_bad, rng):
    """Draw which samples are wrong, n_bad each time, by the odds of what is expected, (n, n_draws) float32."""
    keys = np.log(expected / (1 - expected))[:, None] + rng.gumbel(size=(len(expected), _DRAWS))
    drawn = np.zeros(keys.shape, np.float32)
    np.put_along_axis(drawn, np.argpartition(-keys, n_bad - 1, axis=0)[:n_bad], 1, axis=0)
    return drawn
