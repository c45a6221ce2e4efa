"""The first minutes of a fresh process: with nothing compiled, and again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from harness import PEAK_MB, figure, print_table

RUNS = 3
_MINUTES = """
from planner import network, territory, travel
home = territory.read("liechtenstein")
roads = network.read_osm(home.roads_path)
travel.times(roads, home.residents.iloc[:5], home.premises.iloc[:3], cutoff_min=30)
"""
_COMMAND = """
import sys
from planner.cli import app
sys.argv[1:] = {arguments}
try:
    app()
except SystemExit as end:
    assert not end.code, end.code
"""
_WORKS = {
    "python, nothing else": "",
    "import planner": "import planner",
    "import planner.travel": "import planner.travel",
    "the same and the compiled search": "import planner.network._search",
    "first minutes: import, read, search": _MINUTES,
    "planner --help": _COMMAND.format(arguments=["--help"]),
    "planner plan": _COMMAND.format(arguments=["plan", "--overwrite", "--out", "plan"]),
}


def report() -> None:
    """Print the table: cold once, then the fastest of three warm runs."""
    rows = []
    for name, work in _WORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            (cold, peak), *again = [_run(work, folder) for _ in range(1 + RUNS)]
        warm = min(seconds for seconds, _ in again)
        peak = max(peak, *(peak for _, peak in again))
        once = f"{max(cold - warm, 0.0):.2f}"
        rows.append((name, f"{cold:.2f}", f"{warm:.2f}", once, figure(peak)))
    header = ("fresh process", "cold s", "warm s", "paid once s", "peak MB")
    print_table("Cold start: an empty cache of compiled code, then a full one", header, rows)


def _run(work: str, folder: str) -> tuple[float, float]:
    """Run Python in a process of its own; return seconds and peak megabytes."""
    command = [sys.executable, "-W", "ignore", "-c", work + PEAK_MB + "print(peak_mb)"]
    begin = time.perf_counter()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**os.environ, "NUMBA_CACHE_DIR": folder},
    )
    return time.perf_counter() - begin, float(done.stdout.splitlines()[-1])
