"""What every benchmark shares: taking turns at the clock, equal results first, plain tables."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Work: TypeAlias = Callable[[], object]
Reach: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]

_LEAST_RUNS = 3
_BAR = "-"

PEAK_MB = """
import pathlib
status = pathlib.Path("/proc/self/status")
words = status.read_text().split() if status.exists() else ["VmHWM:", "nan"]
peak_mb = float(words[words.index("VmHWM:") + 1]) / 1024
"""  # what a process runs at its end to know its peak; the parent's count would include the parent


@dataclass(frozen=True)
class Agreement:
    """How far one engine's answer is ours, over all pairs that either of the two found.

    Attributes
    ----------
    pairs
        Pairs found by either.
    agreed
        Pairs found by both with times that differ by no more than the tolerance.
    worst_ds
        Largest difference of a pair that both found, tenths of a second.
    """

    pairs: int
    agreed: int
    worst_ds: float

    def __str__(self) -> str:
        """Say it in a table's cell."""
        if self.pairs == self.agreed:
            return "equal" if self.worst_ds < 0.01 else f"equal to {self.worst_ds / 10:.1f} s"
        return f"{100 * self.agreed / self.pairs:.2f} % equal"


def agreement(ours: Sequence[Reach], theirs: Sequence[Reach], *, tolerance_ds: float) -> Agreement:
    """Compare two answers, source by source: the nodes reached, then the times.

    A pair that only one of the two found counts as a disagreement, unless its time lies within
    the tolerance of the cutoff, which is the caller's to cut off.
    """
    pairs = agreed = 0
    worst = 0.0
    for (node, ds), (their_node, their_ds) in zip(ours, theirs, strict=False):
        both, at, their_at = np.intersect1d(node, their_node, return_indices=True)
        gap = np.abs(ds[at] - their_ds[their_at])
        pairs += node.size + their_node.size - both.size
        agreed += int((gap <= tolerance_ds).sum())
        worst = max(worst, float(gap.max(initial=0.0)))
    return Agreement(pairs, agreed, worst)


def best_seconds(works: Mapping[str, Work], *, budget_s: float = 4.0) -> dict[str, float]:
    """Return the fastest run of each piece of work; they take turns, so that noise is shared.

    Parameters
    ----------
    works
        What to run, by name.
    budget_s
        Work that has used this much time gets no further turn, after three turns at least
        (one, if that alone was over the budget).
    """
    runs: dict[str, list[float]] = {name: [] for name in works}
    waiting = list(works)
    while waiting:
        for name in waiting:
            begin = time.perf_counter()
            works[name]()
            runs[name].append(time.perf_counter() - begin)
        waiting = [name for name in waiting if _wants_more(runs[name], budget_s)]
    return {name: min(taken) for name, taken in runs.items()}


def _wants_more(taken: Sequence[float], budget_s: float) -> bool:
    if sum(taken) < budget_s:
        return len(taken) < 50
    return len(taken) < _LEAST_RUNS and taken[0] < budget_s


def print_table(
    title: str, header: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1
) -> None:
    """Print an aligned table: the first `words` columns and ``does`` to the left, numbers right."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    cells.insert(1, [_BAR * width for width in widths])
    print(f"\n## {title}\n")
    for row in cells:
        aligned = [
            cell.ljust(width) if column < words or heading == "does" else cell.rjust(width)
            for column, (cell, width, heading) in enumerate(zip(row, widths, header, strict=True))
        ]
        print("| " + " | ".join(aligned) + " |", flush=True)


def version(distribution: str) -> str:
    """Return the version of an installed distribution, or say that it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def figure(value: float, digits: int = 3) -> str:
    """Return a number with some significant digits and no exponent."""
    if not np.isfinite(value):
        return "-"
    places = 0 if value == 0 else max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))
    return f"{value:,.{places}f}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what compiled libraries write to the terminal nowhere."""
    sys.stdout.flush()
    kept, nowhere = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        yield
    finally:
        for stream, was in zip((1, 2), kept, strict=True):
            os.dup2(was, stream)
        for handle in (*kept, nowhere):
            os.close(handle)
