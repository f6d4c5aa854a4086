"""Looking at candidates through a model: whose predictions count, which layer is looked at, what is computed.

`look_at_candidates` computes in one step, in a fixed order, all that the selector declares to look at, and nothing
else: so a selector costs what it uses, and one seed draws the same numbers however often something is read.
"""

from dataclasses import dataclass, replace

import numpy as np

from mode_utils.heatmaps import class_heatmaps
from mode_utils.layer_selection import last_hidden_layer, select_target_layer
from mode_utils.networks.feature_models import GRID, train_feature_models
from mode_utils.selection.candidates import Candidates, Comparison
from mode_utils.selection.selectors import SELECTORS, THROUGH_LAYER, looks_of, scores_by_name

_DIRECTIONS = {"underfit": "forward", "overfit": "backward"}


@dataclass(frozen=True)
class View:
    """Whose predictions count, and which layer is looked at.

    Attributes
    ----------
    predictions : (n_diagnosis,) int
        Labels of the diagnosis samples: the model's own, or those of a target layer's feature model.
    layer : str or None
        The layer that was selected or asked for; None where only pixels are compared.
    weights : (n_features, n_classes) float32 or None
        Of the layer's feature model, where there is one.
    """

    predictions: np.ndarray
    layer: str | None = None
    weights: np.ndarray | None = None


def look_at_candidates(trainer, splits, options, groups, fault, diagnosis, rng, view=None, labels=None, beliefs=None):
    """Compute what the selector of the options looks at.

    Parameters
    ----------
    trainer : Trainer
        Holds the model, which is not changed.
    splits : Splits
        `diagnosis` is there to be looked at, `train` is what the model has seen; `test` is not for selectors.
    options : DebugOptions
    groups : list of allocation.Group
        The candidates, as places in the pool.
    fault : {"underfit", "overfit", None}
    diagnosis : diagnosis.Assessment
        Of the model as it is.
    rng : numpy.random.Generator
        Trains the heads of feature models, if there are any, before the selector draws from it.
    view : callable, optional
        In place of `choose_view`.
    labels : (n_pool,) int, optional
        Of the pool, as far as they are known; by default the true ones.
    beliefs : (n_pool, n_classes) float32, optional
        Of a reference, for a selector that looks at them.

    Returns
    -------
    Candidates
    """
    indices = np.concatenate([group.members for group in groups])
    labels = (splits.bug_fixing.y if labels is None else labels)[indices]
    errors = np.nan_to_num(diagnosis.errors, nan=1.0)
    candidates = Candidates(options, groups, labels, errors, fault, rng, labelled=splits.labelled)
    looks = looks_of(options.selector) if len(indices) else frozenset()
    if "beliefs" in looks:
        candidates = replace(candidates, beliefs=beliefs[indices])
    seen = None
    if looks & THROUGH_LAYER:
        seen = (view or choose_view)(trainer, splits, options, fault or "underfit", diagnosis.predictions, rng)
    candidates = _look_through(seen, trainer, splits, candidates, indices, looks)
    if "samples" in looks:
        candidates = replace(candidates, samples=splits.bug_fixing.take(indices)[0])
    blended = SELECTORS[options.selector].blends if len(indices) else ()
    return replace(candidates, scores=scores_by_name(candidates, blended))


def choose_view(trainer, splits, options, fault, predictions, rng):
    """Choose whose predictions count while a fault is repaired, and which layer is looked at.

    Parameters
    ----------
    trainer : Trainer
    splits : Splits
    options : DebugOptions
    fault : {"underfit", "overfit"}
        The target layer is sought forward for underfitting and backward for overfitting (see `layer_selection`).
    predictions : (n_diagnosis,) int
        The model's own for the diagnosis samples.
    rng : numpy.random.Generator

    Returns
    -------
    View
        With layer selection, the target layer and its feature model's predictions; without, the last hidden layer and
        the model's own.
    """
    if options.layer_selection:
        threshold, direction = options.similarity_threshold, _DIRECTIONS[fault]
        target = select_target_layer(trainer, splits.train, splits.diagnosis, rng, threshold, direction)
        return View(target.predictions, target.name, target.weights)
    if options.space == "pixels":
        return View(predictions)
    layer = last_hidden_layer(trainer.model)
    if options.space == "neurons":
        return View(predictions, layer)
    head = train_feature_models(trainer, [layer], splits.train, splits.diagnosis, rng)[0]
    return View(predictions, layer, head.weights)


def _look_through(view, trainer, splits, candidates, indices, looks):
    """Add probabilities, states, their heat maps and the comparison, as far as they are looked at."""
    options, diagnosis = candidates.options, splits.diagnosis
    layer = (view and view.layer) or last_hidden_layer(trainer.model)
    found = {"target_layer": view and view.layer}
    in_pixels = "comparison" in looks and options.space == "pixels"
    in_states = "comparison" in looks and not in_pixels
    wanted = {"probabilities": trainer.output_layer} if "probabilities" in looks else {}
    wanted |= {"states": layer} if "states" in looks or in_states else {}
    outputs = dict(zip(wanted, _activations(trainer, splits.bug_fixing, indices, list(wanted.values())), strict=True))
    found |= {name: each for name, each in outputs.items() if name in looks}
    states = _states(trainer, diagnosis.x, layer) if in_states or "state heatmaps" in looks else None
    if "state heatmaps" in looks:
        found["state_heatmaps"] = class_heatmaps(states, diagnosis.y, view.predictions, splits.n_classes)
    if in_pixels or in_states:
        both = (splits.bug_fixing.take(indices)[0], diagnosis.x) if in_pixels else (outputs["states"], states)
        weights = view.weights if options.space == "importance" else None
        found["comparison"] = Comparison(*both, diagnosis.y, view.predictions, splits.n_classes, weights)
    if "training states" in looks:
        found["training_states"] = _training_states(trainer, splits.train, layer, candidates.rng)
    return replace(candidates, **found)


def _training_states(trainer, train, layer, rng):
    def states(number=None):
        if number is None:
            return _states(trainer, train.x, layer)
        drawn = rng.choice(len(train), min(number, len(train)), replace=False)
        return _states(trainer, train.take(drawn)[0], layer)

    return states


def last_states(trainer, x):
    """Return the states (n, n_features) of samples in the last hidden layer, feature maps averaged to a few cells."""
    return _states(trainer, x, last_hidden_layer(trainer.model))


def _states(trainer, x, layer):
    return trainer.activations(x, [layer], grid=GRID)[0]


def _activations(trainer, pool, indices, layers):
    """Look at the whole pool where most of it is asked for: its copy is there, one of the candidates is not."""
    if not layers:
        return []
    if 2 * len(indices) < len(pool):
        return trainer.activations(pool.take(indices)[0], layers, grid=GRID)
    return [outputs[indices] for outputs in trainer.activations(pool.x, layers, grid=GRID)]
