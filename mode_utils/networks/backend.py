"""TensorFlow and Keras, imported without their start-up log.

The C++ side of TensorFlow writes a few lines before its log level is in force; a notebook kernel would show them as the
first output of the first cell. Errors of the import itself are Python exceptions and are not affected.
"""

import os
from contextlib import contextmanager


@contextmanager
def _muted_stderr():
    """Send file descriptor 2, which C++ writes to, to the null device."""
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


with _muted_stderr():
    import keras
    import tensorflow as tf

    tf.constant(0)  # creates the eager context, which is what logs

tf.get_logger().setLevel("ERROR")  # a study traces a few functions for each of its networks, on purpose

__all__ = ["keras", "tf"]
