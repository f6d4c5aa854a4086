"""The next batch of a pool, by the outputs of a model, and what is known of the pool, found out once."""

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from mode_utils.failure_modes import find_failure_modes, number_modes
from mode_utils.heatmaps import class_heatmaps
from mode_utils.selection.allocation import (
    BY_ERRORS,
    Schedule,
    allocate,
    expected_errors,
    likely_errors,
    parts_by_group,
)
from mode_utils.selection.arm import Arm, draw_arm
from mode_utils.selection.candidates import Candidates, Comparison
from mode_utils.selection.eligible import Only, draw_at_most
from mode_utils.selection.pool import Batch, Pool, draw_batch
from mode_utils.selection.pool_scan import PoolScan, scan_pool
from mode_utils.selection.reference import learn_reference
from mode_utils.selection.screening import DOUBT, Screen
from mode_utils.selection.selectors import (
    SELECTORS,
    THROUGH_LAYER,
    needs_of,
    scanned_selectors,
    scores_by_name,
    selector_scores,
)
from mode_utils.support.streams import reference_stream

_LEAST = 0.01  # need of a label that is asked for


@dataclass(frozen=True)
class View:
    """Whose predictions count, and which layer candidates are compared in."""

    predictions: np.ndarray  #: (n_held_out,) int, by the model itself, or by a target layer's feature model
    layer: str | None = None  #: None where only pixels are compared, and of outputs without a model
    weights: np.ndarray | None = None  #: (n_features, n_classes) float32 of the layer's feature model


def look_at_candidates(chooser, groups, fault, assessment, parts=None):
    """Return the `Candidates` of some groups of places in the pool, with all that the selector of the options needs.

    The generator of `chooser`, an `InputSelection`, trains the heads of feature models before the selector draws from
    it. `splits.test` is not used. A selector that needs something that the outputs lack is a ValueError.
    """
    places, splits, options = np.concatenate([group.members for group in groups]), chooser.splits, chooser.options
    labels, errors = chooser.pool.labels[places], np.nan_to_num(assessment.errors, nan=1.0)
    more = {"labelled": splits.labelled, "parts": parts and parts[0][places]}
    candidates = Candidates(options, groups, labels, errors, fault, chooser.rng, **more)
    if not len(places):
        return candidates
    if chooser.scanned:
        return replace(candidates, scores={name: every[places] for name, every in chooser.known.scores.items()})
    needs, view = needs_of(options.selector), None
    if "reference probabilities" in needs:
        candidates = replace(candidates, reference_probabilities=chooser.known.reference_probabilities[places])
    if needs & THROUGH_LAYER:
        view = chooser.choose_view(options, fault or "underfit", assessment.predictions, chooser.rng)
    candidates = replace(candidates, **_seen(chooser, view, places, needs, parts and parts[1]))
    return replace(candidates, scores=scores_by_name(candidates, SELECTORS[options.selector].blends))


def _seen(chooser, view, places, needs, parts):
    outputs, options, held_out = chooser.outputs, chooser.options, chooser.splits.held_out
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
        own = held_out.y if parts is None else parts
        said = np.where(view.predictions == held_out.y, own, view.predictions)
        n_parts = max(chooser.splits.n_classes, 1 + own.max(initial=0))
        found["comparison"] = Comparison(*both, own, said, n_parts, weights)
    if "training states" in needs:
        found["training_states"] = outputs.training_states(chooser.rng, layer)
    return found


class InputSelection:
    """Chooses batches from a pool; what is known of the pool is found out once, when it is first needed.

    `outputs` are `ModelOutputs` or their like. `rng` draws the batches; what is drawn to get to know the pool comes
    from streams apart: one that it spawns, and that of the run's reference if it is a run's. `used` are places that are
    not chosen; `arm` are members of the control arm in earlier rounds, see `arm.draw_arm`; `only` is what alone may be
    chosen.
    """

    def __init__(self, outputs, splits, options, rng, used=(), arm=(), only=None):
        self.outputs, self.splits, self.options, self.rng, self.only = outputs, splits, options, rng, only or Only()
        _check_groups(splits, options, self.only)
        self.schedule, self.choose_view = Schedule(options), outputs.choose_view
        (self._apart, self._of_arm), self._used, self._arm = rng.spawn(2), used, arm

    @property
    def asks_reference(self):
        """Whether the options need a reference for the pool, or a pool without labels has to be guessed."""
        needs = needs_of(self.options.selector)
        guesses = not self.splits.labelled and ("labels" in needs or self.options.allocation != "whole pool")
        return "reference probabilities" in needs or "doubtful" in self.options.skip or guesses

    @cached_property
    def reference(self):
        """What has learned what the labels of the pool are, see `reference.learn_reference`."""
        rng = reference_stream(self.rng) or self._apart
        return learn_reference(self.outputs, self.splits, rng, self.options.reference)

    @cached_property
    def reference_probabilities(self):
        """What a reference makes of the labels of all of the pool, (n_pool, n_classes) float32; None without need."""
        if self.outputs.stays:
            return self.known.reference_probabilities
        if not self.asks_reference:
            return None
        states = self.outputs.states_at if self.options.reference == "states" else lambda places: None
        everything = np.arange(self.outputs.n_pool)
        return self.reference.probabilities(everything, states(everything))

    @cached_property
    def known(self):
        """What is known of each sample of the pool, a `PoolScan`; of a model that changes, the labels alone."""
        if self.outputs.stays:
            asked = self.asks_reference or not self.splits.labelled
            keep = not self.scanned and "reference probabilities" in needs_of(self.options.selector)
            selectors = scanned_selectors(self.options) or ()
            return scan_pool(self.outputs, self.splits, self.reference if asked else None, selectors, keep)
        found, labels = self.reference_probabilities, self.splits.known_labels
        guesses = np.asarray(np.zeros(self.outputs.n_pool) if found is None else found.argmax(axis=1), np.int32)
        labels = guesses if labels is None else np.where(labels < 0, guesses, labels)
        return PoolScan(labels, None if found is None else found[np.arange(len(labels)), labels], found)

    @property
    def scanned(self):
        """Whether one look at the pool says all that the selector needs."""
        return self.outputs.stays and scanned_selectors(self.options) is not None

    @cached_property
    def screen(self):
        """What is skipped in rankings; None if the options skip nothing."""
        confidence = self.known.self_confidence
        return Screen(self.options.skip, self.splits, self._apart, confidence) if self.options.skip else None

    @cached_property
    def pool(self):
        """The bug-fixing pool, without what was used before or has a label where others have none."""
        return Pool(self.known.labels).without(self._closed)

    @cached_property
    def allowed(self):
        """Which samples of the pool may be chosen, used or not, (n_pool,) bool."""
        return self.only.allows(self.known, self.splits.labelled, self.splits.bug_fixing.groups)

    @property
    def _closed(self):
        labels = self.splits.known_labels
        known = np.flatnonzero(labels >= 0) if labels is not None and not self.splits.labelled else ()
        return np.union1d(self._used, known).astype(int)

    @cached_property
    def _order(self):
        return self._of_arm.permutation(self.outputs.n_pool)

    def draw_arm(self):
        """Return the control `Arm` of the next batch, which stays in the pool; the model is not asked."""
        known = np.flatnonzero(~self.pool.available) if "pool" in vars(self) else self._closed
        n_new = round(self.options.control_share * self.options.batch_size)
        return draw_arm(self._order, n_new, known, self._arm) if n_new else Arm(np.asarray(self._arm, int))

    def next_batch(self, assessment, target_label=None, modes=None):
        """Choose the next samples, a `Batch`, which stay in the pool; None if there is nothing to repair.

        `assessment` is of the model as it is; `target_label` is served, buggy or not, in place of what is next;
        `modes` are its failure modes in spaces "samples" and "states", which are sought if they are needed and None.
        The options' `control_share` of it is the control arm, drawn from the whole pool before the others are chosen.
        A batch larger than the pool is a ValueError, as is a selector that returns another number of scores.
        """
        if target_label is None:
            fault, needs = self.schedule.next_needs(assessment, self.served_errors(assessment))
        else:
            buggy = assessment.buggy
            overfit = target_label in buggy["overfit"] and target_label not in buggy["underfit"]
            fault, needs = "overfit" if overfit else "underfit", np.eye(self.splits.n_classes)[target_label]
        if self.only and needs is not None:  # then these are what is in need
            needs = np.maximum(np.zeros(self.splits.n_classes) + needs, _LEAST)
        if needs is not None and not needs.any():
            return None
        arm = self.draw_arm().new
        size = self.options.batch_size - len(arm)
        if not size:  # before anything is asked of a reference
            return Batch(arm[:0], arm[:0], candidates=arm[:0], scores=np.empty(0), arm=arm)
        target = None if needs is None else int(np.argmax(needs))
        screen, pool, needs, parts = self.screen, *self._eligible(arm, assessment, needs, modes)
        most = self.options.at_most_per_group
        size = min(size, len(pool)) if self.only or most else size
        groups = allocate(pool, needs, size, self.options.alpha)
        candidates = look_at_candidates(self, groups, fault, assessment, parts)
        scores, members = selector_scores(candidates), np.concatenate([group.members for group in groups])
        draw = partial(draw_batch, rng=self.rng, temperature=candidates.temperature, screen=screen)
        if most:
            every = np.full(self.outputs.n_pool, np.nan)
            every[members] = scores
            of_pool, alpha = self.splits.bug_fixing.groups, self.options.alpha
            batch = draw_at_most(most, of_pool, pool, size, partial(_draw_again, draw, every, needs, alpha), arm)
        else:
            batch = draw(pool, groups, scores, batch_size=size)
        of_all = {"candidates": members, "scores": np.asarray(scores, float), "target_layer": candidates.target_layer}
        return replace(batch, **of_all, fault=fault, target_label=target, arm=arm)

    def served_errors(self, assessment):
        """Return what each label's error is likely to be, (n_classes,) in [0, 1]; None if places go by another."""
        if self.options.allocation != "likely errors":
            return None
        known, n_classes, predicted = self.known, self.splits.n_classes, self.known.predicted
        if predicted is None:
            predicted = self.outputs.at(np.arange(self.outputs.n_pool), ("probabilities",))[0].argmax(axis=1)
        told = known.self_confidence  # None where no reference was asked
        certainty = np.ones(len(predicted)) if told is None else np.nan_to_num(told, nan=1.0)
        if self.splits.labelled:  # a label in doubt is one that is not chosen
            certainty = certainty > DOUBT
        expected = expected_errors(known.labels, predicted, certainty, n_classes)
        counts = np.bincount(self.splits.held_out.y, minlength=n_classes)
        found = likely_errors(assessment.errors, counts, expected)
        unseen = np.where(counts == 0, 1 - np.nan_to_num(assessment.train_accuracies, nan=1.0), 0)
        return np.maximum(found, unseen)

    def _eligible(self, arm, assessment, needs, modes):
        """Return the pool of what may be chosen, what each of its parts needs, and the parts if they are not labels."""
        groups, held_out, parts = self.splits.bug_fixing.groups, self.splits.held_out, None
        pool, closed = self.pool.without(arm), ~self.allowed
        if self.only and not (pool.available & ~closed).any():
            raise ValueError("no sample of the pool is left that may be chosen: allow others, too")
        if self.options.serve != "labels" and needs is not None:
            wrong = assessment.predictions != held_out.y
            by_mode = self.options.serve == "modes"
            known, own = self._numbers(assessment, modes) if by_mode else (held_out.groups, groups)
            errors = None if self.options.allocation in BY_ERRORS else assessment.errors
            *parts, needs = parts_by_group((pool.labels, own), (held_out.y, known), wrong, needs, errors)
        return pool.closed_to(closed, parts and parts[0]), needs, parts

    def _numbers(self, assessment, modes):
        """Return which failure mode of their label the held-out samples are in, and those of the pool would be in."""
        held_out, outputs = self.splits.held_out, self.outputs
        spaces = {"samples": held_out.x, "states": outputs.of_validation()[0]}
        if modes is None:
            said, n_classes = assessment.predictions, self.splits.n_classes
            modes = find_failure_modes(spaces, held_out.y, said, n_classes, groups=held_out.groups)
        looks = {"samples": outputs.samples_at, "states": outputs.states_at}
        return number_modes(modes, spaces, held_out.y, looks, self.pool.labels)


def _draw_again(draw, scores, needs, alpha, pool, size):
    groups = allocate(pool, needs, size, alpha)
    return draw(pool, groups, scores[np.concatenate([group.members for group in groups])], batch_size=size)


def _check_groups(splits, options, only):
    lacks = splits.bug_fixing.groups is None
    for wish, wanted in (("at_most_per_group", options.at_most_per_group), ("only group", only.groups)):
        if wanted and lacks:
            raise ValueError(f"{wish} needs the groups of the pool: give groups_pool")
    if options.serve == "groups" and (lacks or splits.held_out.groups is None):
        raise ValueError("serve 'groups' needs the groups of pool and validation: give groups_pool, groups_validation")
