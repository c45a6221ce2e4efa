"""Run the benchmarks: ``python tests/benchmarks/run.py [FILE.osm.pbf …] [--only NAME …]``.

Without a file, the roads of the territory that ships with the planner. The peers are those of the
optional dependencies ``bench``; one that is not installed is named in the tables and left out.
Everything in a table runs in one process, in turns, and answers are compared before the clock
starts; a figure is the fastest of several runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import warnings
from pathlib import Path

import accuracy
import cold
import graphs
import growth
import isochrones
import matrix
import network
import one_to_many
import reading

NAMES = ("reading", "one_to_many", "matrix", "isochrones", "growth", "cold", "accuracy", "network")


def main() -> None:
    """Read the command line and run what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.osm.pbf")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--nodes", type=int, default=1_000_000, help="of the generated graph")
    parser.add_argument("--table", type=Path, help="folder of engine tables, as oracles.py writes")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    for path in chosen.files or [graphs.shipped_file()]:
        _on_file(path, chosen)
    if "one_to_many" in chosen.only and chosen.nodes:
        one_to_many.report(graphs.generated(chosen.nodes), minutes=10)
    if "growth" in chosen.only:
        growth.report()
    if "cold" in chosen.only:
        cold.report()
    if "network" in chosen.only:
        network.report()


def _on_file(path: Path, chosen: argparse.Namespace) -> None:
    """Run the benchmarks of one file."""
    if "reading" in chosen.only:
        reading.report(path)
    graph = graphs.read(path)
    if "one_to_many" in chosen.only:
        for minutes in (10, 30):
            one_to_many.report(graph, minutes=minutes)
    if "matrix" in chosen.only:
        matrix.report(graph)
    if "isochrones" in chosen.only:
        isochrones.report(graph)
    if "accuracy" in chosen.only:
        table = accuracy.SHIPPED_TABLE
        if chosen.table is not None:
            table = chosen.table / f"{path.name.split('.')[0]}.csv"
        if table.is_file() and (chosen.table is not None or path == graphs.shipped_file()):
            accuracy.report(path, table)
        else:
            print(f"\naccuracy: no table of engine times for {path}: make one with oracles.py")


if __name__ == "__main__":
    main()
