"""From a file to a routable network: seconds and peak memory, a process a measure."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from harness import PEAK_MB, figure, print_table, version

RUNS = 3
_TIMED = """
import json, sys, time
{imports}
size = '-'
begin = time.perf_counter()
{work}
seconds = time.perf_counter() - begin
{peak}
print(json.dumps([seconds, peak_mb, size]))
"""


class Reader(NamedTuple):
    """One way to read: what to import beforehand, and the statements that are timed."""

    name: str
    distribution: str
    does: str
    imports: str
    work: str


def report(path: Path) -> None:
    """Print the table of one file."""
    with tempfile.TemporaryDirectory() as folder:
        xml, cache = Path(folder) / "roads.osm", Path(folder) / "kept"
        _write_xml(path, xml)
        readers = _readers(path, xml, cache)
        for reader in readers:
            measured(reader)  # once for the file cache of the system, and the planner's own
        runs = [[measured(reader) for reader in readers] for _ in range(RUNS)]
    ours = min(run[0][0] for run in runs)
    rows = []
    for column, reader in enumerate(readers):
        seconds = min(run[column][0] for run in runs)
        peak_mb = max(run[column][1] for run in runs)
        size = runs[0][column][2]
        rows.append(
            (
                reader.name,
                version(reader.distribution),
                *((figure(seconds), figure(seconds / ours)) if reader.work else "--"),
                figure(peak_mb),
                size,
                reader.does,
            )
        )
    header = ("reader", "version", "s", "peer / planner", "peak MB", "nodes / edges", "does")
    print_table(f"Reading {path.name}, {path.stat().st_size / 1e6:.2f} MB", header, rows)


def measured(reader: Reader) -> tuple[float, float, str]:
    """Run a reader in a process of its own; return seconds, peak megabytes, what it found."""
    if version(reader.distribution) == "not installed":
        return float("inf"), float("inf"), "not installed"
    code = _TIMED.format(imports=reader.imports, work=reader.work, peak=PEAK_MB)
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak_mb, size = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak_mb, size


def _readers(path: Path, xml: Path, cache: Path) -> list[Reader]:
    return [*_planner(path, cache), _osmnx(xml), _pyosmium(path), *_IMPORTS]


def _planner(path: Path, cache: Path) -> list[Reader]:
    """Return the planner's two readers, the second from what it kept."""
    calls = {
        f"read_osm({str(path)!r})": "all rules, geometry, times, components, ordered rows",
        f"read_cached({str(path)!r}, folder={str(cache)!r})": "the same, kept from an earlier run",
    }
    size = "roads.component; size = f'{roads.node_id.size} / {roads.out.node.size}'"
    return [
        Reader(
            f"planner, network.{call.split('(')[0]}",
            "planner",
            does,
            "from planner import network",
            f"roads = network.{call}; {size}",
        )
        for call, does in calls.items()
    ]


def _osmnx(xml: Path) -> Reader:
    return Reader(
        "OSMnx graph_from_xml + speeds + times",
        "osmnx",
        "from XML of the planner's ways, made beforehand; simplified; all components",
        "import osmnx as ox",
        f"g = ox.graph_from_xml({str(xml)!r}, retain_all=True)\n"
        "g = ox.add_edge_travel_times(ox.add_edge_speeds(g))\n"
        "size = f'{len(g)} / {g.number_of_edges()}'",
    )


def _pyosmium(path: Path) -> Reader:
    return Reader(
        "pyosmium alone",
        "osmium",
        "ways with positions, counted only: the floor of any reader in Python",
        "import osmium",
        f"every = osmium.FileProcessor({str(path)!r}, osmium.osm.NODE | osmium.osm.WAY)\n"
        "every = every.with_locations().with_filter(osmium.filter.KeyFilter('highway'))\n"
        "size = str(sum(len(item.nodes) for item in every if item.is_way())) + ' vertices'",
    )


_NOTHING = "memory before anything is read"
_IMPORTS = (
    Reader("imports alone: planner", "planner", _NOTHING, "from planner import network", ""),
    Reader("imports alone: OSMnx", "osmnx", _NOTHING, "import osmnx", ""),
)


def _write_xml(path: Path, xml: Path) -> None:
    """Write the ways that the planner keeps, and their nodes, as OpenStreetMap XML."""
    import osmium

    from planner import network

    ways = set(network.read_osm(path).way.tolist())
    with osmium.BackReferenceWriter(str(xml), ref_src=str(path), overwrite=True) as writer:
        for item in osmium.FileProcessor(str(path), osmium.osm.WAY):
            if item.id in ways:
                writer.add(item)
