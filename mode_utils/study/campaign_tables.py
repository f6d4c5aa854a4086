"""Tables of played campaigns: whether what was said of gain, next round, stopping and labels needed came true."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.study.formatting import NOTHING, dataset_title
from mode_utils.study.significance import interval_of_mean

SETTING = ["dataset", "scenario"]
_RESULTS = Path("data/results/campaigns")  # of the sweep; `python -m mode_utils.study.campaign_tables` makes its tables


def summarise_gains(rounds, looks=(1, 3, 5)):
    """Return how often the interval of the gain held, and what was shown, a row a setting.

    `rounds` are those of `repair.campaign.played.play_campaign`, of many seeds, with the columns of `SETTING`. Gains
    are in points of accuracy. `coverage` is of the 95% interval of one look; `better_1` and so on are shares of
    campaigns in which choosing was shown to be better after so many rounds, `worse` in any.
    """
    rounds = rounds[rounds["round"] > 0]
    scored = rounds.dropna(subset=["gain", "true_gain"])
    error = 100 * (scored["gain"] - scored["true_gain"])
    covered = (scored["low"] <= scored["true_gain"]) & (scored["true_gain"] <= scored["high"])
    scored = scored.assign(error=error, covered=covered, half=50 * (scored["high"] - scored["low"]))
    groups = scored.groupby(SETTING, sort=False)
    table = pd.DataFrame({
        "campaigns": rounds.groupby(SETTING, sort=False)["seed"].nunique(),
        "true_gain": 100 * groups["true_gain"].mean(),
        "bias": groups["error"].mean(), "error": np.sqrt(groups["error"].apply(lambda each: (each**2).mean())),
        "half_width": groups["half"].mean(), "coverage": groups["covered"].mean(),
    })  # fmt: skip
    for look in looks:
        table[f"better_{look}"] = _ever(rounds[rounds["round"] <= look], rounds["low_of_all"] > 0)
    return table.assign(worse=_ever(rounds, rounds["high_of_all"] < 0)).reset_index()


def summarise_advice(rounds, label_cost):
    """Return how often the next round's gain lay in its interval, and "stop" was right, a row a setting.

    "Stop" is right if the next round brings less than its labels have to be worth, by `label_cost`, points of accuracy
    for 100 labels. `spared` is the share of the labels that following the first "stop" spares, `given_up` the points of
    test accuracy that it costs.
    """
    played = rounds[rounds["round"] > 0].dropna(subset="true_next")
    size = rounds.groupby([*SETTING, "seed"])["labels"].transform(lambda each: each.diff().max())
    inside = (played["forecast_low"] <= played["true_next"]) & (played["true_next"] <= played["forecast_high"])
    right = played["true_next"] < label_cost / 10_000 * size[played.index]
    stop = played["advice"] == "stop"
    table = played.assign(next_coverage=inside, stops=stop, right=right.where(stop)).groupby(SETTING, sort=False)
    table = table.agg(
        rounds=("round", "size"),
        next_coverage=("next_coverage", "mean"),
        stops=("stops", "sum"),
        stop_right=("right", "mean"),
    )
    saved = pd.DataFrame([_stopping(part) for _, part in rounds.groupby([*SETTING, "seed"], sort=False)])
    return table.join(saved.groupby(SETTING, sort=False)[["spared", "given_up"]].mean()).reset_index()


def summarise_labels(labels):
    """Return how often the labels that a label needed lay in their interval, a row a setting; see `play_campaign`.

    A label that did not get there in the campaign counts as inside if the interval does not end before its labels did.
    `ratio` is the median of labels that were needed over those that were foretold, of labels that got there.
    """
    told = labels[labels["is_told"]]
    reached = told["true"].notna()
    inside = np.where(
        reached, (told["low"] <= told["true"]) & (told["true"] <= told["high"]), told["high"] >= told["given_in_all"]
    )
    told = told.assign(
        inside=inside, reached=reached, ratio=(told["true"] / told["needed"]).where(reached & (told["needed"] > 0))
    )
    groups, every = told.groupby(SETTING, sort=False), labels.groupby(SETTING, sort=False)
    table = pd.DataFrame({"forecasts": every.size(), "told": groups.size(), "reached": groups["reached"].mean()})
    return table.assign(coverage=groups["inside"].mean(), ratio=groups["ratio"].median()).reset_index()


def summarise_costs(rounds):
    """Return the test accuracy after the last round of campaigns with other shares of the arm, less that without one.

    `rounds` are those of `PlayedCampaign.rounds`, with `control_share`, 1 for drawing at random alone; a row a setting
    and share: `campaigns`, `cost`, `low` and `high` in points of accuracy, above 0 where the arm costs.
    """
    last = rounds[rounds["round"] == rounds.groupby([*SETTING, "seed", "control_share"])["round"].transform("max")]
    wide = last.pivot(index=[*SETTING, "seed"], columns="control_share", values="test_accuracy").dropna()
    rows = []
    for setting, part in wide.groupby(SETTING, sort=False):
        for share in [each for each in part if each > 0]:
            cost = 100 * (part[0.0] - part[share])
            low, high = interval_of_mean(cost)
            row = {"control_share": share, "campaigns": len(cost), "cost": cost.mean(), "low": low, "high": high}
            rows.append(dict(zip(SETTING, setting, strict=True)) | row)
    return pd.DataFrame(rows)


def _ever(rounds, shown):
    """Return the share of campaigns in which something was shown in any of the rounds, by setting."""
    by_campaign = rounds.assign(shown=shown[rounds.index]).groupby([*SETTING, "seed"], sort=False)["shown"].max()
    return by_campaign.groupby(level=[0, 1], sort=False).mean()


def _stopping(campaign):
    stops = campaign.loc[campaign["advice"] == "stop", "round"]
    end = campaign["round"].max() if stops.empty else stops.min()
    at, last = (campaign[campaign["round"] == number].iloc[0] for number in (end, campaign["round"].max()))
    spared = 1 - at["labels"] / last["labels"]
    given_up = 100 * (last["test_accuracy"] - at["test_accuracy"])
    return {name: at[name] for name in SETTING} | {"spared": spared, "given_up": given_up}


def write_tables(folder=_RESULTS, label_cost=0.25):
    """Write the summaries of the tables that a sweep has left in a folder beside these, as `<name>.md`."""
    folder = Path(folder)
    rounds = pd.read_csv(folder / "rounds.csv")
    tables = {"gains": summarise_gains(rounds), "advice": summarise_advice(rounds, label_cost)}
    for name, summary, of in (("labels_needed", summarise_labels, "labels"), ("arm_costs", summarise_costs, "costs")):
        if (folder / f"{of}.csv").exists():
            tables[name] = summary(pd.read_csv(folder / f"{of}.csv"))
    for name, table in tables.items():
        shown = table.round(3).assign(dataset=table["dataset"].map(dataset_title))
        shown.columns = shown.columns.str.replace("_", " ")
        (folder / f"{name}.md").write_text(shown.to_markdown(index=False, missingval=NOTHING) + "\n")


if __name__ == "__main__":
    write_tables(*sys.argv[1:2])
