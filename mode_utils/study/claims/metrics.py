"""Claims about the nine metrics, and about the layer whose activations they compare."""

import numpy as np
from scipy import stats

from mode_utils.study.claims.verdict import CONFIRMED, NOT_SHOWN, REFUTED, Verdict, count_significant
from mode_utils.study.comparisons import SIGNIFICANCE
from mode_utils.study.formatting import mean_interval, pp
from mode_utils.study.significance import holm, without_noise


def selection_beats_random(compared):
    """Judge whether a similarity metric repairs better than as many inputs drawn at random.

    Parameters
    ----------
    compared : pandas.DataFrame
        Rows of `comparisons.compare_with_control`, for all combinations.
    """
    above, below = count_significant(compared)
    verdict = CONFIRMED if above else REFUTED if below else NOT_SHOWN
    evidence = (
        f"Of {len(compared)} combinations of metric, space and layer selection {above} end above control and "
        f"{below} below it (p < 0.05, Holm over all); their means lie between {pp(compared['mean'].min())} and "
        f"{pp(compared['mean'].max())}."
    )
    return Verdict("Inputs similar to the heat map repair better than random ones", "MODE", verdict, evidence)


def nothing_is_significant(compared):
    """Judge whether no metric differs from control, as the replication found with one run each."""
    p = holm(compared["p"])
    strongest = compared.iloc[int(np.argmin(p))]
    verdict = REFUTED if p.min() < SIGNIFICANCE else NOT_SHOWN
    evidence = (
        f"{(p < SIGNIFICANCE).sum()} of {len(compared)} differ from control after Holm; the clearest is "
        f"{strongest['metric']} in {strongest['view']}: {mean_interval(strongest)}, p = {p.min():.1g}."
    )
    return Verdict("No metric differs from control (p = 0.41)", "replication", verdict, evidence)


def metrics_differ(comparisons):
    """Judge whether metrics differ from one another.

    Parameters
    ----------
    comparisons : dict of str to comparisons.MetricComparison
        By what they were compared in.
    """
    pairs = sum(len(comparison.pairs) for comparison in comparisons.values())
    apart = sum(int((comparison.pairs["p_holm"] < SIGNIFICANCE).sum()) for comparison in comparisons.values())
    adjusted = holm([comparison.p for comparison in comparisons.values()])
    friedman = [f"in {name} p = {p:.2g}" for name, p in zip(comparisons, adjusted, strict=True)]
    found = adjusted < SIGNIFICANCE
    verdict = CONFIRMED if found.all() else "confirmed in part" if found.any() else NOT_SHOWN
    evidence = f"Friedman's test, Holm over all: {'; '.join(friedman)}. {apart} of {pairs} pairs differ after Holm."
    return Verdict("It matters which metric is taken", "MODE, replication", verdict, evidence)


def earth_mover_is_best(comparison, compared, inverted):
    """Judge whether the earth mover distance does best.

    Parameters
    ----------
    comparison : comparisons.MetricComparison
        Of the metrics under the replication's conditions.
    compared : pandas.DataFrame
        The same metrics against control.
    inverted : pandas.Series
        The row against control of what the replication ran: its order not turned round.
    """
    rank = int(comparison.ranks.rank()["earth mover"])
    own = compared.set_index("metric").loc["earth mover"]
    pairs = comparison.pairs[(comparison.pairs[["first", "second"]] == "earth mover").any(axis=1)]
    told_apart = int((pairs["p_holm"] < SIGNIFICANCE).sum())
    verdict = CONFIRMED if rank == 1 and own["low"] > 0 else REFUTED if own["mean"] <= 0 else NOT_SHOWN
    verdict = "first by its rank, but not above control" if rank == 1 and verdict != CONFIRMED else verdict
    evidence = (
        f"It ranks {rank} of {len(comparison.ranks)}, {mean_interval(own)} from control; {told_apart} of {len(pairs)} "
        f"other metrics were told apart from it. What the replication ran, its order not turned round, ends "
        f"{mean_interval(inverted)} from control."
    )
    return Verdict("Earth mover does best (+0.60 pp)", "replication", verdict, evidence)


def layer_selection_is_vain(selected, starved):
    """Judge whether layer selection makes no difference.

    Parameters
    ----------
    selected : pandas.DataFrame
        Of `comparisons.compare_layer_selection` by space, for healthy models.
    starved : pandas.DataFrame
        Of `comparisons.compare_differences` by space, selected minus last hidden layer, for models with starved labels.
    """
    same = selected["verdict"].isin(["equivalent", "different, by less than the margin"])
    verdict = REFUTED if (selected["verdict"] == "different").any() else NOT_SHOWN
    verdict = f"{CONFIRMED} for healthy models" if same.all() else verdict
    spaces = [
        f"{row.space} {mean_interval(row)}, {row.verdict} (TOST p = {row.p_equivalence_holm:.1g})"
        for row in selected.itertuples()
    ]
    evidence = (
        f"Healthy models, with minus without: {'; '.join(spaces)}. Starved labels: between {pp(starved['mean'].min())} "
        f"and {pp(starved['mean'].max())}, {(starved['p_holm'] < SIGNIFICANCE).sum()} of {len(starved)} differ."
    )
    return Verdict("Layer selection makes no difference (p = 0.87)", "replication", verdict, evidence)


def looks_predict_outcome(likeness):
    """Judge whether metrics whose best images look right repair better.

    Parameters
    ----------
    likeness : pandas.DataFrame
        `metric`, `likeness` and `mean`, see `visualization.plot_likeness`.
    """
    found = stats.spearmanr(likeness["likeness"], without_noise(likeness["mean"]))
    places = likeness.set_index("metric").rank(ascending=False).loc["bray curtis"]
    verdict = NOT_SHOWN if found.pvalue >= SIGNIFICANCE else CONFIRMED if found.statistic > 0 else REFUTED
    evidence = (
        f"Rank correlation of looks and outcome over {len(likeness)} metrics {found.statistic:+.2f} "
        f"(p = {found.pvalue:.2f}); bray curtis is number {places['likeness']:.0f} by its looks and "
        f"number {places['mean']:.0f} by its outcome."
    )
    return Verdict("By its images, bray curtis should be best", "replication", verdict, evidence)
