"""Puts `notebooks/repair.ipynb` beside `mode-repair` when a wheel is built; all else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

NOTEBOOK = Path("notebooks/repair.ipynb")  # its one home: an editable installation reads it there
ROOM = "mode_utils/repair"


class BuildWithNotebook(build_py):
    """The modules of the package, and the notebook that a repair executes."""

    def run(self):
        """Copy the modules, and the notebook unless the installation is editable."""
        super().run()
        if not self.editable_mode:
            self.copy_file(str(NOTEBOOK), self._target())

    def get_outputs(self, include_bytecode=True):
        """List what is copied."""
        copied = [] if self.editable_mode else [self._target()]
        return [*super().get_outputs(include_bytecode), *copied]

    def get_source_files(self):
        """List what has to be in a source distribution."""
        return [*super().get_source_files(), str(NOTEBOOK)]

    def _target(self):
        return str(Path(self.build_lib, ROOM, NOTEBOOK.name))


setup(cmdclass={"build_py": BuildWithNotebook})
