"""Plans on disk, held against each other: a table, the frontier, what drives the differences."""

from planner.runs._effects import drivers, with_dominance
from planner.runs._read import CRITERIA, Runs, read
from planner.runs._write import FILES, explained, files, labels, shown

__all__ = [
    "CRITERIA",
    "FILES",
    "Runs",
    "drivers",
    "explained",
    "files",
    "labels",
    "read",
    "shown",
    "with_dominance",
]
