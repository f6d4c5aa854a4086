"""Copy the tables of the reference sweeps into the README and the pages beside this file: ``make readme``.

A table goes between the lines ``<!-- table: data/results/... -->`` and ``<!-- end of table -->``.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def with_tables(text, root=ROOT):
    """Return the text of a page with each of its tables as it is now."""
    return TABLE.sub(lambda found: f"{found[1]}\n{(root / found[2]).read_text()}\n{found[3]}", text)


if __name__ == "__main__":
    for page in PAGES:
        text = page.read_text()
        if with_tables(text) != text:
            page.write_text(with_tables(text))
            print(f"{page.relative_to(ROOT)} has new tables")
