"""A learning curve with its uncertainty: what another round will bring, and how many labels a label needs."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

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
