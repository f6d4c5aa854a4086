"""What travels between the driver and its workers; the driver imports no papermill, which takes seconds."""

from dataclasses import dataclass, field

from .manifest import sources_hash
from .stores import Store

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
                    "TF_NUM_INTEROP_THREADS")  # fmt: skip


@dataclass(frozen=True)
class Task:
    """All that a worker needs to run a cell; the notebook travels as text, so that workers need not share a disk."""

    sweep_id: str
    cell: str
    notebook: str
    fingerprint: dict
    parameters: dict
    outputs: tuple[str, ...]
    store: Store
    timeout: float | None = None
    environment: dict[str, str] = field(default_factory=dict)
    log_dir: str | None = None
    preload: tuple[str, ...] = ()
    sources: str = field(default_factory=sources_hash)


@dataclass(frozen=True)
class CellOutcome:
    """How a cell ended: `error` is None if it is complete; `place` is where its notebook is."""

    cell: str
    place: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    error: str | None = None
    traceback: tuple[str, ...] = ()
