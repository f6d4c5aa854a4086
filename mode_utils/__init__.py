"""Helpers of the notebooks: one thin module for each stage of MODE.

MODE is the model debugging of Ma et al., "MODE: Automated Neural Network Model Debugging via State Differential
Analysis and Input Selection", ESEC/FSE 2018, doi 10.1145/3236024.3236082. Importing the package loads nothing heavy.
"""

import os

# TensorFlow reads this once, when it is first imported: notebooks are read by people, so its start-up log stays out.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
