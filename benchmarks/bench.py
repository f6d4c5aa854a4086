"""Speed as ratios, measured side by side in one process: `make bench`.

Medians of several repetitions; absolute times are only there to check the ratios by.
"""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import psutil
from scipy import stats
from scipy.spatial import distance

from mode_utils.data import load_dataset
from mode_utils.debugging import debug_model
from mode_utils.layer_selection import select_target_layer
from mode_utils.model_training import build_model, new_trainer, train_initial_model
from mode_utils.networks.trainer import Trainer
from mode_utils.options import DebugOptions
from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.similarity import METRICS, similarity_scores
from mode_utils.splits import Subset

N_TRAIN, N_CANDIDATES, LOOP_SAMPLE = 30_000, 3_000, 300
EPOCHS = 3  # a call, as the study trains its initial models
LOOPS = {
    "dot product": np.dot, "cosine similarity": distance.cosine, "manhattan": distance.cityblock,
    "euclidean": distance.euclidean, "minkowski": lambda u, v: distance.minkowski(u, v, p=3),
    "chebyshev": distance.chebyshev, "earth mover": stats.wasserstein_distance, "canberra": distance.canberra,
    "bray curtis": distance.braycurtis,
}  # fmt: skip


def median_seconds(*functions, repetitions=5):
    """Time functions in turn, so that a change of the machine's speed meets them all, and return their medians."""
    seconds = np.empty((repetitions, len(functions)))
    for repetition in range(-1, repetitions):  # the first round warms up
        for place, function in enumerate(functions):
            started = time.perf_counter()
            function()
            seconds[repetition, place] = time.perf_counter() - started
    return np.median(seconds, axis=0)


def row(what, ours, other, target):
    return {"what": what, "ours (s)": ours, "other (s)": other, "ratio": other / ours, "target": target}


def bench_training(x, y):
    trainer, rng = Trainer(build_model()), np.random.default_rng(0)

    def keras_fit(steps_per_execution):
        model = build_model()
        model.compile(model.optimizer, model.loss, steps_per_execution=steps_per_execution)
        return lambda: model.fit(x, y, batch_size=32, epochs=EPOCHS, verbose=0)

    steps = (1, 16, 64, 256, 937)
    ours, *fits = median_seconds(lambda: trainer.fit(x, y, epochs=EPOCHS, rng=rng), *map(keras_fit, steps)) / EPOCHS
    best = int(np.argmin(fits))
    yield row("epoch of 30,000: Model.fit / Trainer", ours, fits[0], "4")
    yield row(f"epoch of 30,000: Model.fit, best steps_per_execution ({steps[best]}) / Trainer", ours, fits[best], "2")


def bench_similarity(candidates):
    heatmap = candidates.mean(axis=0).astype(np.float64)
    ours = dict(
        zip(
            METRICS,
            median_seconds(*(lambda m=m: similarity_scores(candidates, heatmap, m) for m in METRICS)),
            strict=True,
        )
    )
    sample = candidates[:LOOP_SAMPLE]
    loops = median_seconds(*(lambda m=m: [LOOPS[m](c, heatmap) for c in sample] for m in METRICS), repetitions=3)
    loops = dict(zip(METRICS, loops * len(candidates) / LOOP_SAMPLE, strict=True))
    yield row("3,000 x 784, nine metrics: SciPy a candidate / ours", sum(ours.values()), sum(loops.values()), "10")
    yield row("3,000 x 784, earth mover: SciPy a candidate / ours", ours["earth mover"], loops["earth mover"], "40")


def bench_layer_selection(x, y):
    train, assessment = Subset(x, y, np.arange(len(x))), Subset(x[:5_000], y[:5_000], np.arange(5_000))
    trainer, rng = Trainer(build_model("cnn")), np.random.default_rng(0)
    epoch, selection = median_seconds(
        lambda: trainer.fit(x, y, epochs=1, rng=rng),
        lambda: select_target_layer(trainer, train, assessment, rng),
        repetitions=3,
    )
    yield row("small CNN on 30,000: epoch / layer selection", selection, epoch, "2")


def bench_selectors(mnist, architecture, n_iterations=5):
    """Choose a batch from 25,000 candidates, retrain on it; yield medians over the iterations of a repair.

    One look at the pool is 25,000 samples forward. A retraining on 500 new samples and 2,000 old ones, three times, is
    7,500 samples forward and backward, in steps of 32, which costs as much as some 30,000 forward, and the overhead of
    235 steps. So a small dense network, whose forward pass is little more than reading the pixels, cannot reach 10.
    """
    setup = RunSetup(scenario="starved", architecture=architecture)
    trainer, splits = new_trainer(mnist, setup), split_for_run(mnist, setup, 0)
    train_initial_model(trainer, splits, setup, 0)
    for batch_size in (500, 2_000):
        recommended = DebugOptions.preset("recommended", batch_size=batch_size, max_iterations=n_iterations)
        greedy = replace(recommended, allocation="whole pool", temperature=0.0, scale_temperature=False)
        for name, options in {"recommended": recommended, "deepgini": replace(greedy, selector="deepgini")}.items():
            with trainer.at(), splits.in_memory():
                table = debug_model(trainer, splits, options, np.random.default_rng(0))[1:]
            selecting = table["selection_seconds"].median()
            retraining = (table["seconds"] - table["selection_seconds"]).median()
            what = f"{architecture}, {batch_size} of 25,000 by {name}: retraining / selecting"
            yield row(what, selecting, retraining, "10" if architecture == "cnn" else "at least 1")


def bench_cycles(x, y, n_cycles=300):
    """Restore, retrain on 2,000 samples for 3 epochs, evaluate; return seconds a cycle and the memory it leaves."""
    trainer, rng, process = Trainer(build_model()), np.random.default_rng(0), psutil.Process()
    memory = []
    started = time.perf_counter()
    for _ in range(n_cycles):
        with trainer.at():
            trainer.fit(x[:2_000], y[:2_000], epochs=3, rng=rng)
            trainer.predict(x[2_000:12_000])
        memory.append(process.memory_info().rss / 1e6)
    seconds = (time.perf_counter() - started) / n_cycles
    return f"{n_cycles} cycles restore-retrain-evaluate: {1e3 * seconds:.0f} ms each, memory grows by " + (
        f"{memory[-1] - memory[n_cycles // 30]:.1f} MB (target: below 20) from cycle {n_cycles // 30} on"
    )


def main():
    mnist = load_dataset()
    x, y = mnist.x_train[:N_TRAIN], mnist.y_train[:N_TRAIN]
    candidates = mnist.x_train[:N_CANDIDATES].reshape(N_CANDIDATES, -1)
    rows = [*bench_training(x, y), *bench_similarity(candidates), *bench_layer_selection(x, y)]
    rows += [row for architecture in ("dense", "cnn") for row in bench_selectors(mnist, architecture)]
    table = pd.DataFrame(rows)
    print(table.to_markdown(index=False, floatfmt=("", ".4f", ".4f", ".1f", "")))
    print(bench_cycles(x, y))


if __name__ == "__main__":
    main()
