"""Many trainings of one architecture: a `Trainer` keeps one model, as new ones leak memory, and swaps its state."""

import weakref
from contextlib import contextmanager

import numpy as np

from mode_utils.networks.backend import keras, tf
from mode_utils.networks.classifiers import Meaning, read_classifier
from mode_utils.networks.keras_internals import is_random_seed, optimizer_variables, own_variables, padding_mask
from mode_utils.networks.layers import largest_output, layer_outputs
from mode_utils.networks.learning_rate import HeldRate, held_rate, is_scheduled
from mode_utils.networks.plain_models import plain_model

_CHUNK = 4096  # samples a prediction step, where all are not one step
_CHUNK_NUMBERS = 24e6  # in the largest activation, up to which all samples are one step
_MOST_NUMBERS = 64e6  # in the largest activation of a step: 256 MB, and about three times as much beside it
_LARGE, _TOO_LARGE = 1e6, 2**30  # bytes; smaller arrays are converted each time, larger ones part by part
_AT_ONCE = 1_024  # samples of `Predictions`
_AFRESH_STEPS = 1_900  # of a training from fresh weights, about: 4 passes over 15,000 samples in batches of 32
_AFRESH_EPOCHS = 40  # at most


class Trainer:
    """Train, save, restore and apply one compiled classifier; `output_layer` stands for the probabilities."""

    def __init__(self, model, meaning: Meaning | None = None, batch_size=32):
        plain = plain_model(model)  # refuses what cannot be one, before its meaning is read
        self.meaning = meaning or read_classifier(model)
        self.model = model = plain
        self.n_classes, self.batch_size = self.meaning.n_classes, batch_size
        self.dtype = str(model.inputs[0].dtype)
        if not model.optimizer.built:  # a second time, some make their variables again
            model.optimizer.build(model.trainable_variables)
        self._outputs, self._rate = layer_outputs(model), HeldRate()
        self.output_layer = list(self._outputs)[-1]
        self._epochs, self._forward, self._tensors, self._largest = {}, {}, {}, {}

    def initialize(self, rng):
        """Draw fresh weights, by the layers' own initializers, and seeds from `rng`, and reset the optimizer."""
        for layer, variables in own_variables(self.model):
            for variable in variables:
                _initialize(layer, variable, rng)
        for variable in filter(is_random_seed, self.model.variables):
            variable.assign([rng.integers(2**31), 0])
        _reset(self.model.optimizer, self.model.trainable_variables)

    def state(self):
        """Return a copy of everything that training changes, as a tuple of arrays for `restore`."""
        return tuple(variable.numpy().copy() for variable in self._variables())

    def restore(self, state):
        """Set a `state` for good; raise a ValueError if it belongs to another architecture."""
        variables = self._variables()
        if [np.shape(value) for value in state] != [tuple(variable.shape) for variable in variables]:
            raise ValueError(f"the state does not fit model {self.model.name!r}: its arrays have other shapes")
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)

    @contextmanager
    def at(self, state=None):
        """Lend the model a `state`, or its own, to be changed: afterwards it has its own again, bit for bit."""
        own = self.state()
        try:
            if state is not None:
                self.restore(state)
            yield self
        finally:
            self.restore(own)

    def fit(self, x, y, *, epochs, rng, batch_size=None, sample_weights=None, learning_rate=None):
        """Train on samples (n, ...) and labels (n,), shuffled by `rng` for each epoch, as `keras.Model.fit` does.

        `sample_weights` (n,) are factors on the losses; `learning_rate` stands in for the optimizer's own. The losses
        that are returned, (epochs, steps) float32, are those before each update.
        """
        x, y = np.asarray(x), np.asarray(y, np.int32)
        columns = (y,) if sample_weights is None else (y, np.asarray(sample_weights, np.float32))
        orders = (rng.permutation(len(y)).astype(np.int32) for _ in range(epochs))
        optimizer, size = self.model.optimizer, batch_size or self.batch_size
        with held_rate(optimizer, learning_rate, self._rate):
            epoch = self._epoch(len(columns) > 1, learning_rate is not None and is_scheduled(optimizer))
            losses = [self._train(epoch, x, columns, order, size) for order in orders]
        optimizer.finalize_variable_values(self.model.trainable_variables)  # takes averages over, if it keeps any
        return np.stack(losses)

    def train_afresh(self, x, y, rng, least_epochs=1):
        """Train from fresh weights for about 1,900 steps, but at least some epochs; `rng` draws weights and orders."""
        epochs = int(np.clip(round(_AFRESH_STEPS * self.batch_size / len(y)), least_epochs, _AFRESH_EPOCHS))
        self.initialize(rng)
        self.fit(x, y, epochs=epochs, rng=rng)

    def predict(self, x):
        """Return the probabilities (n, n_classes), float32, of the labels for `x` (n, ...)."""
        return self.activations(x, [self.output_layer])[0]

    def activations(self, x, layers, grid=None):
        """Return the outputs of some layers, an array (n, ...) float32 a name, in the given order.

        With `grid`, feature maps are averaged over space (or time) to at most so many cells an axis, and outputs are
        flattened to (n, n_features), which makes layers of any size comparable. An unknown name is a ValueError.
        """
        forward, x = self._forward_to(tuple(layers), grid), np.asarray(x)
        size = self._step_size(x)
        x = x if self._bytes(x) > _TOO_LARGE else self._tensor(x)
        if size >= len(x):
            return [part.numpy().astype(np.float32, copy=False) for part in forward(self._tensor(x))]
        whole = []
        for start in range(0, len(x), size):
            parts = forward(self._tensor(x[start : start + size]))
            whole = whole or [np.empty((len(x), *part.shape[1:]), np.float32) for part in parts]
            for array, part in zip(whole, parts, strict=True):
                array[start : start + size] = part
        return whole

    def output_shape(self, layer, grid=None):
        """Return the shape of a layer's output for one sample, before it is flattened; see `activations`."""
        *sides, channels = self._output(layer).shape[1:]
        return (*(_cells(side, grid) if grid else side for side in sides), channels)

    def _step_size(self, x):
        numbers = self._largest[x.shape[1:]] = self._largest.get(x.shape[1:]) or largest_output(self.model, x.shape[1:])
        if len(x) * numbers < _CHUNK_NUMBERS:
            return max(1, len(x))
        return int(np.clip(_MOST_NUMBERS // numbers, 1, _CHUNK))

    def _train(self, epoch, x, columns, order, batch_size):
        """Train for an epoch; some whole steps at a time where a second copy of the samples would be too large."""
        y, *weights = columns
        if self._bytes(x) <= _TOO_LARGE:
            return epoch(self._tensor(x), y, order, batch_size, *weights).numpy()
        size = max(1, int(_TOO_LARGE // 4 / self._bytes(x) * len(x)) // batch_size) * batch_size
        losses = []
        for part in np.split(order, range(size, len(order), size)):
            own = np.arange(len(part), dtype=np.int32)
            losses.append(epoch(self._tensor(x[part]), y[part], own, batch_size, *(each[part] for each in weights)))
        return np.concatenate(losses)

    def _bytes(self, x):
        return x.size * tf.as_dtype(self.dtype).size

    def _tensor(self, x):
        """Convert samples; those that are read-only once, for as long as they exist."""
        if isinstance(x, tf.Tensor):
            return x
        if x.flags.writeable or not x.flags.owndata or x.nbytes < _LARGE:
            return self._converted(x)
        key = id(x)
        if key not in self._tensors:
            tensors = self._tensors  # not `self`: a trainer may end before the samples do
            self._tensors[key] = weakref.ref(x, lambda _: tensors.pop(key, None)), self._converted(x)
        return self._tensors[key][1]

    def _converted(self, x):
        dtype = tf.as_dtype(self.dtype)
        return tf.convert_to_tensor(np.asarray(x, dtype.as_numpy_dtype), dtype)

    def _variables(self):
        return self.model.variables + optimizer_variables(self.model.optimizer)

    def _epoch(self, weighted, held):
        """Return a traced epoch; one at a held rate is another, because a schedule is part of the graph."""
        if (weighted, held) not in self._epochs:
            epoch = _epoch_of(self.model, self.meaning.encode)
            labels, scalar = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32)
            weights = [tf.TensorSpec((None,), tf.float32)] if weighted else []
            signature = [self._samples(), labels, labels, scalar, *weights]
            self._epochs[weighted, held] = tf.function(epoch, input_signature=signature)
        return self._epochs[weighted, held]

    def _samples(self):
        return tf.TensorSpec((None, *self.model.input_shape[1:]), self.dtype)

    def _forward_to(self, layers, grid):
        if (layers, grid) not in self._forward:
            submodel = keras.Model(self.model.inputs, [self._output(name) for name in layers])

            @tf.function(input_signature=[self._samples()])
            def forward(x):
                outputs = keras.tree.flatten(submodel(x, training=False))
                return [_pooled(output, grid) for output in outputs] if grid else outputs

            self._forward[layers, grid] = forward
        return self._forward[layers, grid]

    def _output(self, name):
        if name not in self._outputs:
            raise ValueError(f"model {self.model.name!r} has no layer {name!r}; choose from {', '.join(self._outputs)}")
        output = self._outputs[name]
        return self.meaning.probabilities(output) if name == self.output_layer else output


class Predictions:
    """The probabilities of samples (n, ...), each computed once, when it is first asked for."""

    def __init__(self, trainer, x):
        self.trainer, self.x = trainer, x
        self._places, self._rows = np.empty(0, int), np.empty((0, trainer.n_classes), np.float32)

    def at(self, places):
        """Return probabilities (n_places, n_classes) of the samples at increasing places."""
        if (missing := np.setdiff1d(places, self._places)).size:
            parts = np.array_split(missing, len(missing) // _AT_ONCE + 1)
            rows = [self.trainer.predict(np.asarray(self.x[part])) for part in parts]
            order = np.argsort(known := np.concatenate([self._places, missing]))
            self._places, self._rows = known[order], np.concatenate([self._rows, *rows])[order]
        return self._rows[np.searchsorted(self._places, places)]


def _epoch_of(model, encode):
    """Return a function of x, labels, their order and a batch size that trains an epoch and returns losses (steps,)."""
    weights = model.trainable_variables

    def epoch(x, y, order, batch_size, sample_weights=None):
        n_steps = (tf.size(order) + batch_size - 1) // batch_size
        losses = tf.TensorArray(tf.float32, n_steps)
        for step in tf.range(n_steps):
            batch = order[step * batch_size : (step + 1) * batch_size]
            x_batch, y_batch = tf.gather(x, batch), encode(tf.gather(y, batch))
            factors = None if sample_weights is None else tf.gather(sample_weights, batch)
            with tf.GradientTape() as tape:
                loss = model.compute_loss(x_batch, y_batch, model(x_batch, training=True), factors)
                scaled = model.optimizer.scale_loss(loss)  # small gradients vanish in float16; `apply` scales back
            model.optimizer.apply(tape.gradient(scaled, weights), weights)
            losses = losses.write(step, tf.cast(loss, tf.float32))
        return losses.stack()

    return epoch


def _window(side, grid):
    return -(-side // grid)  # rounded up


def _cells(side, grid):
    return -(-side // _window(side, grid)) if side else 1


def _pooled(output, grid):
    """Average (n, ..., channels), padding apart, to `grid` cells an axis or one of any length, and flatten."""
    mask, sides = padding_mask(output), list(output.shape[1:-1])
    output = tf.cast(output, tf.float32)
    if not sides:
        return output
    if mask is None or mask.shape.rank != 2:
        return _averaged(output, sides, grid)
    present = tf.reshape(tf.cast(mask, tf.float32), tf.concat([tf.shape(mask), tf.ones(len(sides), tf.int32)], 0))
    counts = _averaged(present * tf.ones_like(output), sides, grid)
    return tf.math.divide_no_nan(_averaged(present * output, sides, grid), counts)


def _averaged(output, sides, grid):
    if axes := [axis for axis, side in enumerate(sides, 1) if side is None]:
        output = tf.reduce_mean(output, axes, keepdims=True)
    window = [1 if side is None else _window(side, grid) for side in sides]
    output = tf.nn.pool(output, window, "AVG", strides=window, padding="SAME")
    return tf.reshape(output, (-1, int(np.prod([*(_cells(side, grid) for side in sides), output.shape[-1]]))))


def _reset(optimizer, weights):
    """Give the variables of an optimizer the values that a new one has."""
    new = type(optimizer).from_config(optimizer.get_config())
    new.build(weights)
    for variable, fresh in zip(optimizer_variables(optimizer), optimizer_variables(new), strict=True):
        variable.assign(fresh)


def _initialize(layer, variable, rng):
    """Assign fresh values to a weight; Keras layers keep the initializer of `kernel` as `kernel_initializer`."""
    if (initializer := getattr(layer, f"{variable.name}_initializer", None)) is None:
        raise ValueError(f"layer {layer.name!r} does not say how its weight {variable.name!r} is initialized")
    config = initializer.get_config()
    if "seed" in config:  # a copy with a seed of ours, because an initializer repeats its own draw
        initializer = initializer.from_config({**config, "seed": int(rng.integers(2**31))})
    return variable.assign(initializer(variable.shape, variable.dtype))
