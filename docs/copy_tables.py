"""Copy the tables of the reference sweeps into the README and the pages beside this file: ``make readme``.

A table goes between the lines ``<!-- table: data/results/... -->`` and ``<!-- end of table -->``. The files of the
package, each with the first line of its docstring, go between ``<!-- list of files -->`` and ``<!-- end of list -->``.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
FILES = re.compile(r"(<!-- list of files -->\n).*?(<!-- end of list -->)", re.DOTALL)


def with_tables(text, root=ROOT, tables=ROOT):
    """Return the text of a page with each of its tables as it is now, in a copy of the repository or of its tables."""
    text = FILES.sub(lambda found: f"{found[1]}\n{files_table(root)}\n{found[2]}", text)
    return TABLE.sub(lambda found: f"{found[1]}\n{(tables / found[2]).read_text()}\n{found[3]}", text)


def files_table(root=ROOT):
    """Return a table of the package's files, room after room, each with what its docstring says first."""
    files = sorted((root / "mode_utils").rglob("*.py"), key=lambda path: (path.parent, path.stem != "__init__", path))
    rows = ["| file | what it does |", "|---|---|"]
    for path in files:
        name = path.relative_to(root / "mode_utils").as_posix().removesuffix("__init__.py") or "mode_utils/"
        says = ast.get_docstring(ast.parse(path.read_text())).split("\n", 1)[0].removesuffix(".")
        rows.append(f"| {f'**{name}**' if name.endswith('/') else f'`{name}`'} | {says} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    for page in PAGES:
        text = page.read_text()
        if with_tables(text) != text:
            page.write_text(with_tables(text))
            print(f"{page.relative_to(ROOT)} has new tables")
