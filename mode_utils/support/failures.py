"""How a command ends that fails: a sentence and an exit status; an unforeseen error leaves its traceback, too."""

import dis
import errno
import os
import platform
import re
import sys
import tempfile
import traceback
from pathlib import Path

from mode_utils.support.code_hash import versions

BAD_INPUT, CANNOT_WRITE, UNFORESEEN, INTERRUPTED = 2, 3, 4, 130  # exit status
PACKAGE = Path(__file__).resolve().parents[1]
_SAID = (ValueError, KeyError, OSError, ImportError)  # types of errors with words for a user
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def end_with(error, place):
    """Print what went wrong, here or in a notebook, and return the status; a traceback is kept beside `place`."""
    sentence = sentence_of(error)
    status = CANNOT_WRITE if cannot_write(error) else BAD_INPUT if is_foreseen(error) else UNFORESEEN
    if status == UNFORESEEN:
        sentence += f"; this was not foreseen, the traceback is in {keep_traceback(error, place)}"
    print(f"error: {sentence}", file=sys.stderr)
    return status


def is_foreseen(error):
    """Tell whether an error has words for the user: this package has raised it, or the system at a file."""
    if hasattr(error, "ename"):  # in a notebook's kernel
        return error.ename == "ParameterError" or _is_foreseen_in_kernel(error)
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
    """Tell whether an error is about disk space, memory or permission, here or in the text of a notebook's kernel."""
    of_kernel = getattr(error, "ename", None) in ("OSError", "PermissionError")
    said = of_kernel and any(os.strerror(code) in str(error) for code in _CANNOT_WRITE)
    return said or _name(error).endswith("MemoryError") or getattr(error, "errno", None) in _CANNOT_WRITE


def sentence_of(error):
    """Return what an error says in a line; of an unforeseen one its type, too."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if not error.filename else f"{error.strerror}: {error.filename}"
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text, name = _ANSI.sub("", text).strip(), _name(error)
    if is_foreseen(error) and not hasattr(error, "ename"):
        return text
    last = (text.splitlines() or ["without a word"])[-1].removeprefix(f"{name}: ")
    return last if is_foreseen(error) and name != "OSError" else f"{name}: {last}"


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
            file.write(_ANSI.sub("", "\n".join(lines)))
        return path
    return "no file, as none can be written"


def _name(error):
    return getattr(error, "ename", type(error).__name__)


def _is_foreseen_in_kernel(error):
    """Tell by the last frame that is shown whether the package raised the error."""
    if error.ename not in ("FileNotFoundError", "FileExistsError", *(kind.__name__ for kind in _SAID)):
        return False
    shown = _ANSI.sub("", "\n".join(getattr(error, "traceback", None) or [str(error)]))
    frames = re.split(r"^File ", shown, flags=re.MULTILINE)
    pointed = re.findall(r"^-+> *\d+ (.*)$", frames[-1], flags=re.MULTILINE)
    is_ours = re.match(rf".*{PACKAGE.name}[/\\]", frames[-1]) is not None
    is_raise = bool(pointed) and pointed[-1].lstrip().startswith("raise")
    return (is_ours and is_raise) or (error.ename != "ValueError" and "[Errno " in shown)
