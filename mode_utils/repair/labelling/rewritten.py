"""What a spreadsheet has made of a text: 04 comes back as 4, 1-2 as 2-Jan, 1e5 as 100000, a long id as 1.23E+11."""

import re
import unicodedata
from decimal import Decimal
from functools import cached_property

from mode_utils.repair.reading.class_names import Names, places_by_key

_MONTHS = "jan ene gen|feb fev|mar mrz|apr abr avr|may mai mag|jun juin giu|jul juil lug|aug ago aou|sep set|"
_MONTHS += "oct okt ott|nov|dec dez dic"
_MONTHS = {name: number for number, names in enumerate(_MONTHS.split("|"), start=1) for name in names.split()}
_TRUTHS = dict.fromkeys(("true", "wahr", "vrai", "verdadero", "vero"), True)
_TRUTHS |= dict.fromkeys(("false", "falsch", "faux", "falso"), False)
_GROUPED = r"[1-9]\d{{0,2}}(?:(?P<sign>[{other}'’ \u00a0\u202f])\d{{3}})(?:(?P=sign)\d{{3}})*"
_NUMBER = r"(?P<sense>[+-]?)(?P<whole>\d+|" + _GROUPED + r")?(?:[{point}](?P<decimals>\d*))?"
_NUMBER += r"(?:e(?P<power>[+-]?\d{{1,3}}))?"
_FLAGS = re.IGNORECASE | re.ASCII
_NUMBERS = {point: re.compile(_NUMBER.format(point=point, other=other), _FLAGS) for point, other in (".,", ",.")}
_SIGN = r"\s*[-/. ]\s*"
_MIDNIGHT = r"(?:[ T]0?0:00(?::00(?:\.0+)?)?)?"
_TWO = re.compile(rf"(\d{{1,2}}){_SIGN}(\d{{1,2}})\.?", re.ASCII)
_THREE = re.compile(rf"(\d{{1,4}}){_SIGN}(\d{{1,2}}){_SIGN}(\d{{1,4}}){_MIDNIGHT}", re.ASCII)
_DAY_MONTH = re.compile(r"(\d{1,2})[-/. ]*([^\W\d_]{3,9})\.?(?:[-/., ]*(\d{2,4}))?", re.ASCII)
_MONTH_DAY = re.compile(r"([^\W\d_]{3,9})\.?[-/. ]*(\d{1,4})(?:[-/., ]+(\d{2,4}))?", re.ASCII)
_TIME = re.compile(r"(\d{1,4}):(\d{1,2})(?::(\d{1,2}))?\s*([ap]m)?", _FLAGS)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes a text that starts so for a formula
_EXACT_DIGITS = 15  # of a number, that a spreadsheet keeps


class Originals(Names):
    """Names that are found by what a spreadsheet may have made of them, too."""

    def named(self, cell):
        """Return the places of the names that a cell spells, an apostrophe and decimals that were added (8.0) aside."""
        return self.quoted(cell) or self.quoted(_without_decimals(cell))

    def quoted(self, cell):
        """Return the places of the names that a cell spells letter by letter, maybe behind an apostrophe."""
        exact = self.spelled(cell)
        if cell.startswith("'") and (not exact or cell[1:2] in FORMULA):
            return [*exact, *(place for place in self.spelled(cell[1:]) if place not in exact)]
        return exact

    def says(self, cell, place):
        """Tell whether a cell is the name at a place, letter by letter or as a spreadsheet writes it."""
        one = Originals([self[place]])
        return bool(one.quoted(cell) or one.alike(cell))

    def alike(self, cell):
        """Return the places of the names that a spreadsheet may have turned into a cell."""
        found = {place for reading in readings(cell, True) for place in self._meanings.get(reading, ())}
        if span := _rounded_span(cell):
            found |= {place for place, numbers in self._numbers if any(span[0] <= each <= span[1] for each in numbers)}
        return sorted(found)

    @cached_property
    def _meanings(self):
        return places_by_key(map(readings, self))

    @cached_property
    def _numbers(self):
        return [(place, found) for place, text in enumerate(self) if (found := set(numbers(text).values()))]


def numbers(text):
    """Return what number a text is, by the sign that divides decimals: "1.000" is 1 with a point, 1000 with a comma."""
    found = {point: pattern.fullmatch(text.strip()) for point, pattern in _NUMBERS.items()}
    return {point: _decimal(each) for point, each in found.items() if each and (each["whole"] or each["decimals"])}


def readings(text, from_spreadsheet=False):
    """Return all that a text may stand for, as a set of tuples; after a spreadsheet, a day may have gained its year."""
    text = unicodedata.normalize("NFD", text.strip().removeprefix("'")).casefold()
    text = "".join(sign for sign in text if not unicodedata.combining(sign))
    found = {("number", number) for number in numbers(text).values()} | _dates(text, from_spreadsheet)
    if time := _TIME.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in time.groups()[:3])
        hours = hours % 12 + 12 * (time[4] == "pm") if time[4] else hours
        found.add(("time", hours, minutes, seconds))
    truth = _TRUTHS.get(text)
    if from_spreadsheet and text in ("0", "1", "0.0", "1.0"):
        truth = text.startswith("1")
    return found if truth is None else found | {("truth", truth)}


def _without_decimals(text):
    """Return a number without the decimals that a spreadsheet has added: 8.0 and 8,0 are 8; 8.000 may be 8000."""
    whole, _, decimals = text.replace(",", ".").partition(".")
    return whole if whole.isdigit() and decimals and not decimals.strip("0") and len(decimals) != 3 else text


def _decimal(found):
    whole = re.sub(r"\D", "", found["whole"] or "0")
    return Decimal(f"{found['sense']}{whole}.{found['decimals'] or 0}e{found['power'] or 0}").normalize()


def _rounded_span(cell):
    """Return the least and the largest number that is written so, if a cell is a number that has been rounded."""
    found = _NUMBERS["." if "." in cell else ","].fullmatch(cell.strip())
    if not found or not found["whole"]:
        return None
    number, digits = _decimal(found), len(found["whole"])
    if found["power"]:
        unit = Decimal(10) ** (int(found["power"]) - len(found["decimals"] or ""))
        return number - unit / 2, number + unit / 2
    unit = Decimal(10) ** (digits - _EXACT_DIGITS)
    return (number - unit, number + unit) if digits > _EXACT_DIGITS else None


def _dates(text, from_spreadsheet):
    found = set()
    if two := _TWO.fullmatch(text):
        a, b = map(int, two.groups())
        found |= _days([(a, b), (b, a)]) or _months([(a, b)])
    if three := _THREE.fullmatch(text):
        a, b, c = map(int, three.groups())
        found |= _days([(b, c, a), (a, b, c), (b, a, c)], from_spreadsheet)
    for pattern, word, number in ((_DAY_MONTH, 2, 1), (_MONTH_DAY, 1, 2)):
        named = pattern.fullmatch(text)
        if named and (month := _MONTHS.get(named[word][:4]) or _MONTHS.get(named[word][:3])):
            day, year = int(named[number]), [int(named[3])] if named[3] else []
            found |= _days([(month, day, *year)], from_spreadsheet) or _months([(month, day)])
    return found


def _days(every, without_year=False):
    found = {("day", *each[:2], *(year % 100 for year in each[2:])) for each in every if _is_day(*each[:2])}
    return found | {each[:3] for each in found} if without_year else found


def _months(every):
    return {("month", month, year % 100) for month, year in every if 1 <= month <= 12}


def _is_day(month, day):
    return 1 <= month <= 12 and 1 <= day <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)
