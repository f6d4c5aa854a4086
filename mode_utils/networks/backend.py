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


def _create_context():
    """Create the eager context, which is what logs; it has threads, which do not survive a fork."""
    with _muted_stderr():
        tf.constant(0)


with _muted_stderr():
    import keras
    import tensorflow as tf

if os.environ.get("NOTEBOOK_FORK_SERVER"):  # see `sweep.warm`: this process only forks others
    os.register_at_fork(after_in_child=_create_context)
else:
    _create_context()

tf.get_logger().setLevel("ERROR")  # a study traces a few functions for each of its networks, on purpose

__all__ = ["keras", "tf"]
