"""What to do after a round: go on, draw at random, or stop; and how many labels each failing label needs.

Both are told by learning curves, with their uncertainty.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from mode_utils.study.formatting import interval, pp
from mode_utils.study.significance import SIGNIFICANCE

LABEL_COST = 0.25  # points of accuracy that 100 labels have to bring, unless the user knows better
_OF_TRAINING = 0.7  # of the variance between retrained models that counts in what a round brings
_OF_FORM = 0.75  # of what is foretold: how far the curves of some campaigns are from the form that is assumed
_LUCK = 0.25  # of how far the model lies above its curve, that the next round is expected to lose again
_SURE = 0.75  # probability that a round is not worth its labels, from which the advice is to stop
_WIDE, _FEW = 4, 10  # an interval whose end is more than so many times its beginning, at least so many, tells nothing
_SHOWN = 0.05  # accuracy below theta that validation samples are to rule out
_LEVEL = np.linspace(-6, 6, 121)  # log odds of being right before the first label
_SLOPE = np.linspace(0, 1.5, 76)  # what a doubling adds to them
_NEVER = 60  # doublings


@dataclass(frozen=True)
class Prior:
    """What is expected of a learning curve before it is measured; found on the seeds of the exploration."""

    slope: callable  #: of a slope, the log of its density
    scales: tuple[float, ...]  #: labels after which doublings count, as likely as each other
    weight: float  #: of a validation sample; below 1, because all points share the same


OF_ROUNDS = Prior(lambda slope: -slope / 0.1, (5, 20, 80), 1.0)  # accuracy of all samples by labels of all kinds
OF_A_LABEL = Prior(lambda slope: norm.logpdf(slope, 0.5, 0.3), (20,), 0.75)  # of a label, by its own labels


class LearningCurve:
    """Accuracy as a function of labels added, as far as samples tell: a posterior on a grid.

    The log odds of being right grow by a slope, at least 0, with each doubling of 1 + n / scale.

    Parameters
    ----------
    labels : (n_points,) labels added before each point, from 0
    right, n_samples : (n_points,) samples that are right there, of how many, the same ones at all points
    prior : Prior
    """

    def __init__(self, labels, right, n_samples, prior):
        self._level, self._slope, self._scale = np.meshgrid(_LEVEL, _SLOPE, prior.scales, indexing="ij")
        log_weights = prior.slope(self._slope) + norm.logpdf(self._level, 0, 2.5)
        for n, k in zip(labels, right, strict=True):
            p = np.clip(self._accuracy(n), 1e-9, 1 - 1e-9)
            log_weights += prior.weight * (k * np.log(p) + (n_samples - k) * np.log1p(-p))
        weights = np.exp(log_weights - log_weights.max())
        self._weights = (weights / weights.sum()).ravel()

    def accuracy(self, n):
        """Return median and both ends of the 95% interval of the accuracy after n labels."""
        return self._quantiles(self._accuracy(n), (0.5, 0.025, 0.975))

    def gain(self, n, n_more):
        """Return mean and standard deviation of what `n_more` labels after the first n add to the accuracy."""
        gains = (self._accuracy(n + n_more) - self._accuracy(n)).ravel()
        mean = (self._weights * gains).sum()
        return mean, np.sqrt((self._weights * (gains - mean) ** 2).sum())

    def labels_to(self, accuracy):
        """Return median and both ends of the 95% interval of the labels after which it is reached; may be infinite."""
        with np.errstate(divide="ignore", invalid="ignore"):
            doublings = np.nan_to_num(np.maximum((logit(accuracy) - self._level) / self._slope, 0), posinf=np.inf)
        labels = np.where(doublings > _NEVER, np.inf, self._scale * (np.exp2(np.minimum(doublings, _NEVER)) - 1))
        return self._quantiles(labels, (0.5, 0.025, 0.975))

    def _accuracy(self, n):
        return expit(self._level + self._slope * np.log2(1 + n / self._scale))

    def _quantiles(self, values, shares):
        values = values.ravel()
        order = np.argsort(values)
        places = np.searchsorted(np.cumsum(self._weights[order]), shares).clip(max=len(order) - 1)
        return tuple(float(values[order[place]]) for place in places)


@dataclass(frozen=True)
class Forecast:
    """What another round of as many labels will add to the accuracy, in [-1, 1]."""

    labels: int  #: of the next round
    mean: float
    deviation: float  #: standard, of what is not known of the curve and its form, and of how a training goes

    @property
    def ends(self):
        """Return both ends of the 95% interval."""
        half = norm.isf(SIGNIFICANCE / 2) * self.deviation
        return self.mean - half, self.mean + half

    def below(self, gain):
        """Return the probability that the round brings less than a gain in accuracy."""
        return float(norm.cdf(gain, self.mean, self.deviation))


def forecast_round(labels, right, n_samples, n_next, of_training):
    """Return the `Forecast` of the next round of a campaign.

    Parameters
    ----------
    labels : (n_points,) int, all labels added before the first round, which is 0, and after each
    right : (n_points,) int, validation samples that the model gets right then, of n_samples
    n_next : int, labels of the next round
    of_training : float, standard deviation of the accuracies of models trained alike, see `gain.judge_trainings`
    """
    curve = LearningCurve(labels, right, n_samples, OF_ROUNDS)
    mean, deviation = curve.gain(labels[-1], n_next)
    luck = _LUCK * (right[-1] / n_samples - curve.accuracy(labels[-1])[0])
    mean -= luck
    variance = deviation**2 + _OF_TRAINING * of_training**2 + (_OF_FORM * mean) ** 2
    return Forecast(n_next, float(mean), float(np.sqrt(variance)))


def decide(gain, forecast, n_rounds, n_planned, label_cost=LABEL_COST):
    """Return "stop", "draw" or "choose", what to do next, and a sentence that says why, with its figures.

    Parameters
    ----------
    gain : gain.Gain, or None where choosing could not be judged
    forecast : Forecast
    n_rounds, n_planned : int, rounds so far and in all
    label_cost : float, at least 0, points of accuracy that 100 labels have to bring
    """
    cost = label_cost / 100 * forecast.labels / 100
    told = f"another {forecast.labels} labels are expected to bring {pp(forecast.mean)} of accuracy"
    told += f" (95% interval {interval(*forecast.ends)})"
    if forecast.below(cost) >= _SURE:
        return "stop", f"stop: {told}, probably less than the {pp(cost)} that they have to be worth"
    if gain is not None and gain.verdict == "worse":
        return "draw", f"draw at random from now on (--control-share 1), as choosing is worse: {told}"
    if gain is not None and gain.verdict != "better" and gain.mean <= 0 and n_rounds >= n_planned:
        why = f"as {n_rounds} rounds do not show that choosing is better"
        return "draw", f"draw at random from now on (--control-share 1), {why}: {told}"
    return "choose", f"go on choosing: {told}"


@dataclass(frozen=True)
class LabelForecast:
    """How many labels of its own a label needs until its accuracy reaches theta."""

    given: int  #: so far
    labels: float  #: in all, the median of what is possible, and both ends of the 95% interval; may be infinite
    low: float
    high: float
    curve: LearningCurve

    @property
    def is_told(self):
        """Whether the interval is narrow enough to be of use."""
        return self.high <= _WIDE * max(self.low, _FEW)


def forecast_label(given, right, n_samples, theta):
    """Return the `LabelForecast` of a label.

    Parameters
    ----------
    given : (n_points,) int, labels of its own that were added before the first round, which is 0, and after each
    right : (n_points,) int, of its n_samples validation samples, at least 1
    theta : float, in (0, 1)
    """
    curve = LearningCurve(given, right, n_samples, OF_A_LABEL)
    return LabelForecast(int(given[-1]), *curve.labels_to(theta), curve)


def samples_to_show(theta):
    """Return how many validation samples of a label show that it is not more than 5 points below theta, in 95%."""
    return int(np.ceil(norm.isf(SIGNIFICANCE) ** 2 * theta * (1 - theta) / _SHOWN**2))


def say_label(name, forecast, theta):
    """Return a sentence on what a label needs to reach theta, and to show it, or that it cannot be told yet."""
    if not forecast.is_told:
        return f"{name}: cannot tell yet after {forecast.given} labels of its own"
    ends = f"{forecast.low:.0f} to {forecast.high:.0f}"
    return f"{name}: {forecast.labels:.0f} labels, {ends}; {samples_to_show(theta)} validation samples to show it"
