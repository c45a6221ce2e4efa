"""The graphs that all engines search: a road network read from a file, or a generated one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np

from planner import network, territory
from planner.network import RoadNetwork
from planner.network._arrays import great_circle_m, hilbert_order
from planner.network._snap import Snapped
from planner.network.graph import segment_times

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SPACING_M = 150.0
_DEGREE_M = 111_195.0
_LAT = 46.0
_CORE_SHARE = 0.6  # 39-44 % of the nodes of rural road graphs hang on trees
_KEPT_SHARE = 0.71  # of the grid's edges: 2.5 directed edges a node in all
_ONE_WAY_SHARE = 0.04
_CHAIN_GOES_ON = 0.5
_KINDS = ("trunk", "tertiary", "unclassified", "residential")
_DEAD_END = 3


def shipped_file() -> Path:
    """Return the roads of the territory that ships with the planner."""
    path = territory.read("liechtenstein").roads_path
    if path is None:
        raise SystemExit("the territory 'liechtenstein' ships without roads")
    return path


@dataclass(frozen=True)
class Graph:
    """A road network with its simple directed edges: what every engine is given.

    Attributes
    ----------
    name
        For the titles of tables.
    roads
        The network itself.
    tail, head, ds
        Directed edges, sorted; of parallel ones only the fastest, since some engines cannot hold
        two. Shortest times are the same.
    path
        The file the network was read from, if any.
    """

    name: str
    roads: RoadNetwork
    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    ds: NDArray[np.int32]
    path: Path | None = None

    @classmethod
    def of(cls, name: str, roads: RoadNetwork, path: Path | None = None) -> Graph:
        """Take the edges out of a network."""
        out = roads.out
        tail = np.repeat(np.arange(roads.node_id.size, dtype=np.int32), np.diff(out.pointer))
        order = np.lexsort((out.ds, out.node, tail))
        tail, head, ds = tail[order], out.node[order], out.ds[order]
        first = np.ones(tail.size, np.bool_)
        first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
        return cls(name, roads, tail[first], head[first], ds[first], path)

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.roads.node_id.size

    @cached_property
    def pointer(self) -> NDArray[np.int32]:
        """Where each node's edges start."""
        count = np.bincount(self.tail, minlength=self.nodes)
        return np.concatenate(([0], np.cumsum(count))).astype(np.int32)

    def sources(self, count: int, *, middle: float = 1.0) -> NDArray[np.int64]:
        """Return nodes of the largest component, drawn with a fixed seed.

        Parameters
        ----------
        count
            How many.
        middle
            Side of the square, as a share of the graph's, they are drawn from.
        """
        roads = self.roads
        inside = roads.component == 0
        for at in (roads.lon, roads.lat):
            half = (at.max() - at.min()) / 2
            inside &= np.abs(at - at.min() - half) <= middle * half
        draw = np.random.default_rng(20260101)
        return draw.choice(np.flatnonzero(inside), count, replace=False)

    def on_nodes(self, nodes: NDArray[np.int64]) -> Snapped:
        """Return places that stand on nodes, as if points had been snapped there."""
        every = np.arange(self.roads.start.size, dtype=np.int32)
        segment = np.full(self.nodes, -1, np.int32)
        segment[self.roads.end] = every
        segment[self.roads.start] = every
        fraction = np.where(self.roads.start[segment] == np.arange(self.nodes), 0.0, 1.0)
        zeros = np.zeros(nodes.size)
        return Snapped(segment[nodes], fraction[nodes], zeros, zeros.astype(np.int32))

    def points(self, nodes: NDArray[np.int64]) -> gpd.GeoDataFrame:
        """Return the nodes as points on the map."""
        geometry = gpd.points_from_xy(self.roads.lon[nodes], self.roads.lat[nodes])
        return gpd.GeoDataFrame({"node": nodes}, geometry=geometry, crs=4326)


def read(path: Path) -> Graph:
    """Read the roads of a file, at the default speeds."""
    roads = network.read_osm(path)
    name = path.parent.name if path.name.startswith("roads.") else path.name.split(".")[0]
    return Graph.of(name, roads, path)


def generated(nodes: int) -> Graph:
    """Return a road-like graph of about this many nodes, the same at every call.

    A grid of about 150 m, perturbed and thinned, with a main road every eighth line, a trunk
    road every fortieth, and dead-end streets that hold two fifths of the nodes; ids are shuffled,
    as those of OpenStreetMap are, and the planner orders the nodes as it does those of a file.
    """
    draw = np.random.default_rng(20260102)
    x, y, tail, head, kind = _grid(draw, int(np.sqrt(nodes * _CORE_SHARE)))
    x, y, tail, head, kind = _hang(draw, (x, y, tail, head, kind), nodes - x.size)
    lat = _LAT + y / _DEGREE_M
    lon = 4.0 + x / (_DEGREE_M * np.cos(np.radians(_LAT)))
    one_way = (draw.random(tail.size) < _ONE_WAY_SHARE) & (kind != _DEAD_END)
    roads = _network(draw.permutation(x.size), (lon, lat), (tail, head, kind, one_way))
    return Graph.of("generated", roads)


def _grid(draw, side):
    """Return the core: positions, ends and kinds of its streets."""
    row, column = np.divmod(np.arange(side * side), side)
    x, y = (_SPACING_M * (at + draw.uniform(-0.35, 0.35, at.size)) for at in (column, row))
    east, north = np.flatnonzero(column < side - 1), np.flatnonzero(row < side - 1)
    tail = np.concatenate((east, north))
    head = np.concatenate((east + 1, north + side))
    line = np.concatenate((row[east], column[north]))
    kind = np.where(line % 40 == 0, 0, np.where(line % 8 == 0, 1, 2))
    kept = (draw.random(tail.size) < _KEPT_SHARE) | (kind == 0)
    return x, y, tail[kept], head[kept], kind[kept]


def _hang(draw, core, count):
    """Add dead-end streets: chains of nodes that start at random nodes of the core."""
    x, y, tail, head, kind = core
    position = np.arange(count)
    begins = draw.random(count) >= _CHAIN_GOES_ON
    begins[0] = True
    begin = np.maximum.accumulate(np.where(begins, position, 0))
    root = draw.integers(0, x.size, count)[begin]
    parent = np.where(begins, root, x.size + position - 1)
    at = []
    for core_at in (x, y):
        step = draw.normal(0.0, 45.0, count)
        along = np.cumsum(step)
        at.append(np.concatenate((core_at, core_at[root] + along - (along - step)[begin])))
    ends = np.concatenate((tail, parent)), np.concatenate((head, x.size + position))
    return *at, *ends, np.concatenate((kind, np.full(count, _DEAD_END)))


def _network(node_id, at, streets):
    """Make a network of straight segments: nodes along a Hilbert curve, times of the profile."""
    order = hilbert_order(*at, node_id)
    lon, lat = at[0][order], at[1][order]
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size)
    start, end = rank[streets[0]], rank[streets[1]]
    sort = np.lexsort((end, start))
    start, end, kind, one_way = (each[sort] for each in (start, end, *streets[2:]))
    columns = _columns((start, end, kind), lon, lat)
    count = start.size
    profile = network.PROFILES["car"]
    is_open = (np.ones(count, np.bool_), ~one_way)
    forward, backward = segment_times(profile, table=columns, is_open=is_open)
    both = np.column_stack((start, end)).ravel()
    return RoadNetwork(
        profile=profile,
        node_id=node_id[order].astype(np.int64),
        lon=lon,
        lat=lat,
        way=np.arange(1, count + 1),
        name=np.zeros(count, np.int32),
        roadside=np.ones(count, np.bool_),
        forward_ds=forward,
        backward_ds=backward,
        vertex=2 * np.arange(count + 1),
        vertex_lon=lon[both],
        vertex_lat=lat[both],
        names=("",),
        assumed={},
        **columns,
    )


def _columns(streets, lon, lat):
    """Return the columns that decide the times: class and length, no signal, no forced turn."""
    start, end, kind = streets
    count, zeros = start.size, np.zeros(start.size)
    return {
        "start": start,
        "end": end,
        "road_class": np.array([network.CLASSES.index(name) for name in _KINDS], np.int32)[kind],
        "surface": zeros.astype(np.int32),
        "built_up": zeros.astype(np.int32),
        "kph_forward": np.full(count, np.nan),
        "kph_backward": np.full(count, np.nan),
        "length_m": great_circle_m(lon[start], lat[start], lon[end], lat[end]),
        "turn_start": zeros,
        "turn_end": zeros,
        "signals": zeros.astype(np.int32),
        "signal_node": np.zeros(lon.size, np.bool_),
    }
