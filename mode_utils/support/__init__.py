"""Leaves that do not know MODE.

checks        checks of single values
files         files and folders that appear whole or not at all
failures      how a command ends that fails
code_hash     what a cached result depends on: what code does, libraries, files
streams       random streams of a run
pictures      which samples are drawn as pictures, and how
progress      a progress bar for terminals and notebooks
earth_mover   the earth mover distance between images
sample_parts  samples part by part, and in the dtype of a model
core_set      points such that no other is far from all of them

notebook/     executing a notebook, its parameters and its page
"""
