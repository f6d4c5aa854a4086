"""Looking at candidates: all that the selector declares to need is computed, in a fixed order, and nothing else.

So a selector costs what it uses, and one seed draws the same numbers however often something is read.
"""

from dataclasses import replace

import numpy as np

from mode_utils.heatmaps import class_heatmaps
from mode_utils.selection.candidates import Candidates, Comparison
from mode_utils.selection.selectors import SELECTORS, THROUGH_LAYER, needs_of, scores_by_name


def look_at_candidates(chooser, groups, fault, assessment):
    """Return the `Candidates` of some groups of places in the pool, with all that the selector of the options needs.

    The generator of `chooser`, an `InputSelection`, trains the heads of feature models before the selector draws from
    it. `splits.test` is not used. A selector that needs something that the outputs lack is a ValueError.
    """
    places, splits, options = np.concatenate([group.members for group in groups]), chooser.splits, chooser.options
    labels, errors = chooser.pool.labels[places], np.nan_to_num(assessment.errors, nan=1.0)
    candidates = Candidates(options, groups, labels, errors, fault, chooser.rng, labelled=splits.labelled)
    if not len(places):
        return candidates
    if chooser.scanned:
        return replace(candidates, scores={name: every[places] for name, every in chooser.known.scores.items()})
    needs, view = needs_of(options.selector), None
    if "reference probabilities" in needs:
        candidates = replace(candidates, reference_probabilities=chooser.known.reference_probabilities[places])
    if needs & THROUGH_LAYER:
        view = chooser.choose_view(options, fault or "underfit", assessment.predictions, chooser.rng)
    candidates = replace(candidates, **_seen(chooser, view, places, needs))
    return replace(candidates, scores=scores_by_name(candidates, SELECTORS[options.selector].blends))


def _seen(chooser, view, places, needs):
    outputs, options, held_out = chooser.outputs, chooser.options, chooser.splits.diagnosis
    layer, found = view and view.layer, {"target_layer": view and view.layer}
    in_pixels = "comparison" in needs and options.space == "pixels"
    in_states = "comparison" in needs and not in_pixels
    wanted = [name for name in ("probabilities", "states") if name in needs or (name == "states" and in_states)]
    seen = dict(zip(wanted, outputs.at(places, wanted, layer) if wanted else (), strict=True))
    found |= {name: each for name, each in seen.items() if name in needs}
    states = outputs.of_validation(layer)[0] if in_states or "state heatmaps" in needs else None
    if "state heatmaps" in needs:
        found["state_heatmaps"] = class_heatmaps(states, held_out.y, view.predictions, chooser.splits.n_classes)
    if "samples" in needs or in_pixels:
        samples = outputs.samples_at(places)
        found |= {"samples": samples} if "samples" in needs else {}
    if in_pixels or in_states:
        both = (samples, held_out.x) if in_pixels else (seen["states"], states)
        weights = view.weights if options.space == "importance" else None
        found["comparison"] = Comparison(*both, held_out.y, view.predictions, chooser.splits.n_classes, weights)
    if "training states" in needs:
        found["training_states"] = outputs.training_states(chooser.rng, layer)
    return found
