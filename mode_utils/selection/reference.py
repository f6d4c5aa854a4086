"""What does somebody who is not the model believe of a pool sample's label? A reference network of the same kind.

Where the labels of the pool are given, the reference is cross-fitted: trained afresh on the validation samples and one
half of the pool, and asked about the other half, so that no sample vouches for its own label. Where they are not, it is
trained on the validation samples alone. Its beliefs are computed once for a repair.
"""

import numpy as np

STEPS = 1_900  # of a training, about: 4 passes over 15,000 samples in batches of 32
_MOST_EPOCHS = 40


def believe(trainer, splits, rng):
    """Ask a reference network about the labels of the pool.

    Parameters
    ----------
    trainer : Trainer
        Its network is trained afresh; afterwards it holds what it held before.
    splits : Splits
        Of the pool, labels are looked at if it is `labelled`.
    rng : numpy.random.Generator

    Returns
    -------
    (n_pool, n_classes) float32
        Probabilities.

    Raises
    ------
    ValueError
        If a weight of the network cannot be drawn afresh, see `Trainer.initialize`.

    References
    ----------
    Cross-fitted beliefs of labels: Northcutt et al., JAIR 70 (2021), doi 10.1613/jair.1.12125. A model trained on other
    data as the reference of a loss: Mindermann et al., ICML 2022, arXiv 2206.07137.
    """
    held, pool, known = trainer.state(), splits.bug_fixing, splits.diagnosis
    beliefs = np.empty((len(pool), splits.n_classes), np.float32)
    halves = np.array_split(rng.permutation(len(pool)), 2) if splits.labelled else [np.arange(len(pool))]
    for half in halves:
        others = np.setdiff1d(np.arange(len(pool)), half)
        x, y = pool.take(others)
        train_afresh(trainer, np.concatenate([known.x, x]), np.concatenate([known.y, y]), rng)
        beliefs[half] = trainer.predict(pool.take(half)[0])
    trainer.restore(held)
    return beliefs


def train_afresh(trainer, x, y, rng, least_epochs=1):
    """Train from fresh weights, for about `STEPS` steps, but at least some epochs.

    Parameters
    ----------
    trainer : Trainer
    x : (n, ...) float32
    y : (n,) int
    rng : numpy.random.Generator
        Draws weights and orders.
    least_epochs : int
    """
    epochs = int(np.clip(round(STEPS * trainer.batch_size / len(y)), least_epochs, _MOST_EPOCHS))
    trainer.initialize(rng)
    trainer.fit(x, y, epochs=epochs, rng=rng)


def trust(beliefs, labels, labelled):
    """Return how far each label of a sample is believed.

    Parameters
    ----------
    beliefs : (n, n_classes) float
        Of `believe`.
    labels : (n,) int
    labelled : bool
        Whether these are given: then nothing else than the given label is believed, as far as the reference does.

    Returns
    -------
    (n, n_classes) float
    """
    if not labelled:
        return beliefs
    own, rows = np.zeros_like(beliefs), np.arange(len(labels))
    own[rows, labels] = beliefs[rows, labels]
    return own
