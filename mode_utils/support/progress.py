"""A progress bar: one line in a terminal, one output that is kept up to date in a notebook."""

import io

from IPython import get_ipython
from IPython.display import display
from tqdm import tqdm


class _NotebookBar(tqdm):
    """Show the bar in one display: an executed copy would keep nothing but carriage returns or a widget."""

    def __init__(self, *args, **kwargs):
        self._handle = None
        super().__init__(*args, **kwargs, file=io.StringIO(), ncols=80, ascii=False)

    def display(self, msg=None, pos=None):
        """Replace the bar's text; tqdm calls this whenever the bar should be drawn."""
        text = {"text/plain": str(self) if msg is None else msg}
        if self._handle is None:
            self._handle = display(text, raw=True, display_id=True)
        elif text["text/plain"]:
            self._handle.update(text, raw=True)


def progress_bar(iterable, **options):
    """Return the iterable with a progress bar; `options` are tqdm's."""
    return (_NotebookBar if hasattr(get_ipython(), "kernel") else tqdm)(iterable, **options)
