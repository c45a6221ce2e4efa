"""To and from OSMnx: a networkx graph with its attribute names, and GraphML."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import shapely

from planner._errors import InputError
from planner._files import existing_file
from planner.network._arrays import Ints, great_circle_m, hilbert_order
from planner.network._assemble import finished
from planner.network._rules import (
    BACKWARD,
    CLASS_CODE,
    CLASSES,
    FORWARD,
    NO_ROADSIDE,
    parse_kph,
)
from planner.network._speeds import NEVER
from planner.network.graph import RoadNetwork
from planner.network.profiles import Profile, profile_named

_DS_A_SECOND = 10.0
_LONGEST_S = 1e7  # four months on one edge: not a travel time
_LONGEST_M = 1e7  # a quarter of the Earth: not a road
_LARGEST = 2.0**62


def to_osmnx(roads: RoadNetwork) -> "nx.MultiDiGraph[int]":
    """Return the network as OSMnx knows graphs, for its tools and for networkx.

    Parameters
    ----------
    roads
        The network.

    Returns
    -------
    MultiDiGraph
        Nodes are OpenStreetMap ids with ``x``, ``y`` in degrees; edges have ``osmid``,
        ``highway``, ``name``, ``oneway``, ``reversed``, ``length`` (metres), ``travel_time``
        (seconds, multiples of 0.1), ``speed_kph``, ``maxspeed`` where posted, and ``geometry``.
    """
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="epsg:4326", simplified=True)
    for node, x, y in zip(
        roads.node_id.tolist(), roads.lon.tolist(), roads.lat.tolist(), strict=True
    ):
        graph.add_node(node, x=x, y=y)
    coordinates, index = roads.lines()
    lines = shapely.linestrings(coordinates, indices=index)
    for segment, line in enumerate(lines):
        ends = (int(roads.node_id[roads.start[segment]]), int(roads.node_id[roads.end[segment]]))
        forward, backward = int(roads.forward_ds[segment]), int(roads.backward_ds[segment])
        common = {
            "osmid": int(roads.way[segment]),
            "highway": CLASSES[roads.road_class[segment]],
            "name": roads.names[roads.name[segment]],
            "oneway": NEVER in (forward, backward),
            "length": float(roads.length_m[segment]),
        }
        if forward != NEVER:
            one_way = _direction(common, forward, roads.kph_forward[segment], line, turned=False)
            graph.add_edge(*ends, **one_way)
        if backward != NEVER:
            back = shapely.reverse(line)
            one_way = _direction(common, backward, roads.kph_backward[segment], back, turned=True)
            graph.add_edge(*reversed(ends), **one_way)
    return graph


def _direction(
    common: dict[str, Any], ds: int, limit_kph: float, line: shapely.LineString, *, turned: bool
) -> dict[str, Any]:
    seconds = ds / _DS_A_SECOND
    speed_kph = common["length"] * 3.6 / seconds
    own = {"reversed": turned, "travel_time": seconds, "speed_kph": speed_kph, "geometry": line}
    limit = {} if np.isnan(limit_kph) else {"maxspeed": f"{limit_kph:g}"}
    return common | own | limit


def from_osmnx(graph: "nx.MultiDiGraph[Any]", *, profile: Profile | str = "car") -> RoadNetwork:
    """Make a network of an OSMnx graph (2.x, or 1.x in degrees).

    Opposite edges of one road become the two directions of one segment. Where every edge has a
    ``travel_time`` it is kept, rounded to the tenth of a second; else times come from the profile.
    A ``length`` that is missing, negative or not a number is measured on the geometry, and counted.

    Parameters
    ----------
    graph
        Nodes with ``x`` and ``y`` in degrees and whole numbers as ids.
    profile
        A speed profile or its name.

    Returns
    -------
    RoadNetwork
        As :func:`planner.network.read_osm`.

    Raises
    ------
    InputError
        When the graph is projected, has no edge, or a node has no position or no whole id.
    """
    profile = profile_named(profile) if isinstance(profile, str) else profile
    node_id, lon, lat = _nodes(graph)
    order = hilbert_order(lon, lat, node_id)
    rank = {node: place for place, node in enumerate(node_id[order].tolist())}
    position = {node: (x, y) for node, x, y in zip(node_id.tolist(), lon, lat, strict=True)}
    assumed: dict[str, int] = defaultdict(int)
    arcs = [_arc((u, v), data, position, assumed) for u, v, data in _edges(graph)]
    segments = sorted(
        _paired(arcs), key=lambda pair: (rank[pair[0].tail], rank[pair[0].head], pair[0].order)
    )
    columns = _columns(segments, rank)
    columns |= {"node_id": node_id[order], "lon": lon[order], "lat": lat[order]}
    columns["signal_node"] = np.array(
        [graph.nodes[node].get("highway") == "traffic_signals" for node in node_id[order].tolist()]
    )
    times = _times(segments) if all(0 < arc.seconds <= _LONGEST_S for arc in arcs) else None
    names = [ahead.name for ahead, _ in segments]
    return finished(profile, columns, names=names, assumed=assumed, times=times)


def read_graphml(path: Path | str, *, profile: Profile | str = "car") -> RoadNetwork:
    """Read a network that OSMnx (1.2 to 2.x) saved as GraphML.

    Parameters
    ----------
    path
        The file.
    profile
        A speed profile or its name.

    Returns
    -------
    RoadNetwork
        As :func:`from_osmnx`.

    Raises
    ------
    InputError
        When the file is missing, truncated or no GraphML, and as :func:`from_osmnx`.
    """
    path = existing_file(path, what="GraphML file")
    try:
        read = nx.read_graphml(path, node_type=str, force_multigraph=True)
    except (SyntaxError, nx.NetworkXError, ValueError, KeyError) as error:
        raise InputError(f"{path}: truncated, or no GraphML ({error}). Save it again.") from error
    try:
        graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(read)
        whole = {node: int(node) for node in graph}
    except ValueError as error:
        raise InputError(f"{path}: node ids are not whole numbers ({error}).") from error
    return from_osmnx(nx.relabel_nodes(graph, whole), profile=profile)


class _Arc(NamedTuple):
    """One directed edge of a graph, read."""

    tail: int
    head: int
    order: tuple[Any, ...]
    way: int
    highway: str
    name: str
    length_m: float
    limit_kph: float
    seconds: float
    roadside: bool
    xy: tuple[tuple[float, float], ...]


def _nodes(
    graph: "nx.MultiDiGraph[Any]",
) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    crs = str(graph.graph.get("crs", "epsg:4326")).lower()
    if not ("4326" in crs or "wgs 84" in crs or "wgs84" in crs):
        raise InputError(
            f"the graph is in {crs[:60]}; give it in degrees: "
            "osmnx.projection.project_graph(G, to_latlong=True)."
        )
    if graph.number_of_edges() == 0:
        raise InputError("the graph has no edge.")
    try:
        node_id = np.array(sorted(int(node) for node in graph.nodes), np.int64)
        at = [(float(graph.nodes[n]["x"]), float(graph.nodes[n]["y"])) for n in node_id.tolist()]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"every node needs a whole number as id, and x and y in degrees ({error})."
        ) from error
    place = np.array(at)
    if not (np.abs(place) <= (180.0, 90.0)).all():
        raise InputError("nodes lie outside ±180 and ±90 degrees: is the graph projected?")
    return node_id, place[:, 0], place[:, 1]


def _edges(graph: "nx.MultiDiGraph[Any]") -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Return the edges in an order that does not depend on how the graph was built."""
    rows = [(int(u), int(v), data) for u, v, data in graph.edges(data=True)]
    yield from sorted(rows, key=lambda row: (row[0], row[1], str(row[2].get("osmid")), _m(row[2])))


def _arc(
    ends: tuple[int, int],
    data: dict[str, Any],
    position: dict[int, tuple[float, float]],
    assumed: dict[str, int],
) -> _Arc:
    tail, head = ends
    line = data.get("geometry")
    line = _from_wkt(line, ends) if isinstance(line, str) else line
    xy = tuple(map(tuple, line.coords)) if line is not None else (position[tail], position[head])
    length = _m(data)
    if not 0 < length <= _LONGEST_M:
        places = np.array(xy, float)
        step = great_circle_m(places[:-1, 0], places[:-1, 1], places[1:, 0], places[1:, 1])
        length = float(step.sum())
        assumed["length missing or not positive: measured"] += 1
    notes: list[str] = []
    limit = parse_kph(str(_first(data["maxspeed"])), notes) if "maxspeed" in data else np.nan
    highway = str(_first(data.get("highway", "road")))
    if highway not in CLASS_CODE:
        notes.append("highway of unknown value: road")
        highway = "road"
    for note in notes:
        assumed[note] += 1
    return _Arc(
        tail=tail,
        head=head,
        order=(str(data.get("osmid")), round(length, 3)),
        way=_whole(_first(data.get("osmid", 0))),
        highway=highway,
        name=str(_first(data.get("name", "")) or ""),
        length_m=length,
        limit_kph=limit,
        seconds=_number(data.get("travel_time")),
        roadside=highway not in NO_ROADSIDE and str(_first(data.get("tunnel", "no"))) == "no",
        xy=xy,
    )


def _from_wkt(text: str, ends: tuple[int, int]) -> shapely.LineString:
    try:
        line = shapely.from_wkt(text)
    except shapely.errors.GEOSException as error:
        raise InputError(f"edge {ends[0]} to {ends[1]}: geometry unreadable ({error}).") from error
    if not isinstance(line, shapely.LineString) or line.is_empty:
        raise InputError(f"edge {ends[0]} to {ends[1]}: its geometry is no line.")
    return line


def _first(value: object) -> object:
    """Return one value of an attribute that a simplified graph may hold as a list."""
    if isinstance(value, str) and value.startswith("["):
        return value.strip("[]").split(",")[0].strip(" '\"")
    return value[0] if isinstance(value, list) and value else value


def _m(data: dict[str, Any]) -> float:
    return _number(data.get("length"))


def _number(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        return np.nan
    return number if abs(number) <= _LARGEST else np.nan


def _whole(value: Hashable | object) -> int:
    number = _number(value)
    return 0 if np.isnan(number) else int(number)  # no id of OpenStreetMap is larger


def _paired(arcs: list[_Arc]) -> list[tuple[_Arc, _Arc | None]]:
    """Join each edge with the one that runs back along the same line, if there is one."""
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    back: dict[int, int] = {}
    taken: set[int] = set()
    for number, arc in enumerate(arcs):
        partners = waiting[(arc.head, arc.tail, arc.xy[::-1])]
        if partners:
            first = partners.pop(0)
            back[first] = number
            taken.add(number)
        else:
            waiting[(arc.tail, arc.head, arc.xy)].append(number)
    return [
        (arc, arcs[back[number]] if number in back else None)
        for number, arc in enumerate(arcs)
        if number not in taken
    ]


def _columns(
    segments: list[tuple[_Arc, _Arc | None]], rank: dict[int, int]
) -> dict[str, "np.ndarray[tuple[int], np.dtype[np.generic]]"]:
    ahead = [pair[0] for pair in segments]
    size = np.array([len(arc.xy) for arc in ahead])
    xy = np.array([place for arc in ahead for place in arc.xy], float)
    count = len(segments)
    return {
        "start": np.array([rank[arc.tail] for arc in ahead], np.int32),
        "end": np.array([rank[arc.head] for arc in ahead], np.int32),
        "way": np.array([arc.way for arc in ahead], np.int64),
        "road_class": np.array([CLASS_CODE[arc.highway] for arc in ahead]),
        "surface": np.zeros(count, np.int64),
        "built_up": np.full(count, -1),
        "roadside": np.array([arc.roadside for arc in ahead]),
        "kph_forward": np.array([arc.limit_kph for arc in ahead]),
        "kph_backward": np.array(
            [np.nan if back is None else back.limit_kph for _, back in segments]
        ),
        "length_m": np.array([arc.length_m for arc in ahead]),
        "signals": np.zeros(count, np.int32),
        "directions": np.array(
            [FORWARD if back is None else FORWARD | BACKWARD for _, back in segments]
        ),
        "vertex": np.concatenate(([0], np.cumsum(size))).astype(np.int64),
        "vertex_lon": xy[:, 0],
        "vertex_lat": xy[:, 1],
    }


def _times(segments: list[tuple[_Arc, _Arc | None]]) -> tuple[Ints, Ints]:
    def ds(arc: _Arc | None) -> int:
        return NEVER if arc is None else max(round(arc.seconds * _DS_A_SECOND), 1)

    return (
        np.array([ds(ahead) for ahead, _ in segments], np.int32),
        np.array([ds(back) for _, back in segments], np.int32),
    )
