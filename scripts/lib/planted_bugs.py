"""The list of planted bugs, docs/planted-bugs.md, as data; for scripts/plant-bugs and scripts/checks/planted-bugs."""

import re
from pathlib import Path
from typing import NamedTuple

PAGE = "docs/planted-bugs.md"


class Bug(NamedTuple):
    wrong: str     # what is wrong
    heard_by: list # kinds of tests, each of which must catch it


def listed(root):
    """{name: Bug} in the order of the page."""
    text = (Path(root) / PAGE).read_text()
    rows = re.finditer(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$", text, re.M)
    return {row[1]: Bug(row[2], row[3].split(", ")) for row in rows}
