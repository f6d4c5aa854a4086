"""Read and check what people bring: a model, its data, or its outputs.

array_sets     the names of arrays, as samples or as outputs of a model, and the checks of both
case_options   how a model and its data are read, and how it is retrained
arrays         samples and labels in their roles
label_arrays   labels and names in arrays: numbers, one-hot rows, texts, and places without one
class_names    names as people write them: compared, guessed, listed
array_values   whether samples are finite and scaled as in training, and probabilities are such
npz_files      the arrays of an .npz file, without running what it brings
image_folders  data from folders of images
shard_files    the files of a pool in shards
model_files    a model from its file, or what that is instead
own_model      a model and its data brought together, checked
own_samples    whether a model knows its training samples; scaling of pixels, order of classes
"""
