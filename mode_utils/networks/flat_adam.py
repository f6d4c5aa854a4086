"""An epoch of Adam (Kingma and Ba, arXiv 1412.6980) on one flat vector: the same bits as Keras, in fewer operations."""

import numpy as np

from mode_utils.networks.backend import keras, tf
from mode_utils.networks.keras_internals import adam_moments, weights_of_optimizer

_MOST_WEIGHTS = 50_000
_PLAIN = {"amsgrad": False, "weight_decay": None, "clipnorm": None, "clipvalue": None, "global_clipnorm": None,
          "use_ema": False, "loss_scale_factor": None, "gradient_accumulation_steps": None}  # fmt: skip


def can_be_flat(model):
    """Tell whether a model, its optimizer built, is small, trains by plain Adam, and changes nothing but weights."""
    optimizer, weights = model.optimizer, model.trainable_variables
    return (
        type(optimizer) is keras.optimizers.Adam
        and sum(int(np.prod(weight.shape)) for weight in weights) <= _MOST_WEIGHTS
        and all(getattr(optimizer, name) == value for name, value in _PLAIN.items())
        and isinstance(optimizer.learning_rate, keras.Variable)
        and not model.non_trainable_variables
        and [id(weight) for weight in weights_of_optimizer(optimizer)] == [id(weight) for weight in weights]
        and not model.losses
        and all(len(moments) == len(weights) for moments in adam_moments(optimizer))
        and all(weight.dtype == "float32" and weight.constraint is None for weight in weights)
    )


def flat_epoch(model, encode):
    """Return a function of x, labels, their order and a batch size that trains an epoch and returns losses (steps,)."""
    optimizer, weights = model.optimizer, model.trainable_variables
    variables = (weights, *adam_moments(optimizer))
    beta_1, beta_2 = (tf.constant(beta, tf.float32) for beta in (optimizer.beta_1, optimizer.beta_2))
    shapes = [tuple(weight.shape) for weight in weights]
    sizes = [int(np.prod(shape)) for shape in shapes]

    def split(vector):
        return [tf.reshape(part, shape) for part, shape in zip(tf.split(vector, sizes), shapes, strict=True)]

    def epoch(x, y, order, batch_size):
        n_steps = (tf.size(order) + batch_size - 1) // batch_size
        losses = tf.TensorArray(tf.float32, n_steps)
        flat, mean, square = (_flattened(each) for each in variables)
        rate, iterations = tf.convert_to_tensor(optimizer.learning_rate), tf.convert_to_tensor(optimizer.iterations)
        for step in tf.range(n_steps):
            batch = order[step * batch_size : (step + 1) * batch_size]
            x_batch, y_batch = tf.gather(x, batch), encode(tf.gather(y, batch))
            with tf.GradientTape() as tape:
                tape.watch(flat)
                output, _ = model.stateless_call(split(flat), [], x_batch, training=True)
                loss = model.compute_loss(x_batch, y_batch, output)
            gradient = tape.gradient(loss, flat)
            iterations += 1
            power = tf.cast(iterations, tf.float32)
            scale = rate * tf.sqrt(1 - tf.pow(beta_2, power)) / (1 - tf.pow(beta_1, power))
            mean += (gradient - mean) * (1 - optimizer.beta_1)
            square += (tf.square(gradient) - square) * (1 - optimizer.beta_2)
            flat -= (mean * scale) / (tf.sqrt(square) + optimizer.epsilon)
            losses = losses.write(step, tf.cast(loss, tf.float32))
        for each, vector in zip(variables, (flat, mean, square), strict=True):
            for variable, value in zip(each, split(vector), strict=True):
                variable.assign(value)
        optimizer.iterations.assign(iterations)
        return losses.stack()

    return epoch


def _flattened(variables):
    return tf.concat([tf.reshape(tf.convert_to_tensor(variable), [-1]) for variable in variables], axis=0)
