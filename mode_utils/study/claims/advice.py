"""Claims about what selecting is worth where pools are as users have them, and beside simpler remedies."""

import numpy as np

from mode_utils.study.claims.verdict import CONFIRMED, NOT_SHOWN, REFUTED, Verdict, paired_summary
from mode_utils.study.comparisons import SIGNIFICANCE
from mode_utils.study.formatting import mean_interval, pp
from mode_utils.study.strategy_table import CELL, WHOLE_POOL, of_models

AT_RANDOM, STATES = "any of the label", "adaptive"  # the same allocation; the second ranks by differential states


def states_help_beyond_allocation(cells):
    """Judge whether differential states choose better within a label than chance.

    Parameters
    ----------
    cells : pandas.DataFrame
        See `strategy_table.read_cells`.
    """
    wide = cells.pivot_table(index=[*CELL, "samples"], columns="strategy", values="difference")
    ahead = (wide[STATES] - wide[AT_RANDOM]).dropna()
    independent = of_models(ahead)
    paired = paired_summary(independent)
    found = paired["p"] < SIGNIFICANCE
    verdict = NOT_SHOWN if not found else CONFIRMED if paired["mean"] > 0 else REFUTED
    evidence = (
        f"`{STATES}` ranks by the state of the network within the labels, `{AT_RANDOM}` draws from the same labels: "
        f"{mean_interval(paired)} (p = {paired['p']:.2g}) in the mean of {len(independent)} kinds of models, each of "
        f"which was repaired from several pools; of {len(ahead)} combinations of data, defect, pool and budget better "
        f"in {(ahead > 0).sum()}, worse in {(ahead < 0).sum()}."
    )
    return Verdict("The differential state chooses better than chance within a label", "MODE", verdict, evidence)


def wrong_labels_mislead(cells, share):
    """Judge whether selecting collects the wrong labels of a pool.

    Parameters
    ----------
    cells : pandas.DataFrame
        See `strategy_table.read_cells`.
    share : float
        Wrong labels among all of a noisy pool, in [0, 1].
    """
    noisy = cells[(cells["pool"] == "noisy") & cells["labelled"] & cells["difference"].notna()]
    first = noisy[noisy["samples"] == noisy["samples"].min()]
    found = first.groupby("strategy", sort=False)["wrong_share"].mean().sort_values()
    more = found[found > share + 0.01]
    verdict = CONFIRMED if len(more) == len(found) else "confirmed in part" if len(more) else REFUTED
    stories = ", ".join(f"{name} {value:.0%}" for name, value in found.items())
    gains = noisy.groupby("strategy", sort=False)["difference"].mean()
    evidence = (
        f"{share:.0%} of the pool's labels are wrong; among the first {first['samples'].iloc[0]:,.0f} that each "
        f"strategy chooses: {stories}. Gain over control in the mean of noisy pools: {pp(gains.min())} "
        f"({gains.idxmin()}) to {pp(gains.max())} ({gains.idxmax()})."
    )
    return Verdict("What is selected is wrong more often than the pool", "pain of users", verdict, evidence)


def simpler_remedies_suffice(cells):
    """Judge whether a weak model needs a selection at all: beside it stand validation samples, and all of the pool.

    Parameters
    ----------
    cells : pandas.DataFrame
        See `strategy_table.read_cells`: MNIST with starved labels, a clean pool.
    """
    own = cells[(cells["strategy"] == "recommended") & cells["labelled"]].sort_values("samples").iloc[-1]
    beside = cells[cells["difference"].isna()].groupby("strategy", sort=False)["final"].mean()
    whole, known = beside[WHOLE_POOL], beside.drop(WHOLE_POOL)
    verdict = CONFIRMED if known.max() >= own["final"] else f"{REFUTED} where labels are dear"
    stories = "; ".join(f"{name} {value:.1%}" for name, value in known.items())
    n_whole = cells.loc[cells["strategy"] == WHOLE_POOL, "samples"].iloc[0]
    evidence = (
        f"MNIST with three labels starved: {own['initial']:.1%}; `recommended` with {own['samples']:,.0f} labels "
        f"{own['final']:.1%}. The same network trained afresh: {stories} ({own['n_validation']:,.0f} labels); all "
        f"{n_whole:,.0f} labels of the pool, {whole:.1%}. {pp(np.abs(whole - own['final'])).lstrip('+')} of accuracy "
        "is what the other labels buy."
    )
    return Verdict("Validation samples added to the training would do", "a question of experts", verdict, evidence)
