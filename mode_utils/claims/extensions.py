"""Claims about weak models, and the future work of the earlier replication."""

from mode_utils.claims.verdict import CONFIRMED, NOT_SHOWN, REFUTED, Verdict, count_significant, pp


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
