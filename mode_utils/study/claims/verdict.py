"""What a verdict is, and what several of them are computed with."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from mode_utils.study.comparisons import SIGNIFICANCE
from mode_utils.study.significance import bootstrap_interval, holm, signed_rank

CONFIRMED, REFUTED, NOT_SHOWN = "confirmed", "refuted", "not shown"  # the last: neither, with these runs


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


def count_significant(compared):
    """Return how many mean differences lie above 0 and how many below it, at the 5% level after Holm over all rows."""
    found = holm(compared["p"]) < SIGNIFICANCE
    return int((found & (compared["mean"] > 0)).sum()), int((found & (compared["mean"] < 0)).sum())


def paired_summary(differences):
    """Return mean, 95% interval and p of paired differences: a dict with `mean`, `low`, `high` and `p`."""
    low, high = bootstrap_interval(differences)
    return {"mean": float(np.mean(differences)), "low": low, "high": high, "p": signed_rank(differences)[0]}
