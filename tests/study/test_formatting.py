import pandas as pd
import pytest
from made_runs import outcomes_of

from mode_utils.study.comparisons import compare_differences
from mode_utils.study.formatting import (
    dataset_title,
    format_comparison,
    interval,
    mean_interval,
    p_equals,
    p_value,
    points,
    pp,
    reader_table,
    significant,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0123, "+1.23"), (-0.0021, "-0.21"), (0, "0.00"), (-0.00001, "0.00"), (0.00004, "0.00"), (0.00006, "+0.01")],
)
def test_points_have_a_sign_unless_they_are_nothing(share, text):
    assert points(share) == text and pp(share) == f"{text} pp"


def test_the_ends_of_an_interval_are_written_alike_wherever_it_stands():
    row = {"mean": -0.0008, "low": -0.0021, "high": -0.00003}
    assert interval(row["low"], row["high"]) == "-0.21 to 0.00"
    as_tuple = next(pd.DataFrame([row]).itertuples())
    assert mean_interval(row) == mean_interval(as_tuple) == "-0.08 pp (-0.21 to 0.00)"


@pytest.mark.parametrize(("p", "text"), [(0.0004, "< 0.001"), (0.001, "0.001"), (0.0516, "0.052"), (1, "1.000")])
def test_a_p_value_is_never_nothing(p, text):
    assert p_value(p) == text
    assert p_equals(p) == (f"p {text}" if p < 0.001 else f"p = {text}")


def test_where_there_are_too_few_runs_for_a_p_there_is_none():
    assert p_value(float("nan")) == "\N{EN DASH}" and p_equals(float("nan")) == "too few runs for a p"


def test_a_comparison_is_written_in_points_with_units():
    outcomes = outcomes_of({"euclidean": 0.02, "manhattan": -0.02})
    compared = compare_differences(outcomes, "metric")
    text = format_comparison(compared)
    assert text["metric"].tolist() == ["euclidean", "manhattan"] and (text["runs"] == 20).all()
    assert text["difference (pp)"].tolist() == [points(mean) for mean in compared["mean"]]
    assert text["p, adjusted (Holm)"][0] == "< 0.001" and text["won (%)"][0] == f"{100 * compared['won'][0]:.0f}"
    assert not any(isinstance(value, float) for value in text.to_numpy().ravel())


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12"), (0.12345, "0.123"), (2244.4, "2,244"), (0.00001, "1.0e-05"), (-1.5, "-1.5"), (3.0, "3")],
)
def test_a_number_has_three_significant_digits(number, text):
    assert significant(number) == text


def test_a_table_for_readers_has_titles_units_and_no_nan():
    table = pd.DataFrame({
        "name": ["own", "x" * 90], "final": [0.93312, None], "mean": [0.0123, -0.002],
        "low": [0.01, -0.003], "high": [0.02, 0.001], "p_holm": [0.00001, 0.25], "won": [1.0, 0.5],
        "target_label": pd.array([5, None], dtype="Int64"), "ratio_of_it": [float("inf"), 2.5],
    })  # fmt: skip
    lines = reader_table(table).data.splitlines()
    header, own, other = ([cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:]))
    assert header == ["name", "after", "mean difference (pp)", "95% interval (pp)", "p, adjusted (Holm)", "runs won",
                      "label that got most", "ratio of it"]  # fmt: skip
    assert own == ["own", "93.3%", "+1.23", "+1.00 to +2.00", "< 0.001", "100.0%", "5", "never"]
    assert other == ["x" * 90, "\N{EN DASH}", "-0.20", "-0.30 to +0.10", "0.250", "50.0%", "\N{EN DASH}", "2.5"]


def test_a_dataset_has_the_name_that_readers_know_and_another_keeps_its_own():
    assert dataset_title("fashion_mnist") == "Fashion-MNIST" and dataset_title("own") == "own"
    assert dataset_title("cifar10, JPEG copies") == "CIFAR-10, JPEG copies"
    assert "| MNIST " in reader_table(pd.DataFrame({"dataset": ["mnist"]})).data


def test_ends_without_a_difference_of_accuracies_are_numbers_as_they_are():
    text = reader_table(pd.DataFrame({"needed": [220.0], "low": [154.9], "high": [379.4]})).data
    assert "155 |" in text and "379 |" in text and "pp" not in text


def test_the_interval_of_a_slope_is_not_written_in_percentage_points():
    rules = pd.DataFrame({"slope": [-0.8], "low": [-1.2], "high": [-0.43]})
    assert "-1.2 |" in reader_table(rules).data and "pp" not in reader_table(rules).data
