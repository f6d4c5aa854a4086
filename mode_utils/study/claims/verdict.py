"""What a verdict is, and what several of them are computed with."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from mode_utils.study.comparisons import SIGNIFICANCE
from mode_utils.study.significance import holm, interval_of_mean, signed_rank

CONFIRMED, REFUTED, NOT_SHOWN = "confirmed", "refuted", "not shown"  # the last: neither, with these runs

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
    """Return verdicts as a table for a page: with a sign and a colour, each a link to the section of its evidence.

    Parameters
    ----------
    verdicts : dict of str to Verdict
    sections : dict of str to str
        The heading of each one's section.

    Returns
    -------
    str
        Markdown, as long as the texts are: nothing is cut.
    """
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
    found = holm(compared["p"]) < SIGNIFICANCE
    return int((found & (compared["mean"] > 0)).sum()), int((found & (compared["mean"] < 0)).sum())


def paired_summary(differences):
    """Return mean, 95% interval and p of paired differences: a dict with `mean`, `low`, `high` and `p`."""
    low, high = interval_of_mean(differences)
    return {"mean": float(np.mean(differences)), "low": low, "high": high, "p": signed_rank(differences)[0]}
