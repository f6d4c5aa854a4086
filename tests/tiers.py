"""What of many ways to do a thing is tried by day: few in which each value of each factor is; each night, all."""

import pytest


def cover(ways, values=tuple):
    """Return few of the ways in which each of their values is: the one with most that are new, the first of such.

    `values` tells what counts as a value of a way; a value is another one in another place.
    """
    wanted = {way: set(enumerate(values(way))) for way in ways}
    missing, chosen = set().union(*wanted.values()), []
    while missing:
        chosen.append(max(wanted, key=lambda way: len(wanted[way] & missing)))
        missing -= wanted[chosen[-1]]
    return chosen


def by_night(ways, but):
    """Return the ways as parameters of a test, marked `nightly` but for those that are run by day, too."""
    by_day = list(but)
    unknown = [way for way in by_day if way not in ways]
    assert by_day and not unknown, f"no ways: {unknown}"
    return [way if way in by_day else _parameter(way) for way in ways]


def _parameter(way):
    return pytest.param(*(way if isinstance(way, tuple) else [way]), marks=pytest.mark.nightly)
