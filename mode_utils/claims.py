"""Claims of MODE and of its earlier replication, each with a verdict that is computed from tables.

A verdict is "confirmed", "refuted", "not shown" (neither, with these runs), or says for what a claim is confirmed. The
evidence is a sentence with its numbers; pp are percentage points of test accuracy.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mode_utils.inference import bootstrap_interval, equivalence_p, holm, signed_rank
from mode_utils.statistics import MARGIN, SIGNIFICANCE

CONFIRMED, REFUTED, NOT_SHOWN = "confirmed", "refuted", "not shown"


@dataclass(frozen=True)
class Verdict:
    """A claim, who made it, what became of it, and the evidence in a sentence."""

    claim: str
    source: str
    verdict: str
    evidence: str


def verdict_table(verdicts):
    """Put verdicts into a table: claim, source, verdict and evidence, a row a claim."""
    return pd.DataFrame([asdict(verdict) for verdict in verdicts])


def selection_beats_random(compared):
    """Judge whether a similarity metric repairs better than as many inputs drawn at random.

    Parameters
    ----------
    compared : pandas.DataFrame
        Rows of `statistics.compare_with_control`, for all combinations.
    """
    p = holm(compared["p"])
    above, below = ((compared["mean"] * sign > 0) & (p < SIGNIFICANCE) for sign in (1, -1))
    verdict = CONFIRMED if above.any() else REFUTED if below.any() else NOT_SHOWN
    evidence = (
        f"Of {len(compared)} combinations of metric, space and layer selection {above.sum()} end above control and "
        f"{below.sum()} below it (p < 0.05, Holm over all); their means lie between {pp(compared['mean'].min())} and "
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


def earth_mover_is_best(comparison, compared, inverted):
    """Judge whether the earth mover distance does best.

    Parameters
    ----------
    comparison : statistics.MetricComparison
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


def single_runs_find_the_best(studies, reported, inverted):
    """Judge whether the best of nine single runs tells which metric is best; see `single_runs`."""
    shares = studies["winner"].value_counts(normalize=True)
    again, high = (shares**2).sum(), (studies["difference"] >= reported).mean()
    verdict = CONFIRMED if again > 0.5 else REFUTED
    evidence = (
        f"Nine metrics with a single run each, drawn from the paired runs: the winner ends "
        f"{pp(studies['difference'].mean())} from control on average, and {pp(reported)} or more in {high:.1%} of the "
        f"studies; a second study names the same winner in {again:.0%}. Earth mover with its order not turned round "
        f"wins {shares.get(inverted, 0):.0%}."
    )
    return Verdict("The best of nine single runs is the best metric", "replication", verdict, evidence)


def metrics_differ(comparisons):
    """Judge whether metrics differ from one another.

    Parameters
    ----------
    comparisons : dict of str to statistics.MetricComparison
        By what they were compared in.
    """
    pairs = sum(len(comparison.pairs) for comparison in comparisons.values())
    apart = sum(int((comparison.pairs["p_holm"] < SIGNIFICANCE).sum()) for comparison in comparisons.values())
    friedman = [f"in {name} p = {comparison.p:.2g}" for name, comparison in comparisons.items()]
    found = [comparison.p for comparison in comparisons.values() if comparison.p < SIGNIFICANCE]
    verdict = CONFIRMED if len(found) == len(comparisons) else "confirmed in part" if found else NOT_SHOWN
    evidence = f"Friedman's test: {'; '.join(friedman)}. {apart} of {pairs} pairs differ after Holm."
    return Verdict("It matters which metric is taken", "MODE, replication", verdict, evidence)


def layer_selection_is_vain(selected, starved):
    """Judge whether layer selection makes no difference.

    Parameters
    ----------
    selected : pandas.DataFrame
        Of `statistics.compare_layer_selection` by space, for healthy models.
    starved : pandas.DataFrame
        Of `statistics.compare_differences` by space, selected minus last hidden layer, for models with starved labels.
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


def model_was_too_good(outcomes, recommended):
    """Judge whether the healthy model was too good to be improved.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        Of the metrics' runs.
    recommended : pandas.Series
        The row of the preset `recommended` for the healthy model: `samples`, `initial`, `final`, and `mean`, `low` and
        `high` against control.
    """
    untouched = (outcomes["samples"] == 0).mean()
    gain = recommended["final"] - recommended["initial"]
    verdict = REFUTED if gain > 0 and recommended["low"] > 0 else NOT_SHOWN
    evidence = (
        f"In {untouched:.0%} of the runs no label was below theta, so that MODE added nothing. The preset "
        f"`recommended` gains {pp(gain)} with {recommended['samples']} samples, {mean_interval(recommended)} from "
        "its control."
    )
    return Verdict("The model was already too good to improve", "replication", verdict, evidence)


def no_overfitting(runs, overfit):
    """Judge whether no overfitting is met.

    Parameters
    ----------
    runs : pandas.DataFrame
        The metrics' runs.
    overfit : pandas.DataFrame
        Summary of the sweep over overfit models, with `initial_gap`.
    """
    iterations = runs[(runs["strategy"] == "mode") & (runs["iteration"] > 0)]
    share = (iterations["fault"] == "overfit").mean()
    gaps = 100 * overfit["initial_gap"]
    verdict = f"{CONFIRMED} for the healthy model" if share < 0.01 else REFUTED
    evidence = (
        f"{share:.1%} of its {len(iterations)} iterations were for an overfit label; but models trained to overfit, "
        f"with a gap of {gaps.min():.0f} to {gaps.max():.0f} pp, have labels for MODE's second half."
    )
    return Verdict("No overfitting is met", "replication", verdict, evidence)


def least_similar_helps_overfit(against_random):
    """Judge whether the least similar inputs repair overfit labels better than any of the label."""
    rows = against_random[against_random["overfit_selection"] == "least similar to hci"]
    p = holm(rows["p"])
    better, worse = (int(((rows["mean"] * sign > 0) & (p < SIGNIFICANCE)).sum()) for sign in (1, -1))
    verdict = CONFIRMED if better == len(rows) else REFUTED if worse and not better else NOT_SHOWN
    evidence = (
        f"Against any sample of the label it is better in {better} and worse in {worse} of {len(rows)} combinations of "
        f"data set and network (p < 0.05, Holm); means between {pp(rows['mean'].min())} and {pp(rows['mean'].max())}."
    )
    return Verdict("The least similar inputs repair overfitting", "replication's future work", verdict, evidence)


def looks_predict_outcome(likeness):
    """Judge whether metrics whose best images look right repair better.

    Parameters
    ----------
    likeness : pandas.DataFrame
        `metric`, `likeness` and `mean`, see `visualization.plot_likeness`.
    """
    found = stats.spearmanr(likeness["likeness"], likeness["mean"])
    places = likeness.set_index("metric").rank(ascending=False).loc["bray curtis"]
    verdict = NOT_SHOWN if found.pvalue >= SIGNIFICANCE else CONFIRMED if found.statistic > 0 else REFUTED
    evidence = (
        f"Rank correlation of looks and outcome over {len(likeness)} metrics {found.statistic:+.2f} "
        f"(p = {found.pvalue:.2f}); bray curtis is number {places['likeness']:.0f} by its looks and "
        f"number {places['mean']:.0f} by its outcome."
    )
    return Verdict("By its images, bray curtis should be best", "replication", verdict, evidence)


def leak_is_harmless(honest, leaky):
    """Judge whether it is harmless to score on the samples that diagnosis looks at.

    Parameters
    ----------
    honest : pandas.DataFrame
        Outcomes of runs that diagnose on validation samples.
    leaky : pandas.DataFrame
        Outcomes of the same metrics and seeds, diagnosed on the test set.
    """
    columns = ["difference", "diagnosis_difference"]
    means, leaky_means = (part.groupby("seed")[columns].mean() for part in (honest, leaky))
    inside, shift = means["diagnosis_difference"] - means["difference"], leaky_means["difference"] - means["difference"]
    inflated, protocol = paired_summary(inside), paired_summary(shift)
    harmless = max(equivalence_p(inside, MARGIN), equivalence_p(shift, MARGIN)) < SIGNIFICANCE
    found = min(inflated["p"], protocol["p"]) < SIGNIFICANCE
    verdict = REFUTED if found and not harmless else CONFIRMED if harmless else NOT_SHOWN
    evidence = (
        f"In the same repairs the difference from control is {mean_interval(inflated)} higher on the samples that "
        f"diagnosis looked at than on the test set (p = {inflated['p']:.2g}); diagnosing on the test set instead "
        f"shifts it by {mean_interval(protocol)} (p = {protocol['p']:.2g}). Less than {100 * MARGIN:.1f} pp "
        "counts as none."
    )
    return Verdict("Diagnosing on the test set does no harm", "replication's protocol", verdict, evidence)


def single_differences_mean_something(needed):
    """Judge whether the differences that the replication reported exceed the scatter of single runs.

    Parameters
    ----------
    needed : pandas.DataFrame
        See `single_runs.needed_for`.
    """
    beyond = (needed["reported"].abs() > 1.96 * needed["spread"]).sum()
    verdict = CONFIRMED if beyond == len(needed) else "confirmed in part" if beyond > len(needed) / 2 else REFUTED
    runs = needed["runs"]
    evidence = (
        f"{beyond} of its {len(needed)} differences exceed 1.96 standard deviations of a single run ("
        f"{pp(needed['spread'].median()).lstrip('+')} in the median). To find them with a power of 80% takes "
        f"{runs.min():,.0f} to {runs.max():,.0f} paired runs, {runs.median():,.0f} in the median."
    )
    return Verdict("A difference of half a point in one run means something", "replication", verdict, evidence)


def share_depends_on_classes(rules):
    """Judge whether the best share of selected inputs depends on the number of classes."""
    alone = rules[rules["replay"] == 0]
    slopes = [f"{row.dataset} {row.slope:.2f} ({row.low:.2f} to {row.high:.2f})" for row in alone.itertuples()]
    verdict = CONFIRMED if ((alone["low"] > 0) | (alone["high"] < 0)).all() else NOT_SHOWN
    cost = rules.loc[rules["replay"] > 0, "its_cost_pp"].max()
    evidence = (
        f"The best alpha falls like classes to the power {', '.join(slopes)}: about an equal share a class. With old "
        f"samples replayed, alpha = 1 for all costs at most {cost:.2f} pp."
    )
    return Verdict("The best share depends on the number of classes", "replication's future work", verdict, evidence)


def selection_repairs_weak_models(summary):
    """Judge whether selecting lifts a weak model further than random inputs do.

    Parameters
    ----------
    summary : pandas.DataFrame
        Rows of the selectors' sweep with `name`, `initial`, `final`, `control`, `mean`, `low`, `high`, of one weak
        model and budget.
    """
    own, better = (summary[summary["name"] == name].iloc[0] for name in ("original", "recommended"))
    verdict = CONFIRMED if own["low"] > 0 else "refuted for MODE's own choice" if better["low"] > 0 else REFUTED
    stories = [
        f"`{row['name']}` {row['initial']:.1%} to {row['final']:.1%}, its control {row['control']:.1%}"
        for row in (own, better)
    ]
    evidence = f"MNIST with three labels starved, {own['samples']} samples: {'; '.join(stories)}."
    return Verdict("75% to 93% on weak models, where random inputs reach 85%", "MODE", verdict, evidence)


def paired_summary(differences):
    """Return mean, 95% interval and p of paired differences: a dict with `mean`, `low`, `high` and `p`."""
    low, high = bootstrap_interval(differences)
    return {"mean": float(np.mean(differences)), "low": low, "high": high, "p": signed_rank(differences)[0]}


def pp(difference):
    """Return a difference of accuracies as text, in percentage points."""
    return f"{100 * difference:+.2f} pp"


def mean_interval(row):
    """Return mean and interval of a row of a comparison as text, in percentage points."""
    row = row._asdict() if hasattr(row, "_asdict") else row
    return f"{pp(row['mean'])} ({100 * row['low']:+.2f} to {100 * row['high']:+.2f})"
