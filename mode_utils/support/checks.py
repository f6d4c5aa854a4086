"""Checks of single values: an error names the value and what it may be."""

from numbers import Integral, Real

SIGNIFICANCE = 0.05
MIN_RUNS = 6  # with fewer, the two-sided signed-rank test cannot fall below 0.05


def check_choice(name, value, choices):
    """Raise a ValueError unless `value` is one of the choices."""
    if value not in list(choices):
        raise ValueError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")


def check_least(name, value, least, whole=True):
    """Raise a ValueError unless `value` is a number of at least `least`, a `whole` one if so told; NaN is not."""
    if not isinstance(value, Integral if whole else Real) or isinstance(value, bool):
        raise ValueError(f"{name} = {value!r}; it must be a {'whole ' * whole}number, at least {least}")
    if not value >= least:
        raise ValueError(f"{name} = {value}; it must be at least {least}")


def check_share(name, value):
    """Raise a ValueError unless `value` is a number in [0, 1]."""
    if not isinstance(value, Real) or not 0 <= value <= 1:
        raise ValueError(f"{name} = {value!r}; it must lie in [0, 1]")
