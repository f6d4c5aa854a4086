"""One shard of a pool that is in many, and what it hands over: little, and in a form that merges in any order.

What is drawn at random is a hash of a row's name and the seed, not the next number of a generator: so a row draws the
same number on any worker. Sums are of integers, which add up to the same in any order.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from mode_utils.heatmaps import ClassHeatmaps
from mode_utils.repair.pool_scan import score_chunk
from mode_utils.repair.reading.probabilities import check_probabilities
from mode_utils.repair.reading.shard_files import open_shard
from mode_utils.selection.reference import StatesReference
from mode_utils.selection.screening import DOUBT, nearest, outlines

BINS = 10  # of the model's confidence
_FIXED = 2**24  # parts that a score's unit is divided into, to add up integers
_SKETCH = 4_096  # smallest hashes that are kept, by which different rows are counted
_TESTED = np.uint64(2**64 // 128)  # rows with a smaller number tell the share of foreign ones


@dataclass(frozen=True)
class Plan:
    """What a shard is looked at with: all that is known before the pool is.

    Attributes
    ----------
    reference : StatesReference
        That has learned from validation samples.
    maps : heatmaps.ClassHeatmaps
        Of the validation samples' features.
    n_features : int
    selector : str
    wanted : (n_classes,) int
        Rows of each label that are handed over at most.
    spreads, temperatures : (n_classes,) float
        Of each label: about the standard deviation of its scores, and how far its ranking is softened.
    known : (n_known, n_numbers) float32
        Outlines of validation samples.
    foreign_limit : float
        Distance from them beyond which a row is foreign.
    seed : int
    class_names : tuple of str
        What labels that are texts are of.
    """

    reference: StatesReference
    maps: ClassHeatmaps
    n_features: int
    selector: str
    wanted: np.ndarray
    spreads: np.ndarray
    temperatures: np.ndarray
    known: np.ndarray
    foreign_limit: float
    seed: int
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class ShardSummary:
    """What one or several shards hand over.

    Attributes
    ----------
    rows : dict of str to int
        Rows of each shard by its name.
    labelled : int
        How many of these have labels.
    moments : (2 * n_classes, 3) int
        Of each label that is guessed, then of each that is given: rows, the sum of their scores and of the squares of
        these, in parts.
    confidences : (n_classes, BINS) int
        Rows by predicted label and the model's confidence.
    agreeing, doubtful : int
        Labelled rows in which the reference agrees, and rows whose label it does not believe.
    tested, foreign : int
        Rows that were compared with known ones, and those among them that are foreign.
    hashes : (n_hashes,) uint64
        The smallest hashes of the content of rows.
    candidates : pandas.DataFrame
        The rows that may be chosen: `shard`, `row`, `name`, `label`, `group` (the label, plus n_classes if it is given:
        of a partly labelled pool only others are chosen), `predicted`, `confidence`, `believed`, `score`,
        `gumbel`, `key`, `drawn`, `content`, `skipped`.
    features : (n_candidates, n_features) float32
        Of the candidates.
    """

    rows: dict[str, int]
    labelled: int
    moments: np.ndarray
    confidences: np.ndarray
    agreeing: int
    doubtful: int
    tested: int
    foreign: int
    hashes: np.ndarray
    candidates: pd.DataFrame
    features: np.ndarray

    def merged(self, other, wanted):
        """Return the summary of both, with at most `wanted` candidates a label; in any order and grouping the same."""
        both = {field.name: [getattr(each, field.name) for each in (self, other)] for field in fields(self)}
        sums = {name: sum(pair[1:], pair[0]) for name, pair in both.items() if name in _SUMMED}
        table, features = pd.concat(both["candidates"], ignore_index=True), np.concatenate(both["features"])
        kept = _best(table, wanted)
        hashes = np.unique(np.concatenate(both["hashes"]))[:_SKETCH]
        rows = dict(sorted((both["rows"][0] | both["rows"][1]).items()))
        table, features = table.iloc[kept].reset_index(drop=True), features[kept]
        return ShardSummary(**sums, rows=rows, hashes=hashes, candidates=table, features=features)

    @property
    def counted_exactly(self):
        """Whether the hashes are those of all rows."""
        return len(self.hashes) < _SKETCH

    def different_share(self):
        """Return about which share of the rows are different from one another, in [0, 1]."""
        n = sum(self.rows.values())
        if self.counted_exactly:
            return len(self.hashes) / n
        return min(1.0, (_SKETCH - 1) / (float(self.hashes[-1]) / 2**64) / n)

    def standardised(self):
        """Return the keys (n_candidates,) of the ranking: each score among those of its label, softened."""
        table, (counts, sums, squares) = self.candidates, self.moments.T.astype(np.float64)
        counts = np.maximum(counts, 1)
        means = sums / counts / _FIXED
        spreads = np.sqrt(np.maximum(squares / counts / _FIXED - means**2, 0))
        own, group = table["score"].to_numpy(), table["group"].to_numpy()
        spread = spreads[group]
        return np.where(spread > 1e-6, (own - means[group]) / np.where(spread > 1e-6, spread, 1), 0) + table["gumbel"]


_SUMMED = ("labelled", "moments", "confidences", "agreeing", "doubtful", "tested", "foreign")


def scan_shard(plan, name, url):
    """Look at each row of a shard once.

    Parameters
    ----------
    plan : Plan
    name, url : str
        Of the shard.

    Returns
    -------
    ShardSummary

    Raises
    ------
    ValueError
        If it cannot be read, with its name.
    """
    summary, start = _nothing(plan), 0
    try:
        with (
            threadpool_limits(1),
            open_shard(url, plan.class_names) as chunks,
        ):  # one: sums of floats are the same on any worker
            for features, probabilities, names, labels in chunks:
                _check_chunk(plan, features, probabilities, labels)
                part = _scan_chunk(plan, name, start, features, probabilities, names, labels, summary.candidates)
                summary = summary.merged(part, plan.wanted)
                start += len(features)
    except Exception as error:  # whatever the libraries that read it raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"shard {name}: {reason}") from None
    return replace(summary, rows={name: start})


def _scan_chunk(plan, shard, start, features, probabilities, names, labels, best):
    """Summarise some rows; only those that may come among the best are compared with known ones."""
    places = np.arange(start, start + len(features))
    names = np.array([f"{shard}:{place}" for place in places]) if names is None else names
    beliefs = plan.reference.believe(places, features)
    labels = np.full(len(places), -1) if labels is None else labels
    label, predicted, confidence, believed, scores = _score(plan, features, probabilities, beliefs, labels)
    n_classes, group = len(plan.wanted), label + len(plan.wanted) * (labels >= 0)
    score, drawn = np.nan_to_num(scores), hash_names(names, plan.seed)  # NaN: any of the label
    uniform = np.minimum((drawn + 0.5) / 2.0**64, 1 - 2.0**-53)
    gumbel = plan.temperatures[label] * -np.log(-np.log(uniform))
    table = pd.DataFrame({
        "shard": shard, "row": places, "name": names, "label": label, "group": group, "predicted": predicted,
        "confidence": confidence, "believed": believed, "score": score, "gumbel": gumbel,
        "key": score / plan.spreads[label] + gumbel, "drawn": drawn, "content": _hash_rows(features),
        "skipped": believed <= DOUBT,
    })  # fmt: skip
    promising = np.flatnonzero(table["key"].to_numpy() >= _thresholds(best, plan.wanted)[group])
    promising = promising[_best(table.iloc[promising], 2 * plan.wanted)]
    some = np.flatnonzero(drawn < _TESTED)
    tested = np.union1d(promising, some)
    strange = np.zeros(len(table), bool)
    if len(tested):
        strange[tested] = nearest(outlines(features[tested]), plan.known) > plan.foreign_limit
    table["skipped"] |= strange
    kept = promising[_best(table.iloc[promising], plan.wanted)]
    parts = np.rint(score.astype(np.float64) * _FIXED).astype(np.int64)
    squares = np.rint(score.astype(np.float64) ** 2 * _FIXED).astype(np.int64)
    moments, confidences = np.zeros((2 * n_classes, 3), np.int64), np.zeros((n_classes, BINS), np.int64)
    np.add.at(moments, group, np.stack([np.ones_like(parts), parts, squares], axis=1))
    np.add.at(confidences, (predicted, confidence_bins(confidence)), 1)
    return ShardSummary(
        rows={}, labelled=int((labels >= 0).sum()), moments=moments, confidences=confidences,
        agreeing=int((beliefs.argmax(axis=1) == label).sum()), doubtful=int((believed <= DOUBT).sum()),
        tested=len(some), foreign=int(strange[some].sum()), hashes=np.unique(table["content"])[:_SKETCH],
        candidates=table.iloc[kept].reset_index(drop=True), features=features[kept],
    )  # fmt: skip


def _score(plan, features, probabilities, beliefs, labels):
    """Return what `score_chunk` says of some rows, some of which may have a label, and the scores of the plan."""
    parts, known = [], labels >= 0
    for rows in [rows for rows in (np.flatnonzero(known), np.flatnonzero(~known)) if rows.size]:
        own = labels[rows] if known[rows[0]] else None
        looked_at = (each[rows] for each in (features, probabilities, beliefs))
        *seen, scores = score_chunk(*looked_at, plan.maps, own, (plan.selector,))
        parts.append([rows, *seen, scores[plan.selector]])
    rows, *found = (np.concatenate(part) for part in zip(*parts, strict=True))
    return [each[np.argsort(rows)] for each in found]


def _thresholds(best, wanted):
    """Return the key that a row of each group has to reach to come among the best so far that are not skipped."""
    limits = np.full(2 * len(wanted), -np.inf)
    for group, keys in best[~best["skipped"]].groupby("group")["key"] if len(best) else ():
        if len(keys) >= wanted[group % len(wanted)]:
            limits[group] = keys.min()
    return limits


def _best(table, wanted):
    """Return the places of the best rows of each group, those that are skipped apart; of equal rows, one."""
    order = table.reset_index(drop=True).sort_values(["key", "drawn", "name"], ascending=[False, True, True])
    order = order.drop_duplicates(["group", "content"])
    turn = order.groupby(["group", "skipped"]).cumcount()
    return np.sort(order.index[turn.to_numpy() < np.asarray(wanted)[order["label"].to_numpy()]].to_numpy())


def _nothing(plan):
    n_classes, columns = len(plan.wanted), {
        "shard": str, "row": np.int64, "name": str, "label": np.int32, "group": np.int32, "predicted": np.int32,
        "confidence": np.float32, "believed": np.float32, "score": np.float32, "gumbel": float, "key": float,
        "drawn": np.uint64, "content": np.uint64, "skipped": bool,
    }  # fmt: skip
    table = pd.DataFrame({name: np.empty(0, object if kind is str else kind) for name, kind in columns.items()})
    return ShardSummary(
        {}, 0, np.zeros((2 * n_classes, 3), np.int64), np.zeros((n_classes, BINS), np.int64), 0, 0, 0, 0,
        np.empty(0, np.uint64), table, np.empty((0, plan.n_features), np.float32),
    )  # fmt: skip


def confidence_bins(confidence):
    """Return the bin (n,) of each confidence."""
    return np.minimum((np.asarray(confidence) * BINS).astype(int), BINS - 1)


def hash_names(names, seed):
    """Return a number (n,) uint64 for each name, which is random by the seed, and the same wherever it is drawn."""
    return pd.util.hash_array(np.asarray(names, object), hash_key=f"{seed:016d}"[-16:], categorize=False)


def _hash_rows(features):
    """Return a hash (n,) uint64 of each row's content: an inner product with random odd numbers, modulo 2**64."""
    bits = np.ascontiguousarray(features, np.float32).view(np.uint32).astype(np.uint64)
    factors = np.random.default_rng(0).integers(2**63, size=bits.shape[1], dtype=np.uint64) * np.uint64(2)
    factors += np.uint64(1)
    mixed = (bits * factors).sum(axis=1, dtype=np.uint64)
    return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def _check_chunk(plan, features, probabilities, labels):
    check_probabilities("probabilities", probabilities)
    if probabilities.shape[1] != len(plan.wanted):
        raise ValueError(f"it has {probabilities.shape[1]} classes, the validation samples {len(plan.wanted)}")
    if features.shape != (len(probabilities), plan.n_features):
        raise ValueError(f"its features have shape {features.shape}, wanted is {(len(probabilities), plan.n_features)}")
    if not np.isfinite(features).all():
        raise ValueError("it has NaN or infinite features")
    if labels is not None and not ((labels >= -1) & (labels < len(plan.wanted))).all():
        raise ValueError(f"its labels span {labels.min()} .. {labels.max()}, wanted are 0 .. {len(plan.wanted) - 1}")
