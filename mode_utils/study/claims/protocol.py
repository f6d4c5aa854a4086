"""Claims about how the earlier replication measured, about weak models, and its future work."""

from mode_utils.study.claims.verdict import CONFIRMED, NOT_SHOWN, REFUTED, Verdict, count_significant, paired_summary
from mode_utils.study.comparisons import MARGIN, SIGNIFICANCE
from mode_utils.study.formatting import mean_interval, pp
from mode_utils.study.significance import equivalence_p, holm


def single_runs_find_the_best(studies, reported, inverted):
    """Judge whether the best of nine single runs tells which metric is best; see `single_run_studies`."""
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


def single_differences_mean_something(needed):
    """Judge whether the differences that the replication reported exceed the scatter of single runs.

    Parameters
    ----------
    needed : pandas.DataFrame
        See `single_run_studies.needed_for`.
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
    found = holm([inflated["p"], protocol["p"]]).min() < SIGNIFICANCE
    verdict = REFUTED if found and not harmless else CONFIRMED if harmless else NOT_SHOWN
    evidence = (
        f"In the same repairs the difference from control is {mean_interval(inflated)} higher on the samples that "
        f"diagnosis looked at than on the test set (p = {inflated['p']:.2g}); diagnosing on the test set instead "
        f"shifts it by {mean_interval(protocol)} (p = {protocol['p']:.2g}). Less than {100 * MARGIN:.1f} pp "
        "counts as none."
    )
    return Verdict("Diagnosing on the test set does no harm", "replication's protocol", verdict, evidence)


def model_was_too_good(outcomes, chosen):
    """Judge whether the healthy model was too good to be improved.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        Of the metrics' runs.
    chosen : pandas.Series
        The row of a preset, named by it, for the healthy model: `samples`, `initial`, `final`, and `mean`, `low` and
        `high` against control.
    """
    untouched = (outcomes["samples"] == 0).mean()
    gain = chosen["final"] - chosen["initial"]
    verdict = REFUTED if gain > 0 and chosen["low"] > 0 else NOT_SHOWN
    evidence = (
        f"In {untouched:.0%} of the runs no label was below theta, so that MODE added nothing. The preset "
        f"`{chosen.name}` gains {pp(gain)} with {chosen['samples']} samples, {mean_interval(chosen)} from "
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
    overfitted = (iterations["fault"] == "overfit").sum()
    gaps = 100 * overfit["initial_gap"]
    verdict = f"{CONFIRMED} for the healthy model" if overfitted < 0.01 * len(iterations) else REFUTED
    evidence = (
        f"{overfitted} of its {len(iterations)} iterations were for an overfit label; but models trained to overfit, "
        f"with a gap of {gaps.min():.0f} to {gaps.max():.0f} pp, have labels for MODE's second half."
    )
    return Verdict("No overfitting is met", "replication", verdict, evidence)


def selection_repairs_weak_models(summary):
    """Judge whether selecting lifts a weak model further than random inputs do.

    Parameters
    ----------
    summary : pandas.DataFrame
        Rows of the selectors' sweep with `name`, `initial`, `final`, `control`, `mean`, `low`, `high`, of one weak
        model and budget.
    """
    own, better = (summary[summary["name"] == name].iloc[0] for name in ("original", "adaptive"))
    verdict = CONFIRMED if own["low"] > 0 else "refuted for MODE's own choice" if better["low"] > 0 else REFUTED
    stories = [
        f"`{row['name']}` {row['initial']:.1%} to {row['final']:.1%}, its control {row['control']:.1%}"
        for row in (own, better)
    ]
    evidence = f"MNIST with three labels starved, {own['samples']} samples: {'; '.join(stories)}."
    return Verdict("75% to 93% on weak models, where random inputs reach 85%", "MODE", verdict, evidence)


def least_similar_helps_overfit(against_random):
    """Judge whether the least similar inputs repair overfit labels better than any of the label."""
    rows = against_random[against_random["overfit_selection"] == "least similar to hci"]
    better, worse = count_significant(rows)
    verdict = CONFIRMED if better == len(rows) else REFUTED if worse and not better else NOT_SHOWN
    evidence = (
        f"Against any sample of the label it is better in {better} and worse in {worse} of {len(rows)} combinations of "
        f"data set and network (p < 0.05, Holm); means between {pp(rows['mean'].min())} and {pp(rows['mean'].max())}."
    )
    return Verdict("The least similar inputs repair overfitting", "replication's future work", verdict, evidence)


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
