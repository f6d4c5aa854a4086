"""Options of a command, from the parameters of its notebook: their cell is the only list of them."""

import argparse
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from .parameters import Declared, check_values

_UNSET = re.compile(r"""; *(?:0|""|\[\]) (\w+) (.*)$""")  # what help says of a default that stands for "not given"


def add_options(parser: argparse.ArgumentParser, declared: Mapping[str, Declared], changes: Mapping) -> None:
    """Add an option for each parameter of a notebook; `changes` are other arguments of `add_argument`, and `flags`."""
    for name, parameter in declared.items():
        more = dict(changes.get(name, {}))
        flags, kind = _flags(name, more), type(parameter.default)
        more.pop("flags", None)
        usual = {"metavar": "N"} if kind in (int, float) else {}
        usual |= {"action": "store_true"} if kind is bool else {"type": _split if kind is list else kind}
        usual |= {"default": argparse.SUPPRESS, "dest": name} if flags else {"default": None}
        usual["help"] = _help(parameter, with_default="required" not in more)
        parser.add_argument(*(flags or [name]), **usual | more)


def read_options(given: argparse.Namespace, declared: Mapping[str, Declared], where: str) -> dict:
    """Return what was given as parameters, paths in full; a ValueError if one has to be left out or does not fit."""
    values = {name: _plain(value) for name, value in vars(given).items() if value is not None}
    for name, value in values.items():
        option, parameter = f"--{name.replace('_', '-')}", declared[name]
        unset = _UNSET.search(parameter.help)
        if unset and type(value) in (int, float) and value == parameter.default:
            raise ValueError(f"{where}: {option} {value}: leave it out for {unset[2]}")
        check_values({option: value}, {option: parameter}, where)
    return values


def write_command(program: str, values: Mapping, declared: Mapping[str, Declared], changes: Mapping) -> str:
    """Return the command line that gives some values, to be pasted into a shell; None, False and [] are left out."""
    words, options = [], []
    for name in declared:
        value, more = values.get(name), changes.get(name, {})
        if value is None or value is False or value == []:
            continue
        flags, parts = _flags(name, more)[-1:], value if isinstance(value, list) else [value]
        parts = () if value is True else parts if "nargs" in more else [",".join(map(str, parts))]
        (options if flags else words).extend([*flags, *map(str, parts)])
    return f"{program} {shlex.join([*words, *options])}"


def _flags(name: str, more: Mapping) -> list[str]:
    return more.get("flags", [f"--{name.replace('_', '-')}"])


def _help(parameter: Declared, with_default: bool) -> str:
    text, unset = _UNSET.sub("", parameter.help), _UNSET.search(parameter.help)
    text = "; ".join(filter(None, [", ".join(parameter.choices), text]))
    shown = unset[2] if unset and unset[1] == "takes" else parameter.default or None
    if with_default and shown is not None:
        text = f"{text} (default: {shown})"
    return text.replace("%", "%%")


def _split(text: str) -> list[str]:
    return text.split(",") if text else []


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value.resolve()) if isinstance(value, Path) else value
