"""Is choosing going to pay? What can be known before anything is labelled or retrained, and how well it foretells.

A label k of which the model gets a share e_k wrong gets samples in proportion to e_k. A sample that is drawn so meets a
mistake with probability sum of e_k^2 / sum of e_k; one that is drawn at random from labels alike, with the mean of e_k.
The surplus is the difference: 0 where all labels are equally good, large where few labels are bad.

Where all labels are equally bad, choosing near the model's borders may still pay, if the model has not seen enough: the
slope of its learning curve says that, see `model_training.learning_curve_slope`.
"""

import numpy as np
from scipy.optimize import nnls

SIGNS = ["surplus", "slope"]  # columns of the table of cells
PAYS = 0.003  # of accuracy: a smaller gain over random choice is none


def surplus(errors):
    """Say how much more often a sample meets a mistake if labels are served by their error than if all are alike.

    Parameters
    ----------
    errors : (..., n_classes) float
        Share of each label's validation samples that the model gets wrong, in [0, 1]; NaN where there are none.

    Returns
    -------
    (...) float
        In [0, 1].
    """
    errors = np.asarray(errors, dtype=np.float64)
    total, squares = np.nansum(errors, axis=-1), np.nansum(errors**2, axis=-1)
    served = np.divide(squares, total, out=np.zeros_like(total), where=total > 0)
    return served - np.nanmean(errors, axis=-1)


def fit_payoff(cells):
    """Fit gain = a x surplus + b x slope to cells, by least squares; neither sign can speak against a gain.

    Parameters
    ----------
    cells : pandas.DataFrame
        With `SIGNS` and `difference`, the gain over control, in shares of accuracy.

    Returns
    -------
    (2,) float
        a and b, at least 0.
    """
    return nnls(cells[SIGNS].to_numpy(), cells["difference"].to_numpy())[0]


def foretell(calibrated_on, cells):
    """Foretell from other cells whether choosing pays, and see whether it did.

    Parameters
    ----------
    calibrated_on, cells : pandas.DataFrame
        See `fit_payoff`.

    Returns
    -------
    pandas.DataFrame
        The cells with `foretold`, the gain; `says`, whether that is worth it; `pays`, whether the mean gain was; `hit`,
        whether these agree.
    """
    foretold = cells[SIGNS].to_numpy() @ fit_payoff(calibrated_on)
    says, pays = foretold > PAYS, cells["difference"] > PAYS
    return cells.assign(foretold=foretold, says=says, pays=pays, hit=says == pays)
