"""Draw the story of the walkthrough as six pictures, `figures/story.png`: ``make film``, a minute.

A network that misreads three digits is repaired: defect, diagnosis, heat map, choice, repair, proof. The runs are the
walkthrough's own, with its defaults.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import mode_utils as mode
import mode_utils.visualization as viz
from mode_utils.study.artefacts import save_figure
from mode_utils.study.formatting import percent, pp

FIGURES = Path(__file__).resolve().parents[1] / "figures"
SEED, N_RUNS, THETA = 12, 6, 0.92
SIZES = {"batch_size": 500, "max_iterations": 4}
SETUP = mode.RunSetup(scenario="starved")
WHOLE_POOL = {"allocation": "whole pool", "temperature": 0.0, "skip": ()}
STRATEGIES = {
    "recommended": mode.DebugOptions.preset("recommended", **SIZES),
    "margin": mode.DebugOptions.preset("recommended", selector="margin", **WHOLE_POOL, **SIZES),
    "original": mode.DebugOptions.preset("original", **SIZES),
}


def tell(data):
    """Repair one network and return what the pictures show of it."""
    splits = mode.split_for_run(data, SETUP, SEED)
    trainer = mode.new_trainer(data, SETUP)
    mode.train_initial_model(trainer, splits, SETUP, SEED)
    before, assessment = trainer.predict(splits.held_out.x), mode.assess(trainer, splits, THETA)
    label = int(assessment.buggy["underfit"][0])
    batch = mode.Repair(trainer, splits, STRATEGIES["recommended"], SEED).next_batch()
    mode.debug_model(trainer, splits, STRATEGIES["recommended"], SEED)
    after = trainer.predict(splits.held_out.x)
    return splits, assessment, label, batch, before, after


def draw_image(ax, splits, probabilities, place, title):
    """Draw one validation image with what the network says to it."""
    captions, right = viz.prediction_captions(probabilities[[[place]]], splits.held_out.y[[[place]]], range(10))
    image = viz.pick_images(splits.held_out, [[place]])
    viz.plot_image_grid(image, ax, [""], [""], title, captions=captions, right=right)
    for text in ax.texts:
        text.set_fontsize(13)


def draw_diagnosis(ax, assessment):
    """Draw what share of each label the network gets right."""
    accuracies = assessment.held_out_accuracies
    colors = [viz.MARK if accuracy < THETA else viz.CONTROL for accuracy in accuracies]
    ax.bar(range(len(accuracies)), 100 * accuracies, color=colors)
    ax.set_xticks(range(len(accuracies)))
    ax.set(
        title="2  Diagnosis: which digits fail,\nand how often they are right",
        xlabel="digit",
        ylabel="right, %",
        ylim=(0, 100),
    )


def draw_proof(ax, data):
    """Draw what each choice gains over as many random inputs, in each run."""
    paired = mode.paired_outcomes(mode.repeat_runs(data, STRATEGIES, N_RUNS, SEED, SETUP, progress=False))
    compared = mode.compare_with_control(paired, "name")
    viz.plot_differences(compared, ax, paired)
    gain = compared.set_index("name").loc["recommended", "mean"]
    title = f"6  Proof, {N_RUNS} networks: recommended\n{pp(gain)} over random inputs"
    ax.set(title=title, ylabel="", xlabel="gain over random inputs, percentage points")


def main():
    """Draw the six pictures and save them."""
    data = mode.load_dataset("mnist")
    splits, assessment, label, batch, before, after = tell(data)
    wrong = (splits.held_out.y == label) & (before.argmax(axis=1) != label) & (after.argmax(axis=1) == label)
    place = int(np.argmax(np.where(wrong, before.max(axis=1) + after.max(axis=1), 0)))
    of_label = np.flatnonzero(splits.held_out.y == label)
    maps = mode.class_heatmaps(splits.held_out.x, splits.held_out.y, assessment.predictions, splits.n_classes)
    fig, axes = plt.subplots(2, 3, figsize=(11, 7.6), layout="constrained")
    draw_image(axes[0, 0], splits, before, place, "1  Defect: a clear digit,\nread wrong")
    draw_diagnosis(axes[0, 1], assessment)
    rows = np.stack([maps.of(label, "hci"), maps.of(label, "hwi")]).reshape(1, 2, 28, 28)
    title = f"3  Heat maps: what the network\nsees of digit {label}"
    viz.plot_image_grid(rows, axes[0, 2], [""], ["when right", "when missed"], title)
    own = batch.ranked[splits.bug_fixing.y[batch.ranked] == label][:12].reshape(3, 4)
    chosen, title = viz.pick_images(splits.bug_fixing, own), "4  Choice: which inputs\nof the pool to add"
    viz.plot_image_grid(chosen, axes[1, 0], [""] * 3, [""] * 4, title)
    share = (after[of_label].argmax(axis=1) == label).mean()
    draw_image(
        axes[1, 1], splits, after, place, f"5  Repair: digit {label} right in {percent(share)}\ninstead of "
        f"{percent(assessment.held_out_accuracies[label])}"
    )  # fmt: skip
    draw_proof(axes[1, 2], data)
    save_figure(FIGURES, "story", fig)


if __name__ == "__main__":
    main()
