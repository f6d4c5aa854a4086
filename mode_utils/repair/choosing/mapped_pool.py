"""The pool of a case as a map: where its samples lie in the model's own states, and what is known of each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.repair.folder import MAP
from mode_utils.visualization.pool_map import drawn_rows, map_positions, plot_pool_map, write_pool_map

_COPIES = ("exact copies", "near copies", "also in train", "also in validation", "also in test")


@dataclass(frozen=True)
class MappedPool:
    """A map of a pool, or of some of it if it is large."""

    positions: np.ndarray  # (m, 2) float32, see `visualization.positions.map_positions`
    table: pd.DataFrame  # a row a point, for `visualization.pool_map`; `index` is the place in the pool


def map_pool(case, chosen, faults):
    """Map the pool of a case by the states of the last hidden layer.

    Parameters
    ----------
    case, chosen : Case or OutputsCase, and the table of `choice.choose_inputs`
    faults : pool_faults.PoolFaults

    Returns
    -------
    MappedPool
        Of at most `visualization.pool_map.MAX_POINTS` samples: the chosen ones, the suspected ones, others at random.
    """
    flags = _flags(case, chosen, faults)
    rows = drawn_rows(flags, seed=case.seed)
    states, names = case.outputs.states_at(rows), np.array(case.data.class_names)
    columns = {case.data.known_as: names[case.scan.labels[rows]], "predicted": names[case.scan.predicted[rows]]}
    if case.data.names_pool is not None:
        columns["name"] = case.data.names_pool[rows]
    reasons = dict(zip(chosen["index"], chosen["reason"], strict=True))
    columns |= {"confidence": case.scan.confidence[rows], "reason": [reasons.get(row, "") for row in rows]}
    table = flags.iloc[rows].reset_index(drop=True).assign(index=rows, **columns)
    return MappedPool(map_positions(states.reshape(len(states), -1), case.seed), table)


def save_map(folder, case, mapped):
    """Write the map of a pool into a folder, as `map.html`."""
    pool = case.data.x_pool if case.has_samples else None
    layout = plot_pool_map(mapped.positions, mapped.table, pool, n_inputs=case.n_pool, seed=case.seed)
    write_pool_map(Path(folder) / MAP, layout)


def _flags(case, chosen, faults):
    """Return what is the matter with each sample of the pool; missing where nobody has looked."""
    every, none = np.arange(case.n_pool), np.empty(0, int)

    def marked(*names):
        return np.isin(every, np.concatenate([none, *(faults.places.get(name, none) for name in names)]))

    flags = {"chosen": np.isin(every, chosen["index"])}
    if case.data.pool_labelled and case.scan.reference_probabilities is not None:
        flags["doubtful"] = marked("doubtful labels")
    foreign = pd.array(marked("foreign"), dtype="boolean")
    foreign[~np.isin(every, faults.compared)] = pd.NA
    return pd.DataFrame(flags | {"foreign": foreign, "copy": marked(*_COPIES)})
