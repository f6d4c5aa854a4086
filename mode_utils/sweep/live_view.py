"""What is seen of a running sweep: one bar with counts, running cells and the time left."""

import time

from tqdm import tqdm

from .tasks import CellOutcome

SHOWN_NAMES = 2


class LiveView:
    """One bar on a terminal, one line a cell elsewhere (a log file).

    Parameters
    ----------
    total : int
        Cells to run.
    workers : int
        Cells that run at a time.
    """

    def __init__(self, total: int, workers: int):
        self.total, self.workers = total, workers
        self.done, self.failed = 0, 0
        self.durations: list[float] = []
        self.running: dict[str, float] = {}
        layout = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
        self.bar = tqdm(total=total, desc="cells", bar_format=layout, disable=None)

    def __enter__(self):
        """Show the bar."""
        return self

    def __exit__(self, *_):
        """Close the bar."""
        self.bar.close()

    def start(self, cell: str) -> None:
        """Note that a cell has started."""
        self.running[cell] = time.monotonic()

    def end(self, outcome: CellOutcome) -> None:
        """Note that a cell has ended, and tell of a failure at once."""
        self.running.pop(outcome.cell, None)
        self.done += 1
        self.failed += outcome.error is not None
        if outcome.error is None:  # a failure says little about how long the others take
            self.durations.append(outcome.seconds)
        state = f"failed: {outcome.error}" if outcome.error else f"done in {outcome.seconds:.1f} s"
        if self.bar.disable or outcome.error:
            tqdm.write(", ".join(filter(None, [f"[{self.done}/{self.total}] {outcome.cell} {state}", self._left()])))
        self.bar.update()
        self.tick()

    def tick(self) -> None:
        """Refresh the running cells and the time left."""
        names = list(self.running)
        more = f" and {len(names) - SHOWN_NAMES} more" if names[SHOWN_NAMES:] else ""
        parts = [
            self._left(),
            f"{self.failed} failed" if self.failed else "",
            f"running: {', '.join(names[:SHOWN_NAMES])}{more}",
        ]
        self.bar.set_postfix_str(", ".join(part for part in parts if part))

    def _left(self) -> str:
        """Estimate the time left from the mean of the cells done and the age of those that run."""
        if not self.durations:
            return ""
        mean = sum(self.durations) / len(self.durations)
        now = time.monotonic()
        started = sum(min(mean, now - since) for since in list(self.running.values()))
        left = max(0.0, mean * (self.total - self.done) - started) / self.workers
        return f"about {tqdm.format_interval(left)} left"
