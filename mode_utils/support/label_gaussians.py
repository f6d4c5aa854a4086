"""Probabilities of hundreds or thousands of labels by a few samples of each, in seconds."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.base import BaseEstimator
from sklearn.covariance import ledoit_wolf

_MOST_HELD = 1_000  # samples that tell how sure it may be
_LEAST = 1e-6  # spread of the means, where nothing tells it


class LabelGaussians(BaseEstimator):
    """Gaussians with one spread for all labels, as a classifier of scikit-learn.

    The mean of a label is drawn towards that of all, the more the fewer samples it has, and what is not known of it
    makes its Gaussian wider (probabilistic discriminant analysis: Ioffe, ECCV 2006, doi 10.1007/11744085_41). How sure
    it may be is read off samples that are held out first; where no label has two, it is sure of nothing.
    """

    def fit(self, X, y):  # noqa: N803 - the interface of scikit-learn
        """Learn from features (n, n_features) and labels (n,)."""
        x, labels = np.asarray(X, np.float64), np.unique(y, return_inverse=True)[1]
        order = np.random.default_rng(0).permutation(len(y))
        held = order[np.unique(labels[order], return_index=True)[1]]  # one of each label; of every other with more
        held = held[np.bincount(labels) > 1][::2][:_MOST_HELD]
        self._temperature = 1.0
        if len(held) > 1:
            rest = np.setdiff1d(np.arange(len(y)), held)
            self._learn(x[rest], y[rest])
            scores, own = self._scores(x[held]), (np.arange(len(held)), np.searchsorted(self.classes_, y[held]))
            loss = lambda log: -log_softmax(scores / np.exp(log), axis=1)[own].mean()  # noqa: E731
            self._temperature = float(np.exp(minimize_scalar(loss, bounds=(-4, 7), method="bounded").x))
        self._learn(x, y)
        return self

    def _learn(self, x, y):
        self.classes_, own, counts = np.unique(y, return_inverse=True, return_counts=True)
        means = np.zeros((len(counts), x.shape[1]))
        np.add.at(means, own, x)
        means /= counts[:, None]
        several, self._center = counts[own] > 1, means.mean(axis=0)
        rest = (x - means[own])[several] if several.any() else x - self._center
        free = several.sum() - (counts > 1).sum() or len(rest)  # numbers of a column that are free to differ
        spread = ledoit_wolf(rest, assume_centered=True)[0] * len(rest) / free
        self._root = np.linalg.cholesky(spread + _LEAST * np.eye(len(spread)))  # copies have none
        means = self._white(means)
        apart = (means**2).mean() - (1 / counts).mean() if several.any() else 0
        between = max(apart, _LEAST)
        means *= between / (between + 1 / counts[:, None])
        width = 1 + between / (counts * between + 1)  # what is not known of the mean adds to it
        constants = -(means**2).sum(axis=1) / (2 * width) - x.shape[1] * np.log(width) / 2
        self._weights = np.vstack([(means / width[:, None]).T, -1 / (2 * width), constants])

    def _white(self, x):
        return solve_triangular(self._root, (x - self._center).T, lower=True).T

    def _scores(self, x):
        white = self._white(x)
        return np.column_stack([white, (white**2).sum(axis=1), np.ones(len(x))]) @ self._weights

    def predict_proba(self, X):  # noqa: N803
        """Return probabilities (n, n_labels) of the labels `classes_`."""
        p = self._scores(np.asarray(X, np.float64))
        p -= p.max(axis=1, keepdims=True)
        np.exp(np.divide(p, self._temperature, out=p), out=p)
        return np.divide(p, p.sum(axis=1, keepdims=True), out=p)
