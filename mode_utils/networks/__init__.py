"""How Keras models are read, traced and trained.

backend          TensorFlow and Keras, imported without their start-up log
keras_internals  what Keras does not document, each name behind a function
losses           what labels a loss takes
plain_models     any model as one with one tensor in and one out
classifiers      what a model's output and labels mean
layers           which layers can be the target
flat_adam        an epoch of Adam on one flat vector of weights
learning_rate    what an optimizer's rate is and will be, and another in its place for a while
trainer          many trainings of one model, without building or tracing it again
feature_models   what a network knows by the time it reaches a layer
frozen_body      the last layer as a network of its own, on features of the others
"""
