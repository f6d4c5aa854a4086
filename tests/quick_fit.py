"""Keras's own training of a small model, in half its time: to begin an epoch takes longer than all of its steps."""

import numpy as np


def quick_fit(model, x, y, epochs, batch_size=32):
    """Train a compiled model as `model.fit` does, each epoch in an order of its own; `x` may be a dict of inputs."""
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(len(y)) for _ in range(epochs)])
    x = {name: part[order] for name, part in x.items()} if isinstance(x, dict) else x[order]
    model.fit(x, y[order], batch_size=batch_size, shuffle=False, verbose=0)
    return model
