"""Which two dimensions show the neighbours of a pool? Ways to map it, by agreement and processor seconds.

``python benchmarks/pool_map.py [N_INPUTS]`` maps states of the last hidden layer and pixels of MNIST's bug-fixing pool.
Agreement: how often the labels of the ten nearest neighbours in the map vote as those in the whole space do. Linear
discriminants see the labels, which the others do not. openTSNE takes part if it is installed.
"""

import sys
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestNeighbors

from mode_utils.data import load_dataset
from mode_utils.layer_selection import last_hidden_layer
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.networks.feature_models import GRID
from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.visualization.positions import map_positions


def spaces(n_inputs):
    """Return states and pixels of a pool by name, and its labels; three of the model's labels are starved."""
    data, setup = load_dataset("mnist"), RunSetup(scenario="starved")
    trainer, splits = new_trainer(data, setup), split_for_run(data, setup, 0)
    train_initial_model(trainer, splits, setup, 0)
    x, y = splits.bug_fixing.x[:n_inputs], splits.bug_fixing.y[:n_inputs]
    (states,) = trainer.activations(x, [last_hidden_layer(trainer.model)], grid=GRID)
    return {"states": states, "pixels": np.asarray(x, np.float32).reshape(len(x), -1)}, y


def vote(points, labels):
    """Return the label that most of the ten nearest others have."""
    near = NearestNeighbors(n_neighbors=10).fit(points).kneighbors(return_distance=False)
    return np.stack([(labels[near] == label).sum(axis=1) for label in range(labels.max() + 1)]).argmax(axis=0)


def ways(labels):
    """Return by name what makes a map of features."""
    found = {
        "PCA": lambda x: PCA(2, random_state=0).fit_transform(x),
        "linear discriminants": lambda x: LinearDiscriminantAnalysis(n_components=2).fit(x, labels).transform(x),
        "map_positions, 1,000 landmarks": lambda x: map_positions(x, n_landmarks=1_000),
        "map_positions, 3,000 landmarks": map_positions,
        "map_positions, 5,000 landmarks": lambda x: map_positions(x, n_landmarks=5_000),
    }
    try:
        from openTSNE import TSNE
    except ImportError:
        return found
    reduce = PCA(50, random_state=0)
    small = lambda x: reduce.fit_transform(x) if x.shape[1] > 50 else x  # noqa: E731
    return found | {"openTSNE of all": lambda x: np.array(TSNE(n_jobs=2, random_state=0).fit(small(x)))}


def main(n_inputs=25_000):
    """Print a row a space and way."""
    found, labels = spaces(n_inputs)
    print("| space | map | agreement | processor seconds |\n|---|---|---|---|")
    for space, features in found.items():
        whole = vote(features, labels)
        for name, way in ways(labels).items():
            start = time.process_time()
            points = way(features)
            seconds = time.process_time() - start
            print(f"| {space} | {name} | {(vote(points, labels) == whole).mean():.1%} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
