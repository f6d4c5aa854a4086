"""How numbers are written, everywhere alike: accuracies, percentage points (pp) of them, intervals, p-values."""


def points(share):
    """Return a difference of accuracies in percentage points, with its sign unless it is rounded to nothing."""
    rounded = round(100 * share, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def pp(share):
    """Return a difference of accuracies in percentage points, with the unit."""
    return f"{points(share)} pp"


def interval(low, high):
    """Return the ends of an interval of differences of accuracies, in percentage points."""
    return f"{points(low)} to {points(high)}"


def mean_interval(row):
    """Return `mean` and the interval from `low` to `high` of a row of a comparison, in percentage points.

    Parameters
    ----------
    row : mapping or named tuple
    """
    row = row._asdict() if hasattr(row, "_asdict") else row
    return f"{pp(row['mean'])} ({interval(row['low'], row['high'])})"


def p_value(p):
    """Return a p-value with three digits; one below 0.001 as that."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_equals(p):
    """Return a p-value for a sentence: "p = 0.012" or "p < 0.001"."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def format_comparison(compared):
    """Return a comparison as text for readers: differences in percentage points, with names and units.

    Parameters
    ----------
    compared : pandas.DataFrame
        As `comparisons.compare_differences` returns it, maybe with columns of shares beside.

    Returns
    -------
    pandas.DataFrame
        What is compared, "difference (pp)", "95% CI (pp)", "p", "p (Holm)", "rank-biserial" (effect size in [-1, 1]),
        "won" and "lost" (shares of the runs in %), "runs".
    """
    text = compared.iloc[:, [0]].copy()
    text["difference (pp)"] = compared["mean"].map(points)
    text["95% CI (pp)"] = [interval(low, high) for low, high in zip(compared["low"], compared["high"], strict=True)]
    for name, title in {"p": "p", "p_holm": "p (Holm)"}.items():
        text[title] = compared[name].map(p_value)
    text["rank-biserial"] = compared["rank_biserial"].map("{:+.2f}".format)
    for name in ("won", "lost"):
        text[f"{name} (%)"] = compared[name].map("{:.0%}".format).str.rstrip("%")
    return text.assign(runs=compared["runs"])
