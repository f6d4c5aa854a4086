"""Linear heads on given features: fitted with a strength that held-out samples pick, and refitted on more labels."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mode_utils.repair.reading.class_names import listed
from mode_utils.selection.reference import MOST_PASSES, fit_classifier
from mode_utils.support.sample_parts import count_before, in_chunks, joined

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # C, a larger one is freer
_BETTER, _PATIENCE = 0.99, 2  # times the least loss that counts as less; strengths without, after which none is tried
_FOLDS, _ONE_FOLD = 3, 1_000  # parts that are held out in turn; of more training samples, only the first one
_MOST_ASKED, _A_LABEL = 4_000, 12  # training samples that pick a strength; more, where these are fewer a label
_ONE_KIND = 20  # times by which columns of one kind differ in spread, a tenth left out at either end
_LEAST = 1e-9  # probability, in a logarithm
_NAMED = 5  # labels in a sentence


class _AlikeScaler(StandardScaler):
    """Centre columns and divide them by their spread: by one for all if they are of one kind, as in an embedding."""

    def fit(self, X, y=None, sample_weight=None):  # noqa: N803
        """Find means and spreads of columns (n, n_features)."""
        super().fit(X, y, sample_weight)
        varying = self.scale_[self.var_ > 0]
        low, high = np.quantile(varying, (0.1, 0.9)) if varying.size else (1, 1)
        self.one_kind_ = bool(high <= _ONE_KIND * low)
        if self.one_kind_ and varying.size:
            self.scale_ = np.full_like(self.scale_, np.sqrt(self.var_.mean()))
        return self


@dataclass(frozen=True)
class Head:
    """A classifier on features that can be fitted again with more samples.

    Attributes
    ----------
    given : True or scikit-learn estimator, see `fit_head`
    model : the fitted estimator
    first, more : (x, y), features (n, n_features) float32 and labels that the first head of a campaign learns from, and
        that came since
    n_classes, seed : int
    strengths : pandas.DataFrame, optional
        `C`, `log_loss` and `accuracy` on held-out samples, and which was `taken`, where a strength was picked.
    temperature : float, optional, by which scores are divided before a softmax makes probabilities of them
    """

    given: object
    model: BaseEstimator
    first: tuple = field(repr=False)
    more: tuple = field(repr=False)
    n_classes: int
    seed: int
    strengths: pd.DataFrame | None = field(repr=False)
    temperature: float | None
    _predict: object = field(repr=False)
    _made: dict = field(default_factory=dict, repr=False, compare=False)

    def probabilities(self, features):
        """Return probabilities (n, n_classes) float32 of samples by their features, which may be mapped from a file."""
        return _in_parts(self._predict, features)

    def with_more(self, x, y):
        """Return the head that has learned from more samples (n, n_features), too, its strength picked anew."""
        more = joined(self.more, (x, y))
        return self._once("more", more, lambda: fit_head(self.given, self.first, self.n_classes, more, self.seed))

    def learned(self, x, y):
        """Return probabilities as a function of features, of a head that has learned from more samples, as strong."""
        predict = _fit(clone(self.model), *joined(self.first, self.more, (x, y)), self.n_classes, self.temperature)
        return partial(_in_parts, predict)

    def retrained(self, x, y, features):
        """Return what the first head of the campaign, refitted with more samples, takes others for: labels (n,) int."""
        lesson = joined(self.first, (x, y))
        fit = self._once("first", (x, y), lambda: _fit(clone(self.model), *lesson, self.n_classes, self.temperature))
        return _in_parts(fit, features).argmax(axis=1)

    def _once(self, what, added, make):
        key = what, *(each.tobytes() for each in added)
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def say(self, class_names):
        """Return sentences on how it was fitted."""
        x, y = joined(self.first, self.more)
        n, counts, right = len(self.more[1]), np.bincount(y), (self.probabilities(x).argmax(axis=1) == y).mean()
        told = f"A head was fitted to {len(self.first[1])} samples{f' and {n} labels that came' if n else ''}"
        told += f", and gets {right:.1%} of them right"
        if self.strengths is None:
            scores = "" if self.temperature is None else (
                f"; a softmax makes probabilities of its scores, divided by {self.temperature:.3g}, by held-out samples"
            )  # fmt: skip
            return [f"{told}: {type(self.model).__name__}, as it was given{scores}."]
        columns = "all columns by one spread" if self.model[0].one_kind_ else "each column by its own spread"
        how = "as no sample can be held out"
        if len(self.strengths):
            accuracy = self.strengths["accuracy"][self.strengths["taken"]].iloc[0]
            how = f"which predicts held-out samples best ({accuracy:.1%} right)"
        said = [f"{told}: logistic regression, {columns}, strength C = {self.model[-1].C:g}, {how}."]
        if (single := np.flatnonzero(counts == 1)).size and len(self.strengths):
            names = listed((class_names[label] for label in single), _NAMED)
            said.append(f"It knows one sample only of {names}: these are never held out.")
        return said

    def save(self, path, class_names):
        """Write a head whose strength was picked as an .npz file of plain arrays; of a given estimator, nothing.

        `softmax(features @ coefficients.T + intercepts)` are probabilities of the labels `class_names[classes]`.
        """
        if self.strengths is None:
            return
        scaler, model = self.model
        weights = model.coef_ / scaler.scale_
        constants = model.intercept_ - weights @ scaler.mean_
        if len(weights) == 1:  # of two labels, scikit-learn has the second one's alone
            weights, constants = (np.concatenate([np.zeros_like(each), each]) for each in (weights, constants))
        names = {"classes": model.classes_, "class_names": np.array(class_names, str), "strength": model.C}
        np.savez(path, coefficients=weights, intercepts=constants, **names)


def fit_head(given, first, n_classes, more=None, seed=0):
    """Fit a `Head`; a ValueError says why it cannot be.

    Parameters
    ----------
    given : True or scikit-learn estimator
        True picks the strength C of a logistic regression by log loss on held-out samples, stratified: on three thirds
        in turn, of more than 1,000 samples on the first; of strengths that differ by less than 1%, the weakest. An
        estimator is cloned and fitted as it is, with `seed` for a `random_state` that is None. Without `predict_proba`,
        a softmax makes probabilities of its `decision_function`, divided by the temperature that fits held-out samples
        best.
    first, more : (x, y), features (n, n_features) float32 and labels (n,) int, see `Head`
    n_classes, seed : int
    """
    more = more or tuple(each[:0] for each in first)
    x, y = joined(first, more)
    if len(labels := np.unique(y)) == 1:
        raise ValueError(f"y_train has one class only ({labels[0]}), in {len(y)} samples: a head takes two or more")
    strengths = temperature = None
    if given is True:
        strengths = try_strengths(x, y, seed)
        best = strengths["C"][strengths["taken"]]
        model = LogisticRegression(C=best.iloc[0] if len(best) else 1.0, max_iter=MOST_PASSES)
        model = make_pipeline(_AlikeScaler(), model)
    else:
        model = _seeded(check_estimator(given), seed)
        temperature = None if hasattr(model, "predict_proba") else _find_temperature(model, x, y, seed)
    predict = _fit(model, x, y, n_classes, temperature)
    return Head(given, model, first, more, n_classes, seed, strengths, temperature, predict)


def _seeded(given, seed):
    model = clone(given)
    own = [name for name, value in model.get_params().items() if name.endswith("random_state") and value is None]
    return model.set_params(**dict.fromkeys(own, seed % 2**32))


def check_estimator(given):
    """Return a classifier of scikit-learn that can be a head; a ValueError if it cannot."""
    if not all(hasattr(given, name) for name in ("fit", "get_params")):
        told = f"head {given!r} is not an estimator of scikit-learn: give one, or True to have a head fitted"
        raise ValueError(f"{told}; a Keras model goes to mode-repair")
    if not any(hasattr(given, name) for name in ("predict_proba", "decision_function")):
        raise ValueError(f"head {given!r} has neither predict_proba nor decision_function: give another classifier")
    return given


def try_strengths(x, y, seed):
    """Return the `strengths` of a `Head`, the weakest first, until they become worse; none if nothing can be held out.

    Each regression begins where that of the strength before has ended; the weakest of those that hardly differ is taken
    by `fit_head`.
    """
    rows = np.random.default_rng(seed).permutation(len(y))[: max(_MOST_ASKED, _A_LABEL * len(np.unique(y)))]
    x, y, found = _AlikeScaler().fit_transform(x[rows]), y[rows], []
    parts = _held_out(y, seed)
    models = [LogisticRegression(warm_start=True, max_iter=MOST_PASSES) for _ in parts]
    for strength in STRENGTHS if parts else ():
        losses, right = [], []
        for model, (learned, held) in zip(models, parts, strict=True):
            p = fit_classifier(model.set_params(C=strength), x[learned], y[learned], y.max() + 1)(x[held])
            losses.append(-np.log(np.maximum(p[np.arange(len(p)), y[held]], _LEAST)))
            right.append(p.argmax(axis=1) == y[held])
        found.append((strength, np.concatenate(losses).mean(), np.concatenate(right).mean()))
        if len(found) - 1 - _best_of(found) == _PATIENCE:
            break
    table = pd.DataFrame(found, columns=["C", "log_loss", "accuracy"])
    return table.assign(taken=np.arange(len(table)) == (_best_of(found) if found else -1))


def _best_of(found):
    """Return the place of the first strength that no later one beats by more than a hundredth of its loss."""
    best = 0
    for place, (_, loss, _) in enumerate(found):
        best = place if loss < _BETTER * found[best][1] else best
    return best


def _held_out(y, seed):
    """Return pairs of places that are learned from and held out; of each label one sample at least is learned from."""
    order = np.random.default_rng(seed).permutation(len(y))
    turns = count_before(y[order])
    folds = np.empty(len(y), int)
    folds[order] = (turns + y[order]) % _FOLDS
    folds[np.bincount(y)[y] == 1] = -1
    pairs = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(_FOLDS)]
    return [pair for pair in pairs if len(pair[1])][: 1 if len(y) > _ONE_FOLD else _FOLDS]


def _find_temperature(model, x, y, seed):
    y = np.unique(y, return_inverse=True)[1]
    logits, labels = [], []
    for learned, held in _held_out(y, seed):
        logits.append(_fit(clone(model), x[learned], y[learned], y.max() + 1, 0)(x[held]))
        labels.append(y[held])
    if not labels:
        return 1.0
    logits, labels = np.concatenate(logits), np.concatenate(labels)
    own = np.arange(len(labels)), labels

    def loss(log):
        return -np.log(np.maximum(softmax(logits / np.exp(log), axis=1)[own], _LEAST)).mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-7, 7), method="bounded").x))


def _fit(model, x, y, n_classes, temperature):
    """Fit a model; return its probabilities as a function of features, or its scores at a temperature of 0."""

    def from_scores(model, x):
        scores = model.decision_function(x)
        scores = np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores
        return softmax(scores / temperature, axis=1) if temperature else scores

    try:
        return fit_classifier(model, x, y, n_classes, "predict_proba" if temperature is None else from_scores)
    except (ValueError, TypeError) as error:
        why = str(error).strip().splitlines()[0]
        raise ValueError(f"the head {type(model).__name__} cannot be fitted to {len(y)} samples: {why}") from error


def _in_parts(predict, features):
    parts = [predict(np.asarray(chunk, np.float32)) for _, chunk in in_chunks(features)]
    return np.concatenate(parts).astype(np.float32)
