"""Settings of a function with many options: few of them, in which each two values of two options come together once."""

from itertools import combinations


def all_pairs(**options):
    """Return settings, dicts from names to values, that hold each pair of values; equal each time.

    Parameters
    ----------
    **options : sequence
        The values of each option; a value is known by its place, so that it may be anything.
    """
    names = sorted(options, key=lambda name: -len(options[name]))
    places = {name: range(len(options[name])) for name in names}
    left = {((a, i), (b, j)): None for a, b in combinations(names, 2) for i in places[a] for j in places[b]}
    settings = []
    while left:
        setting = dict(next(iter(left)))
        for name in [name for name in names if name not in setting]:
            news = [sum(pair in left for pair in _pairs(names, setting, name, place)) for place in places[name]]
            setting[name] = news.index(max(news)) if any(news) else len(settings) % len(places[name])
        for pair in combinations([(name, setting[name]) for name in names], 2):
            left.pop(pair, None)
        settings.append({name: options[name][setting[name]] for name in options})
    return settings


def _pairs(names, setting, name, place):
    order = {each: number for number, each in enumerate(names)}
    return [tuple(sorted([(name, place), each], key=lambda one: order[one[0]])) for each in setting.items()]
