"""What to do after a round: go on choosing, draw at random, or stop; and how many labels each failing label needs."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from mode_utils.repair.campaign.learning_curve import OF_A_LABEL, OF_ROUNDS, LearningCurve
from mode_utils.study.formatting import interval, pp
from mode_utils.study.significance import SIGNIFICANCE

LABEL_COST = 0.25  # points of accuracy that 100 labels have to bring, unless the user knows better
_OF_TRAINING = 0.7  # of the variance between retrained models that counts in what a round brings
_OF_FORM = 0.75  # of what is foretold: how far the curves of some campaigns are from the form that is assumed
_LUCK = 0.25  # of how far the model lies above its curve, that the next round is expected to lose again
_SURE = 0.75  # probability that a round is not worth its labels, from which the advice is to stop
_WIDE, _FEW = 4, 10  # an interval whose end is more than so many times its beginning, at least so many, tells nothing
_SHOWN = 0.05  # accuracy below theta that validation samples are to rule out


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
    of_training : float, standard deviation of the accuracies of models that were trained alike, see `tracks`
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
