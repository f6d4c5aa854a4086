import pytest

from mode_utils.repair.reading.case_options import CaseOptions


def test_options_of_a_case_and_of_its_preset_are_told_apart():
    how = CaseOptions.of({"pixels": "0..1", "temperature": 0.0, "epochs": 2})
    options = how.repair_options(40)
    assert (how.pixels, how.tolerance, how.changes) == ("0..1", 0.02, {"temperature": 0.0})
    assert (options.batch_size, options.max_iterations, options.epochs, options.temperature) == (40, 1, 2, 0.0)
    assert options.reference == "states" and options.selector == "error or margin"  # of recommended


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pixel": "0..1"}, "unknown option 'pixel'; choose from class_names, output, labels, pixels, .*temperature"),
        ({"pixels": "0..2"}, "unknown pixels '0..2'; choose from 0..1"),
        ({"max_iterations": 2}, "unknown option 'max_iterations'"),
        ({"tolerance": 2}, r"tolerance = 2; it must lie in \[0, 1\]"),
        ({"learning_rate": float("inf")}, "learning_rate = inf; it must be above 0 and finite"),
        ({"class_names": ["a", "a"]}, "the class name 'a' comes 2 times"),
    ],
)
def test_an_option_that_is_unknown_or_out_of_range_is_named_with_the_choices(given, message):
    with pytest.raises(ValueError, match=message):
        CaseOptions.of(given)
