"""TensorFlow, whatever `KERAS_BACKEND` says, and Keras, imported without the lines that C++ logs at the start."""

import os
from contextlib import contextmanager


@contextmanager
def _muted_stderr():
    """Send file descriptor 2, which C++ writes to, to the null device."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _create_context():
    """Create the eager context, which logs; its threads do not survive a fork."""
    with _muted_stderr():
        tf.constant(0)


def _import_keras():
    """Import Keras with TensorFlow, and leave the user's choice of a backend as it was."""
    chosen = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        import keras
        import tensorflow
    finally:
        os.environ.pop("KERAS_BACKEND") if chosen is None else os.environ.update(KERAS_BACKEND=chosen)
    if keras.backend.backend() != "tensorflow":
        told = f"Keras was imported with the backend {keras.backend.backend()!r} before, but models are retrained with"
        remedy = "set KERAS_BACKEND=tensorflow, or import mode_utils first; a .keras file is read with either"
        raise ImportError(f"{told} TensorFlow: {remedy}")
    return keras, tensorflow


with _muted_stderr():
    keras, tf = _import_keras()

if os.environ.get("NOTEBOOK_FORK_SERVER"):  # see `notebook.warm`: this process only forks others
    os.register_at_fork(after_in_child=_create_context)
else:
    _create_context()

tf.get_logger().setLevel("ERROR")  # a study traces a few functions for each of its networks, on purpose

__all__ = ["keras", "tf"]
