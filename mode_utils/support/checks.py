"""Checks of single values: an error names the value and what it may be."""

SIGNIFICANCE = 0.05
MIN_RUNS = 6  # with fewer, the two-sided signed-rank test cannot fall below 0.05


def check_choice(name, value, choices):
    """Raise a ValueError unless `value` is one of the choices."""
    if value not in choices:
        raise ValueError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")


def check_least(name, value, least):
    """Raise a ValueError unless `value` is at least `least`; NaN is not."""
    if not value >= least:
        raise ValueError(f"{name} = {value}; it must be at least {least}")


def check_share(name, value):
    """Raise a ValueError unless `value` lies in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} = {value}; it must lie in [0, 1]")
