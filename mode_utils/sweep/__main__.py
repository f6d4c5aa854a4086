"""Command line of the sweep: ``python -m mode_utils.sweep GRID.yml``."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from mode_utils.support.failures import INTERRUPTED, end_with
from mode_utils.support.notebook.values import Argument

from . import __doc__ as description
from .grid import Sweep, check_sweep, load_sweep
from .run import Options, describe_plan, list_cells, run_sweep
from .tasks import CellOutcome

_MUTED: list[int] = []  # a copy of the file that errors go to, while they are muted


def _build_parser() -> argparse.ArgumentParser:
    texts = dict(zip(("description", "epilog"), description.split("\n\n", 1), strict=True))
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m mode_utils.sweep", formatter_class=layout, **texts)
    add = parser.add_argument
    add("grid", type=Path, help="grid file")
    add("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="set a parameter or fix an axis")
    for option in fields(Options):
        add(f"--{option.name.replace('_', '-')}", default=option.default, **option.metadata)
    add("--dry-run", action="store_true", help="list the cells and what would be done")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit status, which `--help` lists."""
    arguments = sys.argv[1:] if arguments is None else arguments
    given = _build_parser().parse_args(arguments)
    options = Options(**{field.name: getattr(given, field.name) for field in fields(Options)})
    command = shlex.join(["python", "-m", "mode_utils.sweep", *(a for a in arguments if a != "--fresh")])
    try:
        sweep = load_sweep(given.grid, _overrides(given.p))
        check_sweep(sweep)
        listed = list_cells(sweep, options)
    except Exception as error:
        return end_with(error, given.grid.with_suffix(""))
    for note in sweep.notes:
        print(note)
    if given.dry_run:
        for cell, reason in listed:
            print(f"{cell.name}: {reason or 'up to date'}  {cell.parameters}")
        print(describe_plan(sweep, listed))
        return 0
    return _run(sweep, options, command)


def _run(sweep: Sweep, options: Options, command: str) -> int:
    try:
        failed = [outcome for outcome in run_sweep(sweep, options) if outcome.error]
    except KeyboardInterrupt:
        said = f"\ninterrupted; complete cells are kept, continue with: {command}\n"
        os.write(_MUTED[0], said.encode()) if _MUTED else sys.stderr.write(said)
        return INTERRUPTED
    except Exception as error:
        return end_with(error, options.output / sweep.name)
    if failed:
        print(describe_failures(failed, command), file=sys.stderr)
    return 1 if failed else 0


def describe_failures(failed: Sequence[CellOutcome], command: str) -> str:
    """List failed cells with their notebook and the end of their traceback, and say how to run only these again."""
    parts = [f"\n{len(failed)} failed:"]
    for outcome in failed:
        parts += [f"\n{outcome.cell}: {outcome.error}", f"  {outcome.place or 'no notebook was left'}"]
        parts += [f"    {line}" for line in outcome.traceback]
    parts.append(f"\nthere is no report from an incomplete sweep; run only what failed again with:\n  {command}")
    return "\n".join(parts)


def _overrides(given: Sequence[Sequence[str]]) -> list[tuple[str, Argument]]:
    for place, (name, value) in enumerate(given):
        if before := [earlier for known, earlier in given[:place] if known == name]:
            both = ", ".join([*before, value])
            raise ValueError(f"-p {name} is given twice: {both}; to sweep over an axis, -p {name} '[{both}]'")
    return [(name, Argument(value)) for name, value in given]


def _interrupt(*_: object) -> None:
    """Raise a KeyboardInterrupt, and mute what a cluster says at length that is interrupted while it starts."""
    if not _MUTED:
        _MUTED.append(os.dup(sys.stderr.fileno()))
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), sys.stderr.fileno())
    raise KeyboardInterrupt


def sweep_command() -> None:
    """Run the command line as a program of its own, ``mode-sweep``; a closed terminal, too, is treated as Ctrl-C."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    sys.exit(main())


if __name__ == "__main__":
    sweep_command()
