"""The next batch of a pool, and what is known of the pool, found out once."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from mode_utils.selection.allocation import allocate
from mode_utils.selection.pool import Pool, draw_batch
from mode_utils.selection.pool_scan import PoolScan, scan_pool
from mode_utils.selection.reference import learn_reference
from mode_utils.selection.schedule import Schedule
from mode_utils.selection.screening import Screen
from mode_utils.selection.selectors import needs_of, scanned_selectors, selector_scores
from mode_utils.selection.view import look_at_candidates
from mode_utils.support.streams import reference_stream


class InputSelection:
    """Chooses batches from a pool; what is known of the pool is found out once, when it is first needed.

    `outputs` is a `source.Outputs`. `rng` draws the batches; what is drawn to get to know the pool comes from streams
    apart: one that it spawns, and that of the run's reference if it is a run's. `used` are places that are not chosen.
    """

    def __init__(self, outputs, splits, options, rng, used=()):
        self.outputs, self.splits, self.options, self.rng = outputs, splits, options, rng
        self.schedule, self.choose_view = Schedule(options), outputs.choose_view
        self._apart, self._used = rng.spawn(1)[0], used

    @property
    def asks_reference(self):
        """Whether the options need a reference for the pool, or a pool without labels has to be guessed."""
        needs = needs_of(self.options.selector)
        guesses = not self.splits.labelled and ("labels" in needs or self.options.allocation != "whole pool")
        return "reference probabilities" in needs or "doubtful" in self.options.skip or guesses

    @cached_property
    def reference_probabilities(self):
        """What a reference makes of the labels of all of the pool, (n_pool, n_classes) float32; None without need."""
        if self.outputs.stays:
            return self.known.reference_probabilities
        if not self.asks_reference:
            return None
        states = self.outputs.states_at if self.options.reference == "states" else lambda places: None
        everything = np.arange(self.outputs.n_pool)
        return self._reference().probabilities(everything, states(everything))

    @cached_property
    def known(self):
        """What is known of each sample of the pool, a `PoolScan`; of a model that changes, the labels alone."""
        if self.outputs.stays:
            asked = self.asks_reference or not self.splits.labelled
            keep = not self.scanned and "reference probabilities" in needs_of(self.options.selector)
            selectors = scanned_selectors(self.options) or ()
            return scan_pool(self.outputs, self.splits, self._reference() if asked else None, selectors, keep)
        found, labels = self.reference_probabilities, self.splits.known_labels
        if labels is None:
            labels = np.asarray(np.zeros(self.outputs.n_pool) if found is None else found.argmax(axis=1), np.int32)
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
        pool, labels = Pool(self.known.labels), self.splits.known_labels
        known = np.flatnonzero(labels >= 0) if labels is not None and not self.splits.labelled else ()
        pool.take(np.union1d(self._used, known).astype(int))
        return pool

    def next_batch(self, assessment, target_label=None):
        """Choose the next samples, a `Batch`, which stay in the pool; None if there is nothing to repair.

        `assessment` is of the model as it is; `target_label` is served, buggy or not, in place of what is next.
        A batch larger than the pool is a ValueError, as is a selector that returns another number of scores.
        """
        if target_label is None:
            fault, needs = self.schedule.next_needs(assessment)
        else:
            buggy = assessment.buggy
            overfit = target_label in buggy["overfit"] and target_label not in buggy["underfit"]
            fault, needs = "overfit" if overfit else "underfit", np.eye(self.splits.n_classes)[target_label]
        if needs is not None and not needs.any():
            return None
        screen, size = self.screen, self.options.batch_size
        groups = allocate(self.pool, needs, size, self.options.alpha)
        candidates = look_at_candidates(self, groups, fault, assessment)
        scores = selector_scores(candidates)
        batch = draw_batch(self.pool, groups, scores, self.rng, size, candidates.temperature, screen)
        target = None if needs is None else int(np.argmax(needs))
        return replace(batch, fault=fault, target_label=target, target_layer=candidates.target_layer)

    def _reference(self):
        rng = reference_stream(self.rng) or self._apart
        return learn_reference(self.outputs, self.splits, rng, self.options.reference)
