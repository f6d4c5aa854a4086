"""What is installed without the repository has the notebook of the repair, and says what it is."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mode_utils.repair.command import find_notebook
from mode_utils.support.notebook.page import describe_origin

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as a wheel has it, in an environment inside of somebody's repository."""
    source, project = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("project")
    for name in ("mode_utils", "notebooks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "executed"))
    for name in ("pyproject.toml", "setup.py", "requirements.txt", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    folder = project / ".venv/lib/site-packages"
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(folder)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (project / ".gitignore").write_text(".venv\n")
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "Somebody's own project"]):
        subprocess.run([*git, *arguments], check=True)
    return folder


def run_in(folder, code):
    environment = os.environ | {"PYTHONPATH": str(folder)}
    environment.pop("MODE_DATA_DIR", None)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_installation_finds_the_notebooks_beside_the_commands(installed):
    names = ("repair.ipynb", "choose.ipynb")
    code = f"from mode_utils.repair.command import find_notebook as find; print(*map(find, {names}), sep='\\n')"
    for name, found in zip(names, map(Path, run_in(installed, code).splitlines()), strict=True):
        assert installed in found.parents and found.read_bytes() == (ROOT / "notebooks" / name).read_bytes()
        assert find_notebook(name) == ROOT / "notebooks" / name


@pytest.mark.parametrize("folder", ["support/notebook/page_template", "repair/labelling/page", "visualization/page"])
def test_an_installation_has_the_files_of_each_page(installed, folder):
    made = {path.name for path in (ROOT / "mode_utils" / folder).iterdir()}
    assert {path.name for path in (installed / "mode_utils" / folder).iterdir()} == made


def test_a_missing_notebook_is_named(installed):
    code = "from mode_utils.repair.command import find_notebook as find; find('repair.ipynb').unlink()\n"
    code += "try: find('repair.ipynb')\nexcept FileNotFoundError as error: print(error)"
    said = run_in(shutil.copytree(installed, installed.parent / "broken"), code)
    assert said.startswith("the notebook of the command is missing: there is neither")


def test_an_installation_is_not_taken_for_the_repository_around_it(installed):
    expected = f"From version {version('mode_nn_debugging')} of mode_nn_debugging"
    assert describe_origin(installed / "mode_utils/repair") == expected


def test_an_installation_keeps_its_cache_at_home_and_says_where_it_looks_for_mnist(installed):
    code = "import mode_utils.data as d; print(d.DATA_DIR)\n"
    code += "try: d.load_dataset()\nexcept FileNotFoundError as error: print(error)"
    place, said = run_in(installed, code).splitlines()
    assert Path(place) == Path.home() / ".cache/mode_nn_debugging"
    assert said == f"{place}/mnist.npz is missing; it comes with the repository: let MODE_DATA_DIR name its data/"


def test_a_copy_that_is_not_installed_chooses_and_says_so(installed, tmp_path):
    code = """
import importlib.metadata as metadata, json, sys
from mode_utils.repair import choose_from_arrays, make_outputs_example
known = metadata.distribution
def lacking(name):
    if name == "mode_nn_debugging":
        raise metadata.PackageNotFoundError(name)
    return known(name)
metadata.distribution = lacking
choose_from_arrays(make_outputs_example(), 20, sys.argv[1])
print(json.load(open(sys.argv[1] + "/diagnosis.json"))["versions"]["mode_nn_debugging"])
"""
    said = run_in(installed, code.replace("sys.argv[1]", repr(str(tmp_path / "out")))).splitlines()
    assert said[-1] == "not installed"
