from dataclasses import fields

import numpy as np
import pytest

from mode_utils.options import DebugOptions
from mode_utils.repair import choose_from_arrays
from mode_utils.repair.outputs import make_outputs_example
from mode_utils.repair.reading.case_options import CaseOptions
from mode_utils.run_setup import RunSetup
from mode_utils.support.checks import check_choice, check_least, check_share

NUMBERS = [(kind, each.name, each.type) for kind in (DebugOptions, CaseOptions, RunSetup)
           for each in fields(kind) if each.type in (int, float)]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "type_"), NUMBERS, ids=lambda each: getattr(each, "__name__", each))
def test_every_option_that_is_a_number_names_what_is_none(kind, name, type_):
    for wrong in ("7", None, [7], float("nan"), -1, *([2.5, True] if type_ is int else [])):
        if wrong is None and kind is DebugOptions:
            continue  # as a change, it leaves what the preset says
        with pytest.raises(ValueError, match=f"{name} = "):
            kind(**{name: wrong})
    assert getattr(kind(**{name: np.float64(1) if type_ is float else np.int64(1)}), name) == 1


@pytest.mark.parametrize("given", [{"budget": "30"}, {"budget": 30.0}, {"budget": True}, {"seed": None}, {"seed": 0.0}])
def test_a_budget_or_a_seed_that_is_no_whole_number_is_named(given):
    name, value = next(iter(given.items()))
    with pytest.raises(ValueError, match=f"{name} = {value!r}; it must be a whole number"):
        choose_from_arrays(make_outputs_example(), **({"budget": 30} | given))


def test_values_at_the_ends_are_taken_and_those_beyond_are_named():
    check_least("n", np.int8(1), 1)
    check_least("rate", 0, 0, whole=False)
    for end in (0, 1, 0.0, np.float32(1)):
        check_share("share", end)
    with pytest.raises(ValueError, match=r"^n = 0; it must be at least 1$"):
        check_least("n", 0, 1)
    with pytest.raises(ValueError, match=r"^share = 1.5; it must lie in \[0, 1\]$"):
        check_share("share", 1.5)
    with pytest.raises(ValueError, match=r"unknown kind \['a'\]; choose from a, b"):
        check_choice("kind", ["a"], {"a": 1, "b": 2})
