"""Draw the story of the walkthrough as six pictures of one height, `figures/story.png`: ``make film``, a minute.

A network that misreads three digits is repaired: defect, diagnosis, heat map, choice, repair, proof. The runs are the
walkthrough's own, with its defaults.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import mode_utils as mode
import mode_utils.visualization as viz
from mode_utils.study.artefacts import save_figure
from mode_utils.study.formatting import pp

FIGURES = Path(__file__).resolve().parents[1] / "figures"
SEED, N_RUNS, THETA = 12, 6, 0.92
LETTERS = 17  # points, at 8 inches: two columns that read at 400 pixels
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
    caption, right = viz.prediction_captions(probabilities[place], splits.held_out.y[place], range(10))
    sign, color = ("\N{CHECK MARK}", viz.MODE) if right else ("\N{BALLOT X}", viz.BAD)
    viz.plot_image_grid(viz.pick_images(splits.held_out, [[place]]), ax, [""], [""], title)
    ax.set_xticks([])
    ax.set_xlabel(f"{sign} {caption}", color=color)


def draw_diagnosis(ax, assessment):
    """Draw what share of each label the network gets right."""
    accuracies = assessment.held_out_accuracies
    colors = [viz.BAD if accuracy < THETA else viz.CONTROL for accuracy in accuracies]
    ax.bar(range(len(accuracies)), 100 * accuracies, color=colors)
    ax.set_xticks(range(len(accuracies)))
    ax.set(title="2  Diagnosis: which\ndigits fail", xlabel="digit", ylabel="right, %", ylim=(0, 100))


def draw_proof(ax, data):
    """Draw what each choice gains over as many random inputs, in each run."""
    paired = mode.paired_outcomes(mode.repeat_runs(data, STRATEGIES, N_RUNS, SEED, SETUP, progress=False))
    compared = mode.compare_with_control(paired, "name")
    viz.plot_differences(compared, ax, paired)
    gain = compared.set_index("name").loc["recommended", "mean"]
    ax.set(title=f"6  Proof: {pp(gain)}\nover random inputs", ylabel="", xlabel="gain, points")
    ax.tick_params(axis="y", labelsize=14)


def main():
    """Draw the six pictures and save them."""
    data = mode.load_dataset("mnist")
    splits, assessment, label, batch, before, after = tell(data)
    wrong = (splits.held_out.y == label) & (before.argmax(axis=1) != label) & (after.argmax(axis=1) == label)
    place = int(np.argmax(np.where(wrong, before.max(axis=1) + after.max(axis=1), 0)))
    of_label = np.flatnonzero(splits.held_out.y == label)
    maps = mode.class_heatmaps(splits.held_out.x, splits.held_out.y, assessment.predictions, splits.n_classes)
    plt.rcParams.update(dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), LETTERS))
    fig, axes = plt.subplots(3, 2, figsize=(8, 13.3))
    fig.subplots_adjust(0.02, 0.05, 0.98, 0.95, wspace=0.5, hspace=0.46)  # squares of 3.1 inches
    axes = axes.ravel()
    draw_image(axes[0], splits, before, place, "1  Defect: a clear\ndigit, read wrong")
    draw_diagnosis(axes[1], assessment)
    heat_map = maps.of(label, "hci").reshape(1, 1, 28, 28)
    viz.plot_image_grid(heat_map, axes[2], [""], [""], f"3  Heat map: what it\nsees in a right {label}")
    own = batch.ranked[splits.bug_fixing.y[batch.ranked] == label][:9].reshape(3, 3)
    chosen, title = viz.pick_images(splits.bug_fixing, own), "4  Choice: which inputs\nof the pool to add"
    viz.plot_image_grid(chosen, axes[3], [""] * 3, [""] * 3, title)
    share = (after[of_label].argmax(axis=1) == label).mean()
    before_share = assessment.held_out_accuracies[label]
    draw_image(axes[4], splits, after, place, f"5  Repair: {label} right in\n{share:.0%}, not in {before_share:.0%}")
    draw_proof(axes[5], data)
    save_figure(FIGURES, "story", fig)


if __name__ == "__main__":
    main()
