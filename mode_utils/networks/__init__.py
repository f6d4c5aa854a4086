"""How Keras models are read, traced and trained.

backend          TensorFlow and Keras, imported without their start-up log
keras_internals  what Keras does not document, each name behind a function
losses           which labels a loss takes
plain_models     any model as one with one tensor in and one out
classifiers      what a model's output and labels mean
layers           which layers can be the target
flat_adam        an epoch of Adam on one flat vector of weights
learning_rate    an optimizer's rate now and in steps to come, and another in its place for a while
trainer          many trainings of one model, without building or tracing it again
feature_models   softmax heads on the features of a layer
"""
