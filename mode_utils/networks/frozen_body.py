"""Repair of the last layer alone, the body below it as it is: the way large networks are fine-tuned.

The outputs of the body are computed once for a model. They take the samples' place, and the last layer is a network of
its own, so that all that is done with a network can be done with it. To retrain it takes a moment, however large the
body is.
"""

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.layers import layer_outputs
from mode_utils.networks.losses import single_loss
from mode_utils.networks.trainer import Trainer


class FrozenBody:
    """The network of a trainer, cut below its last layer.

    Parameters
    ----------
    trainer : Trainer
        Of a network whose last layer takes one vector a sample, from one other layer.

    Attributes
    ----------
    head : Trainer
        Of the last layer alone, with loss and optimizer of the network. `cut` gives it the weights that it has there.

    Raises
    ------
    ValueError
        If what the last layer takes is no vector, or no layer's output.
    """

    def __init__(self, trainer):
        self._trainer, model = trainer, trainer.model
        self._last = model.get_layer(trainer.output_layer)
        features = self._last.input
        below = [name for name, tensor in layer_outputs(model).items() if tensor is features]
        if not below or len(features.shape) != 2:
            raise ValueError(
                f"the last layer {self._last.name!r} of model {model.name!r} takes {tuple(features.shape)}; a body "
                "that is kept needs one vector a sample, from one layer"
            )
        self._below = below[0]
        last = type(self._last).from_config(self._last.get_config())
        head = keras.Sequential([keras.Input(features.shape[1:]), last], name=f"head_of_{model.name}")
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        loss, weight = single_loss(model)
        head.compile(optimizer=optimizer, loss=loss, loss_weights=weight)
        self.head = Trainer(head, trainer.meaning, trainer.batch_size)

    def cut(self):
        """Give the head the weights that the last layer of the network has now, and a new optimizer."""
        self.head.initialize(np.random.default_rng(0))
        self.head.model.set_weights(self._last.get_weights())

    def features(self, x):
        """Return what the body makes of samples (n, ...): (n, n_features) float32."""
        return self._trainer.activations(x, [self._below])[0]
