"""Read and check what people bring: a model, its data, or its outputs."""
