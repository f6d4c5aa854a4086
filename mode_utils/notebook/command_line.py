"""Options of a command, from the parameters of its notebook: their cell is the only list of them."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from .parameters import Declared, check_values

_TAKEN = re.compile(r"""; *(?:0|""|\[\]),? takes (.*)$""")  # how help says what is done by default


def add_options(parser: argparse.ArgumentParser, declared: Mapping[str, Declared], changes: Mapping) -> None:
    """Add an option for each parameter; what is not given is absent from the namespace.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    declared : mapping of str to Declared
        Of the notebook. ``class_names`` becomes ``--class-names``, a truth value a flag, a list what commas separate.
    changes : mapping of str to dict
        For some names what `add_argument` is given in place of that, and `flags`, such as ``["--continue"]``, or none
        for an argument by its position, shown as `metavar`.
    """
    for name, parameter in declared.items():
        more = dict(changes.get(name, {}))
        flags = more.pop("flags", [f"--{name.replace('_', '-')}"])
        kind = type(parameter.default)
        usual = {"action": "store_true"} if kind is bool else {"type": _split if kind is list else kind}
        if flags:
            more["dest"] = name
        parser.add_argument(
            *(flags or [name]), **{"default": argparse.SUPPRESS, "help": _help(parameter)} | usual | more
        )


def read_options(given: argparse.Namespace, declared: Mapping[str, Declared], where: str) -> dict:
    """Return what was given as parameters of the notebook, paths in full, or raise a ValueError.

    A number that stands for "not given", such as 0 that takes what is detected, has to be left out.
    """
    values = {name: _plain(value) for name, value in vars(given).items()}
    for name, value in values.items():
        option, parameter = f"--{name.replace('_', '-')}", declared[name]
        if type(value) in (int, float) and value == parameter.default and (taken := _TAKEN.search(parameter.help)):
            raise ValueError(f"{where}: {option} {value}: leave it out for {taken[1]}")
        check_values({option: value}, {option: parameter}, where)
    return values


def _help(parameter: Declared) -> str:
    """Return a parameter's help with its choices and its default."""
    default = parameter.default
    text, taken = _TAKEN.sub("", parameter.help), _TAKEN.search(parameter.help)
    text = "; ".join(filter(None, [text, ", ".join(parameter.choices)]))
    shown = taken[1] if taken else default if default and default is not True else None
    return f"{text} (default: {shown})".replace("%", "%%") if shown else text.replace("%", "%%")


def _split(text: str) -> list[str]:
    return text.split(",") if text else []


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value.resolve()) if isinstance(value, Path) else value
