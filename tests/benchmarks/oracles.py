"""Reference car travel times of OSRM and Valhalla, to calibrate a speed profile against.

For every OpenStreetMap extract, pairs of road junctions are drawn and both engines are asked for
the car journey between them. The answer is one table an extract, ``DIR/<extract-stem>.csv``::

    origin_lon,origin_lat,destination_lon,destination_lat,osrm_s,osrm_m,valhalla_s,valhalla_m

Seconds and metres are empty where an engine finds no route. A pair with an end farther than 50 m
from every road an engine would use is left out.

Environment
-----------
Both engines publish wheels for Python 3.12 and newer only, so this script has an environment of
its own and imports nothing of the project::

    python3.12 -m venv env && env/bin/pip install osrm-bindings pyvalhalla osmium numpy
    env/bin/python tests/benchmarks/oracles.py area.osm.pbf --out tables --pairs 2000

Written with Python 3.12.1, osrm-bindings 26.10.0, pyvalhalla 3.9.1, osmium 4.3.2, numpy 2.5.5.

What the engines count
----------------------
OSRM, profile ``car.lua`` of its wheel
    A speed per road class, or 0.8 of a tagged ``maxspeed``; a cap by surface, track grade and
    smoothness; at junctions of three arms and more a sigmoid of the turning angle (7.5 s at most,
    0.01 s straight on) and up to 2 s for a turn across the oncoming traffic; 2 s a traffic signal
    or stop sign, 1 s a give-way sign, 60 s a gate, 20 s more for a U-turn. The route is the one of
    least weight, in which narrow and service roads weigh more than their seconds.
Valhalla, costing ``auto`` with its default options
    A speed per road class, lower where roads are dense, or a tagged ``maxspeed`` in full; half the
    class speed on rough surfaces, 5 or 10 km/h less where the speed is tagged; the older sigmoid
    of OSRM without the oncoming traffic, 2 s a traffic signal, 30 s a gate. The route is the one
    of least cost, which adds preferences and manoeuvre penalties that are not part of the seconds.

Neither knows the traffic of the hour, nor any country's own rules. Valhalla drives on the right
everywhere; OSRM asks its index of driving sides.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
from collections import Counter
from importlib.metadata import version
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import osmium
import osrm
import valhalla

if TYPE_CHECKING:
    from types import ModuleType

HIGHWAYS = frozenset(
    "motorway motorway_link trunk trunk_link primary primary_link secondary secondary_link "
    "tertiary tertiary_link unclassified residential living_street".split()
)
ACCESS_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
OPEN_ACCESS = frozenset({"yes", "permissive", "designated", "public"})
COLUMNS = (
    "origin_lon,origin_lat,destination_lon,destination_lat,osrm_s,osrm_m,valhalla_s,valhalla_m"
).split(",")
SNAP_METRES = 50
NO_EDGE_NEARBY = 171  # Valhalla's code for a location without a usable road

Point = tuple[float, float]
Pair = tuple[Point, Point]


class TooFarError(Exception):
    """An end of the pair lies farther than `SNAP_METRES` from every road of the engine."""


class Journey(NamedTuple):
    """One engine's answer.

    Attributes
    ----------
    seconds : float or None
        Duration of the journey, None without a route.
    metres : float or None
        Length of the journey, None without a route.
    """

    seconds: float | None = None
    metres: float | None = None


class Engine(Protocol):
    """Anything that can drive from one point to another."""

    def drive(self, pair: Pair) -> Journey:
        """Return the journey of a pair, empty without a route."""
        ...


class Osrm:
    """OSRM on one extract, contracted with the car profile of its own wheel.

    Parameters
    ----------
    extract : Path
        The roads, sorted ``.osm.pbf``.
    folder : Path
        Where the engine's files go.
    """

    def __init__(self, extract: Path, folder: Path) -> None:
        profile = Path(osrm.__file__).parent / "share" / "profiles" / "car.lua"
        graph = folder / "roads.osrm"
        one = ["--threads", "1"]
        run(osrm, "osrm-extract", "-p", profile, "-o", graph, *one, extract)
        run(osrm, "osrm-contract", *one, graph)
        self._engine = osrm.OSRM(storage_config=str(graph), algorithm="CH", use_shared_memory=False)

    def drive(self, pair: Pair) -> Journey:
        """Return the car journey of one pair.

        Parameters
        ----------
        pair : Pair
            Origin and destination, longitude first.

        Returns
        -------
        Journey
            Duration and length, empty without a route.

        Raises
        ------
        TooFarError
            If an end has no road within `SNAP_METRES`.
        """
        question = osrm.RouteParameters(
            coordinates=list(pair), radiuses=[SNAP_METRES] * 2, overview="false"
        )
        try:
            route = self._engine.Route(question)["routes"][0]
        except RuntimeError as error:
            if "NoSegment" in str(error):
                raise TooFarError from error
            if "NoRoute" in str(error):
                return Journey()
            raise
        return Journey(route["duration"], route["distance"])


class Valhalla:
    """Valhalla on one extract, costing ``auto`` with its default options.

    Parameters
    ----------
    extract : Path
        The roads, sorted ``.osm.pbf``.
    folder : Path
        Where the engine's files go.
    """

    def __init__(self, extract: Path, folder: Path) -> None:
        tiles = folder / "tiles"
        tiles.mkdir()
        config = valhalla.get_config(tile_extract="", tile_dir=tiles)
        config["mjolnir"] |= {"concurrency": 1, "timezone": "", "landmarks": ""}
        config["mjolnir"]["admin"] = str(folder / "countries.sqlite")
        settings = folder / "valhalla.json"
        settings.write_text(json.dumps(config), encoding="utf-8")
        run(valhalla, "valhalla_build_admins", "-c", settings, write_country(folder))
        run(valhalla, "valhalla_build_tiles", "-c", settings, extract)
        self._actor = valhalla.Actor(config)

    def drive(self, pair: Pair) -> Journey:
        """Return the car journey of one pair.

        Parameters
        ----------
        pair : Pair
            Origin and destination, longitude first.

        Returns
        -------
        Journey
            Duration and length, empty without a route.

        Raises
        ------
        TooFarError
            If an end has no road within `SNAP_METRES`.
        """
        places = [{"lon": x, "lat": y, "search_cutoff": SNAP_METRES} for x, y in pair]
        question = {"locations": places, "costing": "auto", "directions_type": "none"}
        try:
            summary: dict[str, Any] = self._actor.route(question)["trip"]["summary"]
        except valhalla.ValhallaError as error:
            if error.code == NO_EDGE_NEARBY:
                raise TooFarError from error
            return Journey()
        return Journey(summary["time"], summary["length"] * 1000)


def run(package: ModuleType, program: str, *arguments: str | Path) -> None:
    """Run one of the programs in an engine's wheel, showing its output if it fails.

    Parameters
    ----------
    package : ModuleType
        The engine's package.
    program : str
        Name of the program.
    *arguments : str or Path
        Its arguments.
    """
    command = [f"{Path(package.__path__[0]) / 'bin' / program}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def write_country(folder: Path) -> Path:
    """Write one made country around the world, for Valhalla to drive on the right in.

    Without an administrative database Valhalla drives on the left, so that its seconds of left
    and right turns are exchanged.

    Parameters
    ----------
    folder : Path
        Where the file goes.

    Returns
    -------
    Path
        An ``.osm.pbf`` file with the country's border.
    """
    path = folder / "country.osm.pbf"
    corners = [(-179, -80), (179, -80), (179, 80), (-179, 80)]
    tags = {"type": "boundary", "boundary": "administrative", "admin_level": "2", "name": "Made"}
    made = osmium.osm.mutable
    with osmium.SimpleWriter(str(path)) as writer:
        for number, corner in enumerate(corners, start=1):
            writer.add(made.Node(id=number, version=1, location=corner))
        writer.add(made.Way(id=1, version=1, nodes=[1, 2, 3, 4, 1]))
        writer.add(made.Relation(id=1, version=1, members=[("w", 1, "outer")], tags=tags))
    return path


def is_drivable(tags: osmium.osm.TagList) -> bool:
    """Tell whether a way is a road of `HIGHWAYS` that is open to every car.

    Parameters
    ----------
    tags : osmium.osm.TagList
        The way's tags.

    Returns
    -------
    bool
        True if pairs may start or end on the way.
    """
    access = next((tags[key] for key in ACCESS_KEYS if key in tags), "yes")
    return tags.get("highway") in HIGHWAYS and tags.get("area") != "yes" and access in OPEN_ACCESS


def read_junctions(extract: Path) -> list[Point]:
    """Return where drivable roads meet or end, within their largest connected part.

    Parameters
    ----------
    extract : Path
        The roads.

    Returns
    -------
    list of Point
        The junctions, in the order of their OpenStreetMap node numbers.
    """
    points: dict[int, Point] = {}
    uses: Counter[int] = Counter()
    links: dict[int, set[int]] = {}
    for way in osmium.FileProcessor(extract, osmium.osm.NODE | osmium.osm.WAY).with_locations():
        if not isinstance(way, osmium.osm.Way) or not is_drivable(way.tags):
            continue
        points.update((node.ref, (node.lon, node.lat)) for node in way.nodes)
        nodes = [node.ref for node in way.nodes]
        uses.update([*nodes, nodes[0], nodes[-1]])  # an end counts twice
        for one, other in pairwise(nodes):
            links.setdefault(one, set()).add(other)
            links.setdefault(other, set()).add(one)
    return [points[node] for node in sorted(largest_part(links)) if uses[node] > 1]


def largest_part(links: dict[int, set[int]]) -> set[int]:
    """Return the largest connected part of a network, directions ignored.

    Parameters
    ----------
    links : dict of int to set of int
        The neighbours of every node.

    Returns
    -------
    set of int
        The nodes of the part; of two equally large ones the part met first.
    """
    largest: set[int] = set()
    seen: set[int] = set()
    for start in links:
        if start in seen:
            continue
        part, stack = {start}, [start]
        while stack:
            fresh = links[stack.pop()] - part
            part |= fresh
            stack.extend(fresh)
        seen |= part
        largest = max(largest, part, key=len)
    return largest


def draw_pairs(junctions: list[Point], count: int, seed: int) -> list[Pair]:
    """Draw distinct pairs of different junctions, the same ones for the same seed.

    Parameters
    ----------
    junctions : list of Point
        Where journeys start and end.
    count : int
        How many pairs to draw; fewer come back if there are not as many.
    seed : int
        Seed of the random generator.

    Returns
    -------
    list of Pair
        The pairs, sorted by the junctions' order.
    """
    size = len(junctions)
    possible = size * (size - 1)
    chosen = np.random.default_rng(seed).choice(possible, min(count, possible), replace=False)
    pairs = []
    for number in sorted(chosen.tolist()):
        origin, step = divmod(number, size - 1)
        pairs.append((junctions[origin], junctions[step + (step >= origin)]))
    return pairs


def read_pairs(table: Path) -> list[Pair]:
    """Return the pairs of a table written before.

    Parameters
    ----------
    table : Path
        A csv file with at least the first four of `COLUMNS`.

    Returns
    -------
    list of Pair
        The pairs in the order of the file.
    """
    with table.open(encoding="utf-8", newline="") as file:
        rows = [[float(row[column]) for column in COLUMNS[:4]] for row in csv.DictReader(file)]
    return [((x, y), (u, v)) for x, y, u, v in rows]


def prepare(extract: Path, folder: Path) -> Path:
    """Write an extract as a sorted ``.osm.pbf`` whose ways have all their nodes.

    Extracts cut at a frame name nodes they do not hold. Valhalla then drops the whole way and OSRM
    does not, so a way is shortened to its longest run of known nodes for both.

    Parameters
    ----------
    extract : Path
        An ``.osm``, ``.osm.gz``, ``.osm.bz2`` or ``.osm.pbf`` file.
    folder : Path
        Where the copy goes.

    Returns
    -------
    Path
        The copy.
    """
    ordered, complete = folder / "ordered.osm.pbf", folder / "roads.osm.pbf"
    reader = osmium.MergeInputReader()
    reader.add_file(str(extract))
    with osmium.SimpleWriter(str(ordered)) as writer:
        reader.apply(writer)
    with osmium.SimpleWriter(str(complete)) as writer:
        for thing in osmium.FileProcessor(ordered).with_locations():
            if not isinstance(thing, osmium.osm.Way):
                writer.add(thing)
            elif len(run := longest_known(thing)) > 1:
                writer.add(thing.replace(nodes=run))
    return complete


def longest_known(way: osmium.osm.Way) -> list[int]:
    """Return the longest run of a way's nodes whose places are known.

    Parameters
    ----------
    way : osmium.osm.Way
        The way, read with locations.

    Returns
    -------
    list of int
        Node numbers in the way's order, the first of equally long runs.
    """
    runs = groupby(way.nodes, key=lambda node: node.location.valid())
    return max(([node.ref for node in run] for known, run in runs if known), key=len, default=[])


def ask(engines: list[Engine], pair: Pair) -> list[str] | None:
    """Return the row of one pair, or None if an engine has no road near one of its ends.

    Parameters
    ----------
    engines : list of Engine
        The engines, in the order of the columns.
    pair : Pair
        Origin and destination.

    Returns
    -------
    list of str or None
        Degrees to 7 decimals, seconds and metres to 0.1.
    """
    try:
        journeys = [engine.drive(pair) for engine in engines]
    except TooFarError:
        return None
    numbers = [number for journey in journeys for number in journey]
    return [f"{degrees:.7f}" for point in pair for degrees in point] + [
        "" if number is None else f"{number:.1f}" for number in numbers
    ]


def tabulate(extract: Path, arguments: argparse.Namespace) -> None:
    """Ask both engines about one extract and write its table.

    Parameters
    ----------
    extract : Path
        The roads.
    arguments : argparse.Namespace
        The command line.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        roads = prepare(extract, folder)
        if arguments.given:
            pairs = read_pairs(arguments.given)
        else:
            pairs = draw_pairs(read_junctions(roads), arguments.pairs, arguments.seed)
        engines: list[Engine] = [Osrm(roads, folder), Valhalla(roads, folder)]
        rows = [row for pair in pairs if (row := ask(engines, pair))]
    arguments.out.mkdir(parents=True, exist_ok=True)
    table = arguments.out / f"{extract.name.partition('.')[0]}.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *rows])
    print(f"{table}: {len(rows)} pairs, {len(pairs) - len(rows)} left out; {describe(rows)}")


def describe(rows: list[list[str]]) -> str:
    """Return how Valhalla's seconds compare with OSRM's.

    Parameters
    ----------
    rows : list of list of str
        The table.

    Returns
    -------
    str
        Median, 10th and 90th percentile of the ratio, over pairs both engines routed.
    """
    seconds = [(float(row[4]), float(row[6])) for row in rows if row[4] and row[6]]
    ratios = [second / first for first, second in seconds if first > 0]
    if not ratios:
        return "no pair routed by both engines"
    low, median, high = np.percentile(ratios, [10, 50, 90])
    return (
        f"{len(ratios)} routed by both; Valhalla / OSRM median {median:.3f}, "
        f"p10 {low:.3f}, p90 {high:.3f}"
    )


def parse_arguments() -> argparse.Namespace:
    """Return the command line, the module's text being its help.

    Returns
    -------
    argparse.Namespace
        ``files``, ``out``, ``pairs``, ``seed`` and ``given``.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="extract: .osm, .osm.gz or .osm.pbf")
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the tables")
    add("--pairs", type=int, default=2000, help="pairs an extract (default %(default)s)")
    add("--seed", type=int, default=1, help="seed of the draw (default %(default)s)")
    add("--given", type=Path, metavar="CSV", help="ask for the pairs of this table instead")
    arguments = parser.parse_args()
    if arguments.given and len(arguments.files) > 1:
        parser.error("--given goes with one FILE")
    return arguments


def main() -> None:
    """Write the table of every extract of the command line."""
    arguments = parse_arguments()
    packages = ("osrm-bindings", "pyvalhalla", "osmium", "numpy")
    print(", ".join(f"{package} {version(package)}" for package in packages))
    for extract in arguments.files:
        tabulate(extract, arguments)


if __name__ == "__main__":
    main()
