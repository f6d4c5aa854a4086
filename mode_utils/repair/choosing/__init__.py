"""Choose from a user's pool, by a model or by its outputs alone."""
