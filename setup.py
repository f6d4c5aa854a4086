"""Puts the notebooks of `mode-repair` and `mode-choose` beside them in a wheel; all else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

NOTEBOOKS = ("notebooks/repair.ipynb", "notebooks/choose.ipynb")  # an editable installation reads them there
ROOM = "mode_utils/repair"


class BuildWithNotebooks(build_py):
    """The modules of the package, and the notebooks that its commands execute."""

    def run(self):
        """Copy the modules, and the notebooks unless the installation is editable."""
        super().run()
        for notebook, target in self._targets().items():
            self.copy_file(notebook, target)

    def get_outputs(self, include_bytecode=True):
        """List what is copied."""
        return [*super().get_outputs(include_bytecode), *self._targets().values()]

    def get_source_files(self):
        """List what has to be in a source distribution."""
        return [*super().get_source_files(), *NOTEBOOKS]

    def _targets(self):
        copied = () if self.editable_mode else NOTEBOOKS
        return {notebook: str(Path(self.build_lib, ROOM, Path(notebook).name)) for notebook in copied}


setup(cmdclass={"build_py": BuildWithNotebooks})
