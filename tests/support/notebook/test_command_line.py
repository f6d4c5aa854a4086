"""The options of a command are the parameters of its notebook."""

import argparse
from pathlib import Path

import nbformat
import pytest
from bench import make_notebook

from mode_utils.support.notebook.command_line import add_options, read_options
from mode_utils.support.notebook.parameters import declared_parameters

pytestmark = pytest.mark.slow

CELL = """
data_path = ""  # an .npz file; "" makes an example
class_names = []  # names of the labels; [] takes the numbers
budget = 100  # samples to add
preset = "recommended"  # one of: recommended, adaptive; original needs a model
rate = 0.0  # of the retraining, in 100%; 0 takes the model's own
even_if_weak = False  # go on
seed = 0  # of what is drawn
output_dir = (
    ""  # where it goes
)
"""
CHANGES = {
    "data_path": {"flags": [], "metavar": "data", "type": Path},
    "output_dir": {"flags": [], "metavar": "folder", "nargs": "?", "type": Path},
    "budget": {"required": True},
    "seed": {"flags": ["--start"]},
}


@pytest.fixture
def parse():
    declared = declared_parameters(nbformat.writes(make_notebook(parameters=CELL)), "n.ipynb")
    parser = argparse.ArgumentParser(prog="mode-x")
    add_options(parser, declared, CHANGES)
    return parser, lambda *given: read_options(parser.parse_args(given), declared, "mode-x")


def test_what_is_given_becomes_parameters_and_what_is_not_stays_with_the_notebook(parse):
    assert parse[1]("data.npz", "--budget", "7") == {"data_path": str(Path("data.npz").resolve()), "budget": 7}
    assert parse[1]("d", "out", "--budget", "7")["output_dir"] == str(Path("out").resolve())
    given = parse[1]("d", "--budget", "7", "--class-names", "a,b", "--even-if-weak", "--rate", "0.5", "--start", "3")
    assert given["class_names"] == ["a", "b"] and given["even_if_weak"] and given["rate"] == 0.5 and given["seed"] == 3
    assert parse[1]("d", "--budget", "7", "--class-names", "", "--start", "0")["class_names"] == []


def test_help_has_choices_and_what_is_taken_by_default(parse):
    text = " ".join(parse[0].format_help().split())
    assert "an .npz file" in text and "makes an example" not in text and "samples to add --preset" in text
    assert "names of the labels (default: the numbers)" in text and "where it goes" in text
    assert "recommended, adaptive; original needs a model (default: recommended)" in text
    assert "in 100% (default: the model's own)" in text and "of what is drawn" in text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--preset", "best"], "mode-x: --preset = 'best' is not one of: recommended, adaptive; original needs a mod"),
        (["--rate", "0"], "mode-x: --rate 0.0: leave it out for the model's own"),
    ],
)
def test_a_wrong_option_is_named_with_its_choices(parse, given, message):
    with pytest.raises(ValueError, match=message):
        parse[1]("d", "--budget", "7", *given)


@pytest.mark.parametrize("given", [["d"], ["d", "--budget", "x"], ["d", "--budget", "1", "--unknown", "1"]])
def test_what_is_not_an_option_ends_with_the_usage(parse, given, capsys):
    with pytest.raises(SystemExit):
        parse[1](*given)
    assert "usage: mode-x" in capsys.readouterr().err
