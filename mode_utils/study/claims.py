"""Claims of MODE and of its earlier replication, each with a verdict that is computed from tables."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mode_utils.study.comparisons import MARGIN
from mode_utils.study.formatting import dataset_title, mean_interval, pp
from mode_utils.study.significance import SIGNIFICANCE, describe, equivalence_p, holm, without_noise
from mode_utils.study.strategy_table import SETTING, WHOLE_POOL, of_models

CONFIRMED, REFUTED, NOT_SHOWN = "confirmed", "refuted", "not shown"  # the last: neither, with these runs
AT_RANDOM, STATES = "any of the label", "adaptive"  # the same allocation; the second ranks by differential states
_SIGNS = {CONFIRMED: ("\N{CHECK MARK}", "#00568a"), REFUTED: ("\N{BALLOT X}", "#a83200"), NOT_SHOWN: ("?", "#555555")}


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


def linked_verdicts(verdicts, sections):
    """Return verdicts, by name, as a Markdown table: with sign and colour, linked to the section of their evidence."""
    rows = ["| Claim | Source | Verdict | Evidence |", "|:--|:--|:--|:--|"]
    for name, each in verdicts.items():
        begins = next((begin for begin in _SIGNS if each.verdict.startswith(begin)), NOT_SHOWN)
        sign, color = _SIGNS[begins]
        text = f'<span style="color: {color}">{sign} {each.verdict}</span>'
        verdict = f"[{text}](#{sections[name].replace(' ', '-')})"
        rows.append(f"| {each.claim} | {each.source} | {verdict} | {each.evidence} |")
    return "\n".join(rows) + "\n"


def count_significant(compared):
    """Return how many mean differences lie above 0 and how many below it, at the 5% level after Holm over all rows."""
    found = compared.loc[holm(compared["p"]) < SIGNIFICANCE, "mean"]
    return int((found > 0).sum()), int((found < 0).sum())


def selection_beats_random(compared):
    """Judge whether a similarity metric repairs better than random inputs; `compared` has all combinations."""
    above, below = count_significant(compared)
    verdict = CONFIRMED if above else REFUTED if below else NOT_SHOWN
    evidence = f"Of {len(compared)} combinations of metric, space and layer selection {above} end above control and "
    evidence += f"{below} below it (p < 0.05, Holm over all); their means lie between {pp(compared['mean'].min())} and "
    evidence += f"{pp(compared['mean'].max())}."
    return Verdict("Inputs similar to the heat map repair better than random ones", "MODE", verdict, evidence)


def nothing_is_significant(compared):
    """Judge whether no metric differs from control, as the replication found with one run each."""
    p = holm(compared["p"])
    strongest = compared.iloc[int(np.argmin(p))]
    verdict = REFUTED if p.min() < SIGNIFICANCE else NOT_SHOWN
    evidence = f"{(p < SIGNIFICANCE).sum()} of {len(compared)} differ from control after Holm; the clearest is "
    evidence += f"{strongest['metric']} in {strongest['view']}: {mean_interval(strongest)}, p = {p.min():.1g}."
    return Verdict("No metric differs from control (p = 0.41)", "replication", verdict, evidence)


def metrics_differ(comparisons):
    """Judge whether metrics differ, by a `MetricComparison` for each view that they were compared in."""
    pairs = pd.concat([comparison.pairs for comparison in comparisons.values()])
    apart = (pairs["p_holm"] < SIGNIFICANCE).sum()
    adjusted = holm([comparison.p for comparison in comparisons.values()])
    friedman = "; ".join(f"in {name} p = {p:.2g}" for name, p in zip(comparisons, adjusted, strict=True))
    found = adjusted < SIGNIFICANCE
    verdict = CONFIRMED if found.all() else "confirmed in part" if found.any() else NOT_SHOWN
    evidence = f"Friedman's test, Holm over all: {friedman}. {apart} of {len(pairs)} pairs differ after Holm."
    return Verdict("It matters which metric is taken", "MODE, replication", verdict, evidence)


def earth_mover_is_best(comparison, compared, inverted):
    """Judge the earth mover's rank and gain; `inverted` is the row of what the replication ran, its order reversed."""
    rank, own = int(comparison.ranks.rank()["earth mover"]), compared.set_index("metric").loc["earth mover"]
    pairs = comparison.pairs[(comparison.pairs[["first", "second"]] == "earth mover").any(axis=1)]
    told_apart = int((pairs["p_holm"] < SIGNIFICANCE).sum())
    verdict = CONFIRMED if rank == 1 and own["low"] > 0 else REFUTED if own["mean"] <= 0 else NOT_SHOWN
    verdict = "first by its rank, but not above control" if rank == 1 and verdict != CONFIRMED else verdict
    evidence = f"It ranks {rank} of {len(comparison.ranks)}, {mean_interval(own)} from control; {told_apart} of "
    evidence += f"{len(pairs)} other metrics were told apart from it. What the replication ran, its order not turned "
    evidence += f"round, ends {mean_interval(inverted)} from control."
    return Verdict("Earth mover does best (+0.60 pp)", "replication", verdict, evidence)


def layer_selection_has_no_effect(selected, starved):
    """Judge `compare_layer_selection` of healthy models, and `compare_differences` of models with starved labels."""
    same = selected["verdict"].isin(["equivalent", "different, by less than the margin"])
    verdict = REFUTED if (selected["verdict"] == "different").any() else NOT_SHOWN
    verdict = f"{CONFIRMED} for healthy models" if same.all() else verdict
    told = "{0.space} {1}, {0.verdict} (TOST p = {0.p_equivalence_holm:.1g})".format
    spaces = [told(row, mean_interval(row)) for row in selected.itertuples()]
    evidence = f"Healthy models, with minus without: {'; '.join(spaces)}. Starved labels: between "
    evidence += f"{pp(starved['mean'].min())} and {pp(starved['mean'].max())}, "
    evidence += f"{(starved['p_holm'] < SIGNIFICANCE).sum()} of {len(starved)} differ."
    return Verdict("Layer selection makes no difference (p = 0.87)", "replication", verdict, evidence)


def appearance_predicts_outcome(likeness):
    """Judge whether metrics whose best images look right repair better; columns as of `visualization.plot_likeness`."""
    found = stats.spearmanr(likeness["likeness"], without_noise(likeness["mean"]))
    places = likeness.set_index("metric").rank(ascending=False).loc["bray curtis"]
    verdict = NOT_SHOWN if found.pvalue >= SIGNIFICANCE else CONFIRMED if found.statistic > 0 else REFUTED
    evidence = f"Rank correlation of looks and outcome over {len(likeness)} metrics {found.statistic:+.2f} (p = "
    evidence += f"{found.pvalue:.2f}); bray curtis is number {places['likeness']:.0f} by its looks and number "
    evidence += f"{places['mean']:.0f} by its outcome."
    return Verdict("By its images, bray curtis should be best", "replication", verdict, evidence)


def single_runs_find_the_best(studies, reported, inverted):
    """Judge whether the best of nine single runs tells which metric is best; see `single_run_studies`."""
    shares = studies["winner"].value_counts(normalize=True)
    again, high = (shares**2).sum(), (studies["difference"] >= reported).mean()
    verdict = CONFIRMED if again > 0.5 else REFUTED
    evidence = "Nine metrics with a single run each, drawn from the paired runs: the winner ends "
    evidence += f"{pp(studies['difference'].mean())} from control on average, and {pp(reported)} or more in {high:.1%} "
    evidence += f"of the studies; a second study names the same winner in {again:.0%}. Earth mover with its order not "
    evidence += f"turned round wins {shares.get(inverted, 0):.0%}."
    return Verdict("The best of nine single runs is the best metric", "replication", verdict, evidence)


def single_differences_mean_something(needed):
    """Judge whether the reported differences exceed the scatter of single runs, see `single_run_studies.needed_for`."""
    beyond = (needed["reported"].abs() > 1.96 * needed["spread"]).sum()
    verdict = CONFIRMED if beyond == len(needed) else "confirmed in part" if beyond > len(needed) / 2 else REFUTED
    runs = needed["runs"]
    evidence = f"{beyond} of its {len(needed)} differences exceed 1.96 standard deviations of a single run "
    evidence += f"({pp(needed['spread'].median()).lstrip('+')} in the median). To find them with a power of 80% takes "
    evidence += f"{runs.min():,.0f} to {runs.max():,.0f} paired runs, {runs.median():,.0f} in the median."
    return Verdict("A difference of half a point in one run means something", "replication", verdict, evidence)


def leak_is_harmless(honest, leaky):
    """Judge scoring on the assessment's samples by outcomes, assessed on validation samples and on the test set."""
    columns = ["difference", "diagnosis_difference"]
    means, leaky_means = (part.groupby("seed")[columns].mean() for part in (honest, leaky))
    inside, shift = means["diagnosis_difference"] - means["difference"], leaky_means["difference"] - means["difference"]
    inflated, protocol = describe(inside), describe(shift)
    harmless = max(equivalence_p(inside, MARGIN), equivalence_p(shift, MARGIN)) < SIGNIFICANCE
    found = holm([inflated["p"], protocol["p"]]).min() < SIGNIFICANCE
    verdict = REFUTED if found and not harmless else CONFIRMED if harmless else NOT_SHOWN
    evidence = f"In the same repairs the difference from control is {mean_interval(inflated)} higher on the samples "
    evidence += f"that diagnosis looked at than on the test set (p = {inflated['p']:.2g}); diagnosing on the test set "
    evidence += f"instead shifts it by {mean_interval(protocol)} (p = {protocol['p']:.2g}). Less than "
    evidence += f"{100 * MARGIN:.1f} pp counts as none."
    return Verdict("Diagnosing on the test set does no harm", "replication's protocol", verdict, evidence)


def model_was_too_good(outcomes, chosen):
    """Judge by the metrics' `outcomes`, and the row of a preset for the healthy model, `chosen`, against control."""
    untouched, gain = (outcomes["samples"] == 0).mean(), chosen["final"] - chosen["initial"]
    verdict = REFUTED if gain > 0 and chosen["low"] > 0 else NOT_SHOWN
    evidence = f"In {untouched:.0%} of the runs no label was below theta, so that MODE added nothing. The preset "
    evidence += f"`{chosen.name}` gains {pp(gain)} with {chosen['samples']} samples, {mean_interval(chosen)} from its "
    evidence += "control."
    return Verdict("The model was already too good to improve", "replication", verdict, evidence)


def no_overfitting(runs, overfit):
    """Judge whether no overfitting is met, by the metrics' runs and the `initial_gap` of models trained to overfit."""
    iterations = runs[(runs["strategy"] == "mode") & (runs["iteration"] > 0)]
    overfitted, gaps = (iterations["fault"] == "overfit").sum(), 100 * overfit["initial_gap"]
    verdict = f"{CONFIRMED} for the healthy model" if overfitted < 0.01 * len(iterations) else REFUTED
    evidence = f"{overfitted} of its {len(iterations)} iterations were for an overfit label; but models trained to "
    evidence += f"overfit, with a gap of {gaps.min():.0f} to {gaps.max():.0f} pp, have labels for MODE's second half."
    return Verdict("No overfitting is met", "replication", verdict, evidence)


def selection_repairs_weak_models(summary):
    """Judge whether selecting lifts a weak model further than random inputs do; `summary` is of one budget."""
    own, better = (summary[summary["name"] == name].iloc[0] for name in ("original", "adaptive"))
    verdict = CONFIRMED if own["low"] > 0 else "refuted for MODE's own choice" if better["low"] > 0 else REFUTED
    story = "`{name}` {initial:.1%} to {final:.1%}, its control {control:.1%}".format_map
    evidence = f"MNIST with three labels starved, {own['samples']} samples: {story(own)}; {story(better)}."
    return Verdict("75% to 93% on weak models, where random inputs reach 85%", "MODE", verdict, evidence)


def least_similar_helps_overfit(against_random):
    """Judge whether the least similar inputs repair overfit labels better than any of the label."""
    rows = against_random[against_random["overfit_selection"] == "least similar to hci"]
    better, worse = count_significant(rows)
    verdict = CONFIRMED if better == len(rows) else REFUTED if worse and not better else NOT_SHOWN
    evidence = f"Against any sample of the label it is better in {better} and worse in {worse} of {len(rows)} "
    evidence += f"combinations of data set and network (p < 0.05, Holm); means between {pp(rows['mean'].min())} and "
    evidence += f"{pp(rows['mean'].max())}."
    return Verdict("The least similar inputs repair overfitting", "replication's future work", verdict, evidence)


def share_depends_on_classes(rules):
    """Judge whether the best share of selected inputs depends on the number of classes."""
    alone = rules[rules["replay"] == 0]
    slopes = [
        f"{dataset_title(row.dataset)} {row.slope:.2f} ({row.low:.2f} to {row.high:.2f})" for row in alone.itertuples()
    ]
    verdict = CONFIRMED if ((alone["low"] > 0) | (alone["high"] < 0)).all() else NOT_SHOWN
    cost = rules.loc[rules["replay"] > 0, "its_cost_pp"].max()
    evidence = f"The best alpha falls like classes to the power {', '.join(slopes)}: about an equal share a class. "
    evidence += f"With old samples replayed, alpha = 1 for all costs at most {cost:.2f} pp."
    return Verdict("The best share depends on the number of classes", "replication's future work", verdict, evidence)


def states_help_beyond_allocation(settings):
    """Judge whether differential states choose better within a label than chance, by `strategy_table.read_settings`."""
    wide = settings.pivot_table(index=[*SETTING, "samples"], columns="strategy", values="difference")
    ahead = (wide[STATES] - wide[AT_RANDOM]).dropna()
    paired = describe(independent := of_models(ahead))
    verdict = NOT_SHOWN if paired["p"] >= SIGNIFICANCE else CONFIRMED if paired["mean"] > 0 else REFUTED
    evidence = f"`{STATES}` ranks by the state of the network within the labels, `{AT_RANDOM}` draws from the same "
    evidence += f"labels: {mean_interval(paired)} (p = {paired['p']:.2g}) in the mean of {len(independent)} kinds of "
    evidence += f"models, each of which was repaired from several pools; of {len(ahead)} combinations of data, defect, "
    evidence += f"pool and budget better in {(ahead > 0).sum()}, worse in {(ahead < 0).sum()}."
    return Verdict("The differential state chooses better than chance within a label", "MODE", verdict, evidence)


def wrong_labels_mislead(settings, share):
    """Judge whether selecting collects the wrong labels of a pool, a `share` of which in [0, 1] is wrong."""
    noisy = settings[(settings["pool"] == "noisy") & settings["labelled"] & settings["difference"].notna()]
    first = noisy[noisy["samples"] == noisy["samples"].min()]
    found = first.groupby("strategy", sort=False)["wrong_share"].mean().sort_values()
    more = found[found > share + 0.01]
    verdict = CONFIRMED if len(more) == len(found) else "confirmed in part" if len(more) else REFUTED
    stories = ", ".join(f"{name} {value:.0%}" for name, value in found.items())
    gains = noisy.groupby("strategy", sort=False)["difference"].mean()
    evidence = f"{share:.0%} of the pool's labels are wrong; among the first {first['samples'].iloc[0]:,.0f} that each "
    evidence += f"strategy chooses: {stories}. Gain over control in the mean of noisy pools: {pp(gains.min())} "
    evidence += f"({gains.idxmin()}) to {pp(gains.max())} ({gains.idxmax()})."
    return Verdict("What is selected is wrong more often than the pool", "pain of users", verdict, evidence)


def simpler_remedies_suffice(settings):
    """Judge whether a weak model needs a selection at all: beside it stand validation samples, and all of the pool."""
    own = settings[(settings["strategy"] == "recommended") & settings["labelled"]].sort_values("samples").iloc[-1]
    beside = settings[settings["difference"].isna()].groupby("strategy", sort=False)["final"].mean()
    whole, known = beside[WHOLE_POOL], beside.drop(WHOLE_POOL)
    verdict = CONFIRMED if known.max() >= own["final"] else f"{REFUTED} where labels are expensive"
    stories = "; ".join(f"{name} {value:.1%}" for name, value in known.items())
    n_whole = settings.loc[settings["strategy"] == WHOLE_POOL, "samples"].iloc[0]
    evidence = f"MNIST with three labels starved: {own['initial']:.1%}; `recommended` with {own['samples']:,.0f} "
    evidence += f"labels {own['final']:.1%}. The same network trained afresh: {stories} ({own['n_validation']:,.0f} "
    evidence += f"labels); all {n_whole:,.0f} labels of the pool, {whole:.1%}. "
    evidence += f"{pp(np.abs(whole - own['final'])).lstrip('+')} of accuracy is what the other labels buy."
    return Verdict("Validation samples added to the training would do", "a question of experts", verdict, evidence)
