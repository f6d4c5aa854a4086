"""How Keras models are read, traced and trained."""
