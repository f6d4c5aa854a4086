"""Campaigns on a data set whose labels are hidden: what is said after each round, beside what is true."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from mode_utils.debugging import RandomRepair, Repair
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.repair.campaign.gain import PLANNED_ROUNDS, judge_trainings, plan_trainings, run_trainings
from mode_utils.repair.campaign.judged import judge_lines
from mode_utils.repair.campaign.next_round import LABEL_COST
from mode_utils.repair.campaign.pool_facts import describe_pool
from mode_utils.run_setup import split_for_run
from mode_utils.selection.replay import Replay

_AGAIN = 4  # trainings that the true gain of the next round is the mean of


class PlayedCampaign:
    """A campaign of the model that a trainer holds, on a pool whose labels are hidden until they are asked for.

    Parameters
    ----------
    trainer : Trainer, which holds the trained model; it has the repaired one afterwards
    splits : Splits, not labelled
    options : DebugOptions, with the budget of a round as `batch_size` and the share of the arm as `control_share`
    seed : int
    at_random : bool, whether all inputs are drawn at random, to compare with
    """

    def __init__(self, trainer, splits, options, seed, at_random=False):
        self.trainer, self.splits, self.options, self.seed = trainer, splits, options, seed
        self._repair = (RandomRepair if at_random else Repair)(trainer, splits, options, seed)
        self.arms, self.batches, self.states, self._predicted = [], [], [], []
        self._look()

    def play_round(self):
        """Choose, uncover the labels, and retrain; return False, and change nothing, if there is nothing to choose."""
        if (batch := self._repair.next_batch()) is None:
            return False
        self.arms.append(self._repair.draw_arm().places if len(batch.arm) else batch.arm)  # so far, earlier ones, too
        self.batches.append(batch.indices)
        self._repair.retrain(np.sort(batch.indices))
        self._look()
        return True

    def play_rounds(self, n_rounds):
        """Play some rounds, or as many as there is something to choose in, and return the table of `rounds`."""
        while len(self.arms) < n_rounds and self.play_round():
            pass
        return self.rounds()

    def rounds(self):
        """Return a table, a row a round, 0 being the model before: `labels`, `validation_accuracy`, `test_accuracy`."""
        labels = self.options.batch_size * np.arange(len(self.states))
        right = {part: [self._right(n, part).mean() for n in range(len(self.states))] for part in ("held_out", "test")}
        table = {"labels": labels, "validation_accuracy": right["held_out"], "test_accuracy": right["test"]}
        return pd.DataFrame({"round": range(len(self.states)), **table})

    def judge(self, n_rounds, planned=PLANNED_ROUNDS, label_cost=LABEL_COST):
        """Return the `Judgement` on some rounds; its gain is None where labels are too few."""
        y, plan = self.splits.held_out.y, self._plan(n_rounds)
        with self.trainer.at():
            made = run_trainings(plan, lambda places, number: self._retrained(places, (n_rounds, number), "held_out"))
        gain, spread = judge_trainings(made, y, len(plan["drawn"][0]), planned) if plan else (None, 0.0)
        return self.forecast(n_rounds, gain, spread, planned, label_cost)

    def forecast(self, n_rounds, *known):
        """Return the `Judgement` on some rounds by what is `known` beside them, see `judged.judge_lines`."""
        y, labels = self.splits.held_out.y, range(self.splits.n_classes)
        right = [np.bincount(y[self._right(n, "held_out")], minlength=len(labels)) for n in range(n_rounds + 1)]
        lines = [
            {"right_before": before, "right": after, "given": given, "added": given.sum()}
            for before, after, given in zip(right, right[1:], np.diff(self.given(), axis=0), strict=False)
        ]
        data = SimpleNamespace(y_validation=y, class_names=labels)
        return judge_lines(SimpleNamespace(data=data, options=self.options), lines, *known)

    def describe_pool(self, class_names):
        """Return sentences on the pool by its arm and the first model, see `pool_facts`; none without an arm."""
        if not self.arms or not len(self.arms[-1]):
            return []
        sides = self.splits.bug_fixing.take(np.sort(self.arms[-1])), (self.splits.held_out.x, self.splits.held_out.y)
        with self.trainer.at(self.states[0]):
            return describe_pool(*((y, self.trainer.predict(x)) for x, y in sides), 0, class_names)[0]

    def true_gain(self, n_rounds, n_draws):
        """Return the gain that `judge` estimates, by the test set and so many draws and parts; NaN without an arm."""
        plan, rng = self._plan(n_rounds), np.random.default_rng([self.seed, n_rounds, 1])
        if not plan:
            return np.nan
        n = len(plan["drawn"][0])
        pools, means = (self._chosen(n_rounds), np.arange(len(self.splits.bug_fixing))), []
        for kind, places in enumerate(pools):
            drawn = [rng.choice(places, n, replace=False) for _ in range(n_draws)]
            with self.trainer.at():
                made = [self._retrained(each, (n_rounds, kind, 1_000 + k), "test") for k, each in enumerate(drawn)]
            means.append((np.array(made) == self.splits.test.y).mean())
        return means[0] - means[1]

    def true_next(self, n_rounds):
        """Return what the next round, which has been played, adds to the test accuracy, the mean of some trainings."""
        before, batch = np.concatenate(self.batches[:n_rounds]), self.batches[n_rounds]
        numbers, start = range(2_000, 2_000 + _AGAIN), self.states[n_rounds]
        with self.trainer.at():
            made = [self._retrained(batch, (n_rounds, number), "test", start, before) for number in numbers]
        return (np.array(made) == self.splits.test.y).mean() - self._right(n_rounds, "test").mean()

    def true_labels(self):
        """Return labels (n_classes,) of its own after which each label reached theta on test samples; NaN if never."""
        y, theta, given = self.splits.test.y, self.options.theta, self.given()
        reached = np.full(self.splits.n_classes, np.nan)
        for label in np.unique(y):
            path = [self._right(n, "test")[y == label].mean() for n in range(len(self.states))]
            path = IsotonicRegression().fit_transform(np.arange(len(path)), path)
            if path[-1] >= theta:
                steps = np.arange(len(path)) * 1e-9  # so that a level part is passed at its beginning
                reached[label] = np.interp(theta, path + steps, given[:, label])
        return reached

    def _plan(self, n_rounds):
        rng, arm, chosen = np.random.default_rng([self.seed, n_rounds]), self.arms[n_rounds - 1], self._chosen(n_rounds)
        return plan_trainings(arm, chosen, self.splits.bug_fixing.y, rng)

    def _chosen(self, n_rounds):
        return np.setdiff1d(np.concatenate(self.batches[:n_rounds]), self.arms[n_rounds - 1])

    def given(self):
        """Return how many samples of each label were added before each round and in all, (n_rounds + 1, n_classes)."""
        n_classes = self.splits.n_classes
        counts = [np.bincount(self.splits.bug_fixing.y[places], minlength=n_classes) for places in self.batches]
        return np.cumsum([np.zeros(n_classes, int), *counts], axis=0)

    def _retrained(self, places, number, part, state=None, before=()):
        """Retrain the first model, or another, on some places; return what it predicts. The trainer holds it then."""
        rng = np.random.default_rng([self.seed, *number])
        x, y = Replay(self.splits, self.options.replay, rng.spawn(1)[0], before).with_old(places)
        self.trainer.restore(self.states[0] if state is None else state)
        self.trainer.fit(x, y, epochs=self.options.epochs, rng=rng)
        return self._predict(part)

    def _look(self):
        self.states.append(self.trainer.state())
        self._predicted.append({part: self._predict(part) for part in ("held_out", "test")})

    def _predict(self, part):
        return self.trainer.predict(getattr(self.splits, part).x).argmax(axis=1)

    def _right(self, n_rounds, part):
        return self._predicted[n_rounds][part] == getattr(self.splits, part).y


def start_campaign(dataset, setup, options, seed, at_random=False):
    """Train the model of a run's setup by its seed, and return the `PlayedCampaign` that begins with it."""
    trainer, splits = new_trainer(dataset, setup), split_for_run(dataset, setup, seed)
    train_initial_model(trainer, splits, setup, seed)
    return PlayedCampaign(trainer, splits, options, seed, at_random)


def play_campaign(campaign, n_rounds, planned=PLANNED_ROUNDS, label_cost=LABEL_COST, n_draws=0):
    """Play some rounds of a `PlayedCampaign`, and say after each what can be said then.

    With `n_draws` above 0, what is said is scored: the gain after one of the rounds, the next one of all but the last.

    Returns
    -------
    rounds : pandas.DataFrame
        A row a round: that of `PlayedCampaign.rounds`, then `gain`, `low`, `high`, `low_of_all`, `high_of_all` of
        `gain.Gain`; `forecast`, `forecast_low`, `forecast_high` of the next round; `advice` and `why`, see
        `next_round.decide`; `true_gain`, `true_next`, NaN where not scored.
    labels : pandas.DataFrame
        A row a round and label below theta: `given`, `needed`, `low`, `high`, `is_told` of `next_round.LabelForecast`;
        `true`, labels after which it was reached, and `given_in_all`.
    """
    unknown = dict.fromkeys(("forecast", "forecast_low", "forecast_high"), np.nan)
    rounds, labels = [{"round": 0, "advice": "", "why": ""} | unknown], []
    for number in range(1, n_rounds + 1):
        if not campaign.play_round():
            break
        found = campaign.judge(number, planned, label_cost)
        row = {"round": number, "advice": found.advice, "why": found.why, "forecast": found.forecast.mean}
        row |= dict(zip(("forecast_low", "forecast_high"), found.forecast.ends, strict=True))
        rounds.append(row | (found.gain.row() if found.gain else {}))
        for label, each in found.labels.items():
            told = {"given": each.given, "needed": each.labels, "low": each.low, "high": each.high}
            labels.append({"round": number, "label": label, **told, "is_told": each.is_told})
    return _score(campaign, pd.DataFrame(rounds), pd.DataFrame(labels), n_draws)


def _score(campaign, rounds, labels, n_draws):
    """Return both tables with what is true, if that is asked for: the gain after one of the rounds, by turns."""
    rounds = campaign.rounds().merge(rounds, on="round").assign(seed=campaign.seed, true_gain=np.nan, true_next=np.nan)
    n_rounds = len(rounds) - 1
    if n_draws and n_rounds:
        scored = 1 + campaign.seed % n_rounds
        rounds.loc[scored, "true_gain"] = campaign.true_gain(scored, n_draws)
        for number in range(1, n_rounds):
            rounds.loc[number, "true_next"] = campaign.true_next(number)
    if len(labels):
        in_all = campaign.given()[-1]
        labels = labels.assign(seed=campaign.seed, true=campaign.true_labels()[labels["label"]])
        labels = labels.assign(given_in_all=in_all[labels["label"]])
    return rounds, labels
