"""Leaves that do not know MODE.

checks       of single values
files        files and folders that appear whole or not at all
failures     how a command ends that fails
code_hash    what a cached result depends on: what code does, libraries, files
pictures     which samples are drawn as pictures, and how
progress     a progress bar for terminals and notebooks
earth_mover  the earth mover distance between images
core_set     points such that no other is far from all of them
"""
