"""The MODE loop and its control: choose a batch, retrain on it and assess, until the budget or the need ends."""

import time
from functools import cached_property

import numpy as np
import pandas as pd

from mode_utils.assessment import assess
from mode_utils.options import check_budget
from mode_utils.selection.allocation import SERVE_BUGS
from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.selection.next_batch import InputSelection
from mode_utils.selection.pool import Batch, Pool
from mode_utils.selection.replay import Replay
from mode_utils.study.runs_table import ITERATION_COLUMNS, POOL_COLUMNS, TIMES
from mode_utils.support.streams import repair_streams


class Repair(InputSelection):
    """A repair by MODE, batch by batch: holds the model, its data, options and random streams.

    Parameters
    ----------
    trainer : Trainer, which holds the trained model
    splits : Splits, not changed
    options : DebugOptions
    seed : int of the run, whose streams decide what is drawn; or numpy.random.Generator, the stream of its repair

    Attributes
    ----------
    assessment : assessment.Assessment of the model as it is, with the options' theta and gamma
    pool, schedule, known, screen : see `selection`; `pool.take` removes a batch
    """

    def __init__(self, trainer, splits, options, seed):
        self.trainer, (self._retraining, selection) = trainer, repair_streams(seed)
        self._replay = Replay(splits, options.replay, self._retraining.spawn(1)[0])
        super().__init__(ModelOutputs(trainer, splits), splits, options, selection)

    @cached_property
    def assessment(self):
        """What the model gets wrong as it is; found out when it is first asked for after a retraining."""
        return assess(self.trainer, self.splits, self.options.theta, self.options.gamma)

    def next_batch(self, assessment=None, target_label=None):
        """Choose the next samples for the model as it is, see `InputSelection.next_batch`."""
        return super().next_batch(assessment or self.assessment, target_label)

    def retrain(self, indices):
        """Take samples out of the pool and retrain the model on them, old ones beside them."""
        self.pool.take(indices)
        self.trainer.fit(*self._replay.with_old(indices), epochs=self.options.epochs, rng=self._retraining)
        self.choose_view = self.outputs.choose_view
        vars(self).pop("assessment", None)

    def run(self, n_iterations=None):
        """Choose, retrain and assess until budget, pool or need end; return the table of `debug_model`."""
        check_budget(self.options, self.outputs.n_pool)
        ranks_all = () if self.options.allocation in SERVE_BUGS else ("bug_fixing",)
        with self.splits.in_memory("train", "held_out", "test", *ranks_all):
            rows = [{"iteration": 0, "samples_added": 0, **self.assessment.scores, "seconds": 0.0}]
            most = min(n_iterations or self.schedule.most_iterations, self.outputs.n_pool // self.options.batch_size)
            while len(rows) <= most and (row := self._iterate()):
                rows.append({"iteration": len(rows)} | row)
        columns = [*ITERATION_COLUMNS, *(POOL_COLUMNS if self.splits.pool_truth else ())]
        table = pd.DataFrame(rows, columns=columns).astype({"target_label": "Int64", "n_ranked": "Int64"})
        return table.assign(finished_early=self._has_nothing_left())

    def _iterate(self):
        """Take one batch through; return its row of the table, None if there is none."""
        started = time.perf_counter()
        batch = self.next_batch()
        if batch is None:
            return None
        selected = time.perf_counter()
        self.retrain(batch.indices)
        times = dict(zip(TIMES, (time.perf_counter() - started, selected - started), strict=True))
        added = np.flatnonzero(~self.pool.available)
        row = {"samples_added": len(added), **self.assessment.scores, **self._why(batch), **times}
        return row | (self.splits.pool_truth.shares(added) if self.splits.pool_truth else {})

    def _why(self, batch):
        target = pd.NA if batch.target_label is None else batch.target_label
        why = {"fault": batch.fault, "target_label": target, "target_layer": batch.target_layer}
        return why | {"n_ranked": len(batch.ranked)}

    def _has_nothing_left(self):
        return self.schedule.has_nothing_left(self.assessment)


class RandomRepair(Repair):
    """The control: as many new samples, drawn at random from the whole pool."""

    def __init__(self, trainer, splits, options, seed):
        super().__init__(trainer, splits, options, seed)
        self.pool = Pool(splits.bug_fixing.y)

    def next_batch(self, assessment=None, target_label=None):
        """Draw the next samples at random."""
        drawn = self.rng.choice(self.pool.remaining(), self.options.batch_size, replace=False)
        return Batch(drawn[:0], drawn)

    def _why(self, batch):
        return {}

    def _has_nothing_left(self):
        return False


def debug_model(trainer, splits, options, rng):
    """Repair the model that `trainer` holds by MODE; it holds the repaired one afterwards.

    Buggy labels: underfit ones are served first, for `max_iterations` or until there are none; then overfit ones,
    likewise; and if there were any, underfit ones again. An allocation that serves all labels takes `max_iterations`.
    If the pool is smaller than `batch_size` x `max_iterations`, it is a ValueError.

    Parameters
    ----------
    trainer, splits, options, rng
        See `Repair`; `rng` is its seed. A control with the same is paired with this run: batches are shuffled alike.

    Returns
    -------
    pandas.DataFrame
        A row an iteration, 0 being the model before the repair; `study.runs_table` says what each column holds. The
        samples are drawn at random, and `n_ranked` is 0, where the heat map does not exist or the options say so.
        `finished_early`, in every row: in the end no label was in need, neither buggy nor, if an allocation serves
        all labels, wrong at all. Shares of wrong, distinct and foreign samples are there if the pool's truth is known.

    References
    ----------
    Ma et al., ESEC/FSE 2018, doi 10.1145/3236024.3236082. Unlike in the earlier replication, overfitting is met, and
    the test set is not used, unless the splits say so.
    """
    return Repair(trainer, splits, options, rng).run()


def retrain_at_random(trainer, splits, options, rng, n_iterations=None):
    """Give the model as many new samples, drawn at random from the whole pool: the control of `debug_model`.

    Takes `n_iterations`, by default as many as a repair with these options can take, so that it has a row wherever that
    may end; as far as the pool lasts.
    """
    return RandomRepair(trainer, splits, options, rng).run(n_iterations)
