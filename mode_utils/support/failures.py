"""How a command ends that fails: a sentence and an exit status; an unforeseen error leaves its traceback, too."""

import dis
import errno
import platform
import sys
import tempfile
import traceback
from pathlib import Path

from mode_utils.support.code_hash import versions

BAD_INPUT, CANNOT_WRITE, UNFORESEEN, INTERRUPTED = 2, 3, 4, 130  # exit status
PACKAGE = Path(__file__).resolve().parents[1]
_SAID = (ValueError, KeyError, OSError, ImportError)  # types of errors with words for a user
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def end_with(error, place):
    """Print what went wrong, and return the status; a traceback is kept beside `place`."""
    sentence = sentence_of(error)
    status = CANNOT_WRITE if cannot_write(error) else BAD_INPUT if is_foreseen(error) else UNFORESEEN
    if status == UNFORESEEN:
        sentence += f"; this was not foreseen, the traceback is in {keep_traceback(error, place)}"
    print(f"error: {sentence}", file=sys.stderr)
    return status


def is_foreseen(error):
    """Tell whether an error has words for the user: this package has raised it, or the system at a file."""
    if isinstance(error, OSError) and error.errno:
        return True
    if not error.__traceback__ or not isinstance(error, _SAID):
        return False
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    code = last.tb_frame.f_code
    is_raise = code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return is_raise and PACKAGE in Path(code.co_filename).resolve().parents


def cannot_write(error):
    """Tell whether an error is about disk space, memory or permission."""
    return isinstance(error, MemoryError) or getattr(error, "errno", None) in _CANNOT_WRITE


def sentence_of(error):
    """Return what an error says in a line; of an unforeseen one its type, too."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if not error.filename else f"{error.strerror}: {error.filename}"
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    last = (text.strip().splitlines() or ["without a word"])[-1]
    return text.strip() if is_foreseen(error) else f"{type(error).__name__}: {last}"


def keep_traceback(error, place):
    """Write the traceback of an error to a new file beside a place, or where temporary files go; return its path."""
    place = Path(place).resolve()
    lines = [f"{platform.platform()}, {versions()}", " ".join(sys.argv), "", *traceback.format_exception(error)]
    for folder in (place.parent, None):
        try:
            handle, path = tempfile.mkstemp(".txt", f"{place.name}-traceback-", folder)
        except OSError:
            continue
        with open(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write("\n".join(lines))
        return path
    return "no file, as none can be written"
