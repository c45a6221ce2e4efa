"""Batches: a hundred scenarios of one territory, and a région of a hundred territories.

::

    python tests/benchmarks/batch.py scenarios
    python tests/benchmarks/batch.py region --territories 100 --plot docs/_static/region.svg
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Self

import matplotlib as mpl
import psutil
from harness import figure, print_table
from matplotlib.figure import Figure

from planner import Scenario
from planner.batch import Batch, batch

TESTS = Path(__file__).parents[1]
HUNDRED = tuple(
    Scenario(
        name=f"mini {mini}, structurants {large}, {mesh} min",
        mini_sites_max=mini,
        structuring_sites=large,
        mesh_min=float(mesh),
    )
    for mini in (2, 4, 6, 8, 10)
    for large in (1, 2, 3, 4)
    for mesh in (7, 8, 9, 10, 12)
)

# Some of the made-up territories have two places fit for a structuring site, and no third.
REGION = Scenario(name="région", structuring_sites=2)


class Memory:
    """The most that this process and its children hold together, and the largest of them."""

    def __enter__(self) -> Self:
        self.total = self.largest = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._over.wait(0.2):
            held = []
            for process in (me, *me.children(recursive=True)):
                try:
                    held.append(process.memory_info().rss)
                except psutil.Error:
                    continue
            self.total = max(self.total, sum(held))
            self.largest = max(self.largest, *held)


def scenarios(territory: str) -> None:
    """Print what a hundred scenarios of one territory take."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            out = Path(folder) / str(workers)
            found, took, held = _timed([territory], HUNDRED, out, workers=workers)
            whole = float(found.seconds.sum().sum())
            rows.append(
                (
                    f"{workers}", f"{len(found.seconds)}", figure(took),
                    figure(took / len(HUNDRED)), figure(100 * found.shared_seconds / whole),
                    f"{held.largest >> 20:,}",
                )
            )  # fmt: skip
            print(rows[-1], file=sys.stderr)
            changed = (*HUNDRED[:-1], HUNDRED[-1].model_copy(update={"mini_seats": 5}))
            again, took, held = _timed([territory], changed, out, workers=workers)
            assert len(again.seconds) == 1
            rows.append((f"{workers}, one changed", "1", figure(took), "", "", ""))
            print(found.seconds.mean().round(3).to_dict(), file=sys.stderr)
        apart, took, _ = _timed_apart(territory, HUNDRED[:10])
        rows.append(("each alone", f"{apart}", figure(took), figure(took / apart), "", ""))
    head = ("workers", "computed", "seconds", "seconds a scenario", "% in shared stages")
    print_table(f"100 scenarios of {territory}", (*head, "largest process, MiB"), rows)


def region(count: int, *, workers: int, plot: Path | None, home: Path) -> None:
    """Print, and draw, the cost of a territory as their number grows."""
    sys.path.insert(0, str(TESTS))
    from region import epci

    began = time.perf_counter()
    paths = [home / f"epci-{seed:03d}" for seed in range(count)]
    for seed, path in enumerate(paths):
        if not path.exists():
            epci(path, seed=seed)
    print(f"{count} territories made in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    sizes = [n for n in (10, 30, 100, 300) if n < count] + [count]
    rows, each = [], []
    for size in sizes:
        out = home / f"lot-{size}"
        shutil.rmtree(out, ignore_errors=True)
        found, took, held = _timed(paths[:size], (REGION,), out, workers=workers)
        each.append(took / size)
        rows.append(
            (
                f"{size}", figure(took), figure(took / size), f"{held.largest >> 20:,}",
                f"{held.total >> 20:,}", f"{int((found.runs['state'] == 'done').sum())}",
                f"{int(found.runs['proven'].sum())}",
            )
        )  # fmt: skip
        print(rows[-1], file=sys.stderr)
        shutil.rmtree(out, ignore_errors=True)
    head = ("territories", "seconds", "seconds a territory", "largest process, MiB", "all, MiB")
    print_table(
        f"A région of made-up EPCI of 35 communes, {workers} workers",
        (*head, "done", "proven"),
        rows,
    )
    if plot is not None:
        _draw(sizes, each, plot)


def _draw(sizes: list[int], each: list[float], path: Path) -> None:
    with mpl.rc_context({"svg.hashsalt": "planner", "svg.fonttype": "none", "font.size": 9}):
        figure_ = Figure(figsize=(6, 2.6), layout="constrained")
        axes = figure_.add_subplot()
        axes.plot(sizes, each, "o-", color="#0b4f6c")
        axes.set_xlabel("territories in the batch")
        axes.set_ylabel("seconds a territory")
        axes.set_ylim(0, 1.3 * max(each))
        axes.grid(visible=True, color="#dde3ea")
        figure_.savefig(path, metadata={"Date": None})


def _timed(
    paths: list[str | Path], asked: tuple[Scenario, ...], out: Path, *, workers: int
) -> tuple[Batch, float, Memory]:
    with Memory() as held:
        began = time.perf_counter()
        found = batch(paths, asked, out=out, workers=workers)
        took = time.perf_counter() - began
    assert found.failed.empty, found.failed["why"].to_list()
    return found, took, held


def _timed_apart(territory: str, asked: tuple[Scenario, ...]) -> tuple[int, float, None]:
    """Return what as many batches of one take, each with nothing to start from."""
    took = 0.0
    for scenario in asked:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            batch([territory], [scenario], out=folder)
            took += time.perf_counter() - began
    return len(asked), took, None


def main() -> None:
    """Run what is asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("scenarios", "region"))
    parser.add_argument("--territory", default="liechtenstein")
    parser.add_argument("--territories", type=int, default=100)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--home", type=Path, help="where made-up territories are kept")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    if chosen.what == "scenarios":
        scenarios(chosen.territory)
        return
    home = chosen.home or Path(tempfile.mkdtemp())
    home.mkdir(parents=True, exist_ok=True)
    region(chosen.territories, workers=chosen.workers, plot=chosen.plot, home=home)


if __name__ == "__main__":
    main()
