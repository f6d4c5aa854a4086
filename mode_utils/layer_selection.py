"""The target layer: the one behind which feature models stop gaining, or start to memorize.

*Forward*, for underfitting: the first layer whose feature model predicts like that of the next one. *Backward*, for
overfitting: among the layers whose feature model predicts held-out samples as well as the output does, the one with the
narrowest gap between training and held-out accuracy, and the last of equals.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from mode_utils.networks.feature_models import train_feature_models
from mode_utils.networks.layers import candidate_layers
from mode_utils.support.checks import check_choice, check_least

MEMORIZATION_MARGIN = 0.01  # differences of accuracies that count, going backward


@dataclass(frozen=True)
class TargetLayer:
    """The target layer, and why it is the target.

    `evidence` has a row a candidate, in the order of the network: `layer`, `features` (how many reach the head),
    `train_accuracy` and `accuracy` of its feature model, on train and on held-out samples, and their difference `gap`;
    `distance` (Bhattacharyya) to the feature model of the next candidate, at least 0, NaN for the output.
    """

    name: str
    predictions: np.ndarray  #: (n,) int for held-out samples, by its feature model, or the model if only that saturates
    weights: np.ndarray | None  #: (n_features, n_classes) float32 of the layer's head; None if it is the output
    evidence: pd.DataFrame
    reason: str
    heads: dict  #: what the feature model of each candidate predicts for held-out samples, (n,) int, by layer


def last_hidden_layer(model):
    """Return the name of the last candidate before the output; of a model with one layer, the output."""
    return candidate_layers(model)[-2:][0]


def select_target_layer(trainer, train, held_out, rng, similarity_threshold=0.01, direction="forward"):
    """Follow the candidate layers of a network, which is not changed, to its `TargetLayer`.

    Activations that are not finite, and layers that cannot be followed, are a ValueError. Ma et al., ESEC/FSE 2018, doi
    10.1145/3236024.3236082, leave open the threshold, the training of a head, what is a layer, and how far to go back.

    Parameters
    ----------
    train, held_out : Subset; heads are trained on the first, in an order that `rng` draws, and compared on the second
    similarity_threshold : float, at least 0; forward, models at a smaller Bhattacharyya distance count as saturated
    direction : {"forward", "backward"}
    """
    check_least("similarity_threshold", similarity_threshold, 0, whole=False)
    check_choice("direction", direction, _DIRECTIONS)
    models = train_feature_models(trainer, candidate_layers(trainer.model), train, held_out, rng)
    evidence = _evidence(models, train.y, held_out.y)
    position, reason = 0, "it is the only layer with weights"
    if len(models) > 1:
        position, reason = _DIRECTIONS[direction](evidence, similarity_threshold)
    compared = models[min(position, max(len(models) - 2, 0))]
    heads = {model.layer: model.held_out.argmax(axis=1) for model in models}
    return TargetLayer(compared.layer, [*heads.values()][position], compared.weights, evidence, reason, heads)


def bhattacharyya_distance(p, q):
    """Return -ln of the mean of sum(sqrt(p q)) over samples, for probabilities (n, n_classes): 0 for equal ones."""
    coefficient = np.sqrt(p.astype(np.float64) * q).sum(axis=1).mean()
    return float(-np.log(min(coefficient, 1.0))) if coefficient > 0 else np.inf


def _evidence(models, train_labels, held_out_labels):
    table = pd.DataFrame({
        "layer": [model.layer for model in models],
        "features": [model.n_features for model in models],
        "train_accuracy": [(model.train.argmax(axis=1) == train_labels).mean() for model in models],
        "accuracy": [(model.held_out.argmax(axis=1) == held_out_labels).mean() for model in models],
    })  # fmt: skip
    table["gap"] = table["train_accuracy"] - table["accuracy"]
    distances = [bhattacharyya_distance(a.held_out, b.held_out) for a, b in pairwise(models)]
    return table.assign(distance=[*distances, np.nan])


def _forward(evidence, threshold):
    layers, close = evidence["layer"], evidence["distance"] < threshold
    if not close.any():
        reason = f"no two successive feature models are closer than {threshold}"
        return len(layers) - 1, f"{reason}: saturation is only reached at the output"
    place = int(close.argmax())
    return place, f"{layers[place]} and {layers[place + 1]} predict alike: their distance is below {threshold}"


def _backward(evidence, _):
    layers, last = evidence["layer"], len(evidence) - 1
    as_good = evidence["accuracy"] >= evidence["accuracy"].iloc[-1] - MEMORIZATION_MARGIN
    gaps = evidence["gap"].where(as_good, np.inf)
    place = last - int(np.argmin(gaps[::-1]))
    if gaps.iloc[place] > gaps.iloc[-1] - MEMORIZATION_MARGIN:
        return last, "no layer before the output predicts unseen samples as well with a narrower gap to training"
    return place, f"what follows {layers[place]} predicts unseen samples no better and only widens the gap to training"


_DIRECTIONS = {"forward": _forward, "backward": _backward}
