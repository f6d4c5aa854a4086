"""What is written in a grid file or on the command line means what the parameter's default says.

YAML 1.1 by itself reads ``1e-4`` as a text, ``2024-01-01`` as a date, ``010`` as 8, ``12:30`` as 750 and ``no`` as
false. Here what has no quotes stays as it is written until it is known which kinds of values its parameter takes.
"""

import re
from collections.abc import Callable, Hashable
from contextlib import suppress
from types import NoneType

import yaml

_MERGE, _WRITTEN = "tag:yaml.org,2002:merge", "!written"
_TRUE, _FALSE, _NOTHING = ("true", "yes", "on"), ("false", "no", "off"), ("", "~", "null", "Null", "NULL", "None")
_SWITCHES = {form: word in _TRUE for word in _TRUE + _FALSE for form in (word, word.capitalize(), word.upper())}
_LONGEST_EXACT = 2**53  # floats beyond it skip integers
_TELLING = 3  # examples in a note


class Written(str):
    """A scalar without quotes, as it is written: what it means depends on where it goes."""


class Argument(str):
    """A value as it is given on the command line."""


class AmbiguousError(ValueError):
    """A text that can be read in two ways."""


class _Loader(yaml.SafeLoader):
    """Reads YAML, but leaves open what scalars without quotes mean, and takes no key twice."""

    def resolve(self, kind: type, value: str, implicit: tuple[bool, bool]) -> str:
        tag = super().resolve(kind, value, implicit)
        return _WRITTEN if kind is yaml.ScalarNode and implicit[0] and tag != _MERGE else tag

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node, seen = super().compose_mapping_node(anchor), set()
        for key in (key for key, _ in node.value if isinstance(key.value, str) and key.tag != _MERGE):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node

    def construct_scalar(self, node: yaml.Node) -> Hashable:
        return Written(node.value) if node.tag == _WRITTEN else super().construct_scalar(node)


_Loader.add_constructor(_WRITTEN, _Loader.construct_scalar)


def load_yaml(text: str | bytes) -> object:
    """Read YAML, with `Written` for scalars without quotes; a YAMLError says in a line what is wrong, and where."""
    try:
        value = yaml.load(text, _Loader)  # a SafeLoader
    except yaml.reader.ReaderError as error:
        raise yaml.YAMLError(f"byte {error.position} is not in UTF-8") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise yaml.YAMLError(f"{problem or str(error).splitlines()[0]}{place}") from None
    try:
        plain(value)
    except RecursionError:
        raise yaml.YAMLError("an alias stands inside of what it names") from None
    return value


def plain(value: object) -> object:
    """Return what YAML by itself makes of a value."""
    if isinstance(value, Written):
        return _in_yaml(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    return {str(key): plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def read_argument(text: Argument, kinds: tuple[type, ...], is_axis: bool) -> object:
    """Return what stands on the command line as `read_value` takes it; a text is a text, without a second thought."""
    wants_text, in_quotes = kinds == (str,), f"""for a text, write '"{text}"'"""
    try:
        value = load_yaml(text)
    except yaml.YAMLError as error:
        if wants_text:
            return str(text)
        raise ValueError(f"{error}{'' if kinds else f'; {in_quotes}'}") from None
    if wants_text and (not text.strip() or isinstance(value, dict) or (isinstance(value, list) and not is_axis)):
        return str(text)
    if not kinds and not text.strip():
        raise AmbiguousError(f"for nothing, write null; {in_quotes}")
    if not kinds and isinstance(value, (list, dict)) and text.lstrip()[0] not in "[{":
        raise AmbiguousError(f"it can be read in two ways: write {plain(value)}; {in_quotes}")
    is_plain = isinstance(value, Written) or (value is None and text.strip())  # of a comment, YAML makes nothing
    return Written(text) if is_plain else value


def read_value(value: object, kinds: tuple = (), default=None, choices: tuple = (), note: Callable = lambda *_: None):
    """Return what a value means for a parameter; `note` is told of each text that is read otherwise than YAML does.

    Parts of a list or a mapping are read as those of the `default`. What has two readings is an `AmbiguousError`.
    """
    if isinstance(value, Written):
        return _read_scalar(value, kinds, choices, note)
    if isinstance(value, list):
        kept = list(default) if isinstance(default, (list, tuple)) else []
        shared = {_kind_of(each) for each in kept}
        kind = shared.pop() if len(shared) == 1 else ()  # that all parts of the default have
        return [_read_part(each, kind, kept[0] if kept else None, note) for each in value]
    if isinstance(value, dict):
        known = default if isinstance(default, dict) else {}
        if stray := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"the key {stray[0]!r} of a mapping is not a text")
        pairs = [(str(key), each, known.get(key)) for key, each in value.items()]
        return {key: _read_part(each, _kind_of(part), part, note) for key, each, part in pairs}
    if kinds and type(value) in (int, float):
        fitting = _as_kind(value, kinds)
        return value if fitting is AmbiguousError else fitting
    if not isinstance(value, (NoneType, bool, int, float, str)):
        raise ValueError(f"a {type(value).__name__} cannot be given to a notebook: {value!r}")
    return value


def number_of(text: str) -> int | float | None:
    """Return the number that a text is in Python or YAML 1.2, or None; leading zeros do not count."""
    if not text.isascii():
        return None
    dotted = re.fullmatch(r"\s*([-+]?)\.(inf|nan)\s*", text, re.IGNORECASE)
    for read in (int, lambda digits: int(digits, 0), float):
        with suppress(ValueError):
            return read("".join(dotted.groups()) if dotted else text)
    return None


def describe_notes(name: str, noted: list[tuple[str, object]]) -> list[str]:
    """Say of a parameter what was read otherwise than YAML does by itself: a sentence for each kind."""
    names, texts_of = {str: "text", NoneType: "nothing, not text"}, {}
    for text, value in noted:
        texts_of.setdefault(names.get(type(value), "number, not text"), {})[text] = None
    sentences = []
    for kind, texts in texts_of.items():
        shown = ", ".join([*texts][:_TELLING]) + (", ..." if len(texts) > _TELLING else "")
        sentences.append(f"{name}: {shown} {'is' if len(texts) == 1 else 'are'} taken as {kind}")
    return sentences


def _read_scalar(text: Written, kinds: tuple[type, ...], choices: tuple[str, ...], note: Callable) -> object:
    in_yaml = _in_yaml(text)
    try:
        value = _among(text, kinds)
    except AmbiguousError:
        if text not in choices or (kinds and str not in kinds):
            raise
        value = str(text)
    is_other = isinstance(value, str) != isinstance(in_yaml, str) or (value == value and value != in_yaml)
    # a number may have been meant as a version, such as 1.10
    if is_other or (not kinds and isinstance(value, float) and re.fullmatch(r"[0-9]+\.[0-9]+0", text)):
        note(text, value)
    return value


def _among(text: Written, kinds: tuple[type, ...]) -> object:
    others = [value for value in (_as_kind(each, kinds) for each in _readings(text)) if value is not AmbiguousError]
    if others == [None] and NoneType in kinds:
        return None
    if {*kinds} - {NoneType} == {str}:
        if _is_word(text):
            raise AmbiguousError(f"""it is a text only in quotes: '"{text}"'""")
        return str(text)
    takes_text = not kinds or str in kinds
    only_yaml = any(type(each) in (int, float) for each in others) and number_of(text) is None
    if len(others) > 1 or only_yaml or (others and takes_text and _may_be_text(text)):
        ways = [yaml.safe_dump(each).splitlines()[0] for each in others]
        ways += [f"""'"{text}"', in quotes, for the text"""] if takes_text else []
        raise AmbiguousError(f"it can be read in two ways: write {' or '.join(ways)}")
    if others:
        return others[0]
    return str(text) if takes_text else _in_yaml(text)  # which is of another type, and is refused


def _readings(text: str) -> list[object]:
    if text in _NOTHING or text in _SWITCHES:
        return [_SWITCHES.get(text)]
    number, in_yaml = number_of(text), _in_yaml(text)
    found = [] if number is None else [number]
    if isinstance(in_yaml, (int, float)) and repr(in_yaml) != repr(number):  # octal, or to the base of 60
        found.append(in_yaml)
    return found


def _as_kind(value: object, kinds: tuple[type, ...]) -> object:
    if not kinds or type(value) in kinds:
        return value
    if float in kinds and type(value) is int:
        if abs(value) > _LONGEST_EXACT and int(float(value)) != value:
            raise ValueError(f"{value} is not a float: the nearest one is {float(value):.0f}")
        return float(value)
    if int in kinds and type(value) is float and value.is_integer() and abs(value) <= _LONGEST_EXACT:
        return int(value)
    return AmbiguousError


def _is_word(text: str) -> bool:
    """Tell whether a text is nothing or a truth value for any reader."""
    return text in _NOTHING or text.lower() in ("true", "false")


def _may_be_text(text: str) -> bool:
    """Tell whether what reads as something else may be meant as a text: ids, times, names of countries."""
    switch = text in _SWITCHES and text.lower() not in ("true", "false")
    words = number_of(text) is not None and re.fullmatch(r"[-+]?[a-zA-Z]+", text.strip())
    return bool(switch or words or text == "None" or re.fullmatch(r"[-+]?0[0-9_]+", text.strip()))


def _in_yaml(text: str) -> object:
    """Return what YAML 1.1 makes of a scalar; dates stay texts, as papermill has it."""
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag.rpartition(":")[2] in ("null", "bool", "int", "float"):
        with suppress(ValueError):  # 0x_
            return loader.construct_object(yaml.ScalarNode(tag, text))
    return str(text)


def _read_part(value: object, kinds: tuple[type, ...], default: object, note: Callable) -> object:
    if isinstance(value, Written) and kinds and not (kinds == (str,) and _is_word(value)):
        noted: list[tuple[str, object]] = []
        read = _read_scalar(value, kinds, (), lambda *both: noted.append(both))
        if type(read) in kinds:
            for both in noted:
                note(*both)
            return read
    return read_value(value, (), default, (), note)


def _kind_of(value: object) -> tuple[type, ...]:
    return (type(value),) if isinstance(value, (bool, int, float, str)) else ()
