"""Single answers on the roads: the way from here to there, the nearest sites, there and back.

`travel` gives whole matrices; these functions answer the question of one resident or one mayor.
"""

import itertools
from functools import partial
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
import shapely
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

from planner._errors import InputError
from planner.network import CLASSES, RoadNetwork
from planner.network._arrays import FAR
from planner.network._snap import Snapped, snap
from planner.travel import MAX_SNAP_M, WALK_KPH, times

_DS_A_MINUTE = 600
_NOWHERE = -9999  # SciPy's word for "no predecessor"


def nearest(
    roads: RoadNetwork,
    origins: gpd.GeoDataFrame,
    destinations: gpd.GeoDataFrame,
    *,
    k: int = 1,
    cutoff_min: float = 60.0,
    max_snap_m: float = MAX_SNAP_M,
    walk_kph: float = WALK_KPH,
) -> pd.DataFrame:
    """Return the `k` nearest destinations of each origin, by minutes on the roads.

    Parameters
    ----------
    roads
        The network.
    origins, destinations
        Points in any CRS; the index is the id.
    k
        How many, at most.
    cutoff_min
        Farther than this is not looked for, minutes.
    max_snap_m, walk_kph
        As in :func:`planner.travel.times`.

    Returns
    -------
    DataFrame
        Columns origin, rank (1 the nearest), destination, minutes; origins in the order given,
        equal minutes in the order of the destinations. Origins that reach none are absent.

    Raises
    ------
    InputError
        When `k` is below 1, and as :func:`planner.travel.times`.

    Examples
    --------
    >>> from planner import network, territory
    >>> home = territory.read("liechtenstein")
    >>> roads = network.read_osm(home.roads_path)
    >>> nearest(roads, home.residents.iloc[:2], home.premises, k=3)["rank"].tolist()
    [1, 2, 3, 1, 2, 3]
    """
    if k < 1:
        raise InputError(f"k={k!r}: ask for one destination or more.")
    found = times(
        roads,
        origins,
        destinations,
        cutoff_min=cutoff_min,
        max_snap_m=max_snap_m,
        walk_kph=walk_kph,
    )
    matrix = found.minutes
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, matrix.data, row))
    rank = np.arange(order.size) - matrix.indptr[row] + 1
    kept = rank <= k
    chosen = order[kept]
    return pd.DataFrame(
        {
            "origin": found.origins[row[kept]],
            "rank": rank[kept],
            "destination": found.destinations[matrix.indices[chosen]],
            "minutes": matrix.data[chosen],
        }
    )


def there_and_back(
    roads: RoadNetwork,
    origins: gpd.GeoDataFrame,
    destinations: gpd.GeoDataFrame,
    *,
    cutoff_min: float,
    max_snap_m: float = MAX_SNAP_M,
    walk_kph: float = WALK_KPH,
) -> pd.DataFrame:
    """Return the minutes both ways, which one-way streets make differ.

    Parameters
    ----------
    roads, origins, destinations, cutoff_min, max_snap_m, walk_kph
        As in :func:`planner.travel.times`.

    Returns
    -------
    DataFrame
        Columns origin, destination, there_min, back_min; pairs within the cutoff at least one
        way, inf where the other way is beyond it.
    """
    one_way = partial(times, roads, cutoff_min=cutoff_min, max_snap_m=max_snap_m, walk_kph=walk_kph)
    there = one_way(origins, destinations).to_frame()
    back = one_way(destinations, origins).to_frame()
    back = back.rename(
        columns={"origin": "destination", "destination": "origin", "minutes": "back_min"}
    )
    both = there.rename(columns={"minutes": "there_min"}).merge(
        back, on=["origin", "destination"], how="outer", sort=True
    )
    return both.fillna({"there_min": np.inf, "back_min": np.inf})


def road_km(
    roads: RoadNetwork,
    origins: gpd.GeoDataFrame,
    destinations: gpd.GeoDataFrame,
    *,
    cutoff_min: float = 60.0,
    max_snap_m: float = MAX_SNAP_M,
    walk_kph: float = WALK_KPH,
) -> NDArray[np.float64]:
    """Return the kilometres of the fastest way from each origin to each destination.

    Parameters
    ----------
    roads, origins, destinations, max_snap_m, walk_kph
        As in :func:`planner.travel.times`.
    cutoff_min
        Ways that take longer between their first and last crossing are not looked for, minutes.

    Returns
    -------
    NDArray
        Origins × destinations, walks to and from the roads included; inf where there is no way.
        Among ways as fast, any.

    Notes
    -----
    One search from each end of the smaller side; lengths are added up the tree of predecessors,
    twice as far up at each turn.
    """
    start = snap(roads, origins, max_snap_m=max_snap_m, walk_kph=walk_kph)
    stop = snap(roads, destinations, max_snap_m=max_snap_m, walk_kph=walk_kph)
    turned = len(destinations) < len(origins)
    search = _Lengths(roads, start, stop, turned=turned, limit_ds=cutoff_min * _DS_A_MINUTE)
    km = np.full((len(search.near.segment), len(search.far.segment)), np.inf)
    for row in np.flatnonzero(search.near.reachable).tolist():
        km[row] = search.metres(row) / 1000
    return km.T if turned else km


class _Lengths:
    """The lengths of the fastest ways, from one end of the smaller side at a time."""

    def __init__(
        self, roads: RoadNetwork, start: Snapped, stop: Snapped, *, turned: bool, limit_ds: float
    ) -> None:
        self.roads, self.start, self.stop, self.turned = roads, start, stop, turned
        self.limit_ds = limit_ds
        matrices = [_matrix(roads), _matrix(roads, metres=True)]
        self.ds, self.m = (sp.csr_array(one.T) if turned else one for one in matrices)
        sides = [(start, start.leaving_ds(roads)), (stop, stop.arriving_ds(roads))]
        (self.near, near_ds), (self.far, far_ds) = sides[::-1] if turned else sides
        self.near_ds, self.far_ds = np.stack(near_ds), np.stack(far_ds)
        self.near_m, self.far_m = (_metres_to_ends(roads, one) for one in (self.near, self.far))
        self.far_ends = np.stack((roads.start[self.far.segment], roads.end[self.far.segment]))

    def metres(self, row: int) -> NDArray[np.float64]:
        """Return the metres between one place and all those of the other side; inf without way."""
        never = float(FAR) // 2
        here = int(self.near.segment[row])
        best = np.full(len(self.far.segment), never)
        found_m = np.full(best.size, np.inf)
        for side, node in enumerate((int(self.roads.start[here]), int(self.roads.end[here]))):
            if self.near_ds[side, row] >= never:
                continue
            reached, before = dijkstra(
                self.ds, indices=np.array([node]), return_predecessors=True, limit=self.limit_ds
            )
            along = _along_tree(before[0], self.m)
            for end in (0, 1):
                total = self.near_ds[side, row] + reached[0, self.far_ends[end]] + self.far_ds[end]
                better = (total < best) & self.far.reachable
                best = np.where(better, total, best)
                way_m = self.near_m[side, row] + along[self.far_ends[end]] + self.far_m[end]
                found_m = np.where(better, way_m, found_m)
        for column in np.flatnonzero(self.far.segment == here).tolist():
            a, b = (column, row) if self.turned else (row, column)
            direct = _direct(self.roads, _one(self.start, a), _one(self.stop, b))
            walk_ds = int(self.near.walk_ds[row]) + int(self.far.walk_ds[column])
            if direct is not None and direct.ds + walk_ds <= best[column]:
                on_m = abs(direct.last - direct.first) * float(self.roads.length_m[here])
                found_m[column] = on_m + self.near.walk_m[row] + self.far.walk_m[column]
        return found_m


def _one(place: Snapped, at: int) -> Snapped:
    return Snapped(*(getattr(place, name)[[at]] for name in place.__dataclass_fields__))


def _metres_to_ends(roads: RoadNetwork, place: Snapped) -> NDArray[np.float64]:
    """Return the metres between each place and the start and the end of its segment, walk added."""
    length = roads.length_m[place.segment]
    return np.stack((place.fraction * length, (1 - place.fraction) * length)) + place.walk_m


def _along_tree(before: NDArray[np.int32], metres: sp.csr_array) -> NDArray[np.float64]:
    """Return the metres from the root to each node of a tree of predecessors; 0 off the tree."""
    child = np.flatnonzero(before != _NOWHERE)
    along = np.zeros(before.size)
    along[child] = metres[before[child], child]
    up = np.arange(before.size)
    up[child] = before[child]
    while True:
        further = up[up]
        along = along + np.where(up != np.arange(before.size), along[up], 0.0)
        if np.array_equal(further, up):
            return along
        up = further


def path(
    roads: RoadNetwork,
    origin: gpd.GeoDataFrame,
    destination: gpd.GeoDataFrame,
    *,
    max_snap_m: float = MAX_SNAP_M,
    walk_kph: float = WALK_KPH,
) -> gpd.GeoDataFrame:
    """Return the fastest way between two places, leg by leg.

    The answer to "why is this hamlet fourteen minutes away?".

    Parameters
    ----------
    roads
        The network.
    origin, destination
        One point each, in any CRS.
    max_snap_m, walk_kph
        As in :func:`planner.travel.times`.

    Returns
    -------
    GeoDataFrame
        Legs in their order: name (of the road; ``à pied`` for the walks), highway, minutes,
        length_m, geometry (EPSG:4326). Neighbouring segments of one road are one leg. The minutes
        sum to those of :func:`planner.travel.times`. Empty when there is no way.

    Raises
    ------
    InputError
        When a frame does not hold exactly one point.
    """
    for frame, what in ((origin, "origin"), (destination, "destination")):
        if len(frame) != 1:
            raise InputError(f"{what}: give a frame with one point, not {len(frame)}.")
    start = snap(roads, origin, max_snap_m=max_snap_m, walk_kph=walk_kph)
    stop = snap(roads, destination, max_snap_m=max_snap_m, walk_kph=walk_kph)
    pieces = _pieces(roads, start, stop)
    if pieces is None:
        return _legs(roads, [], [])
    walks = [
        _walk(roads, start, origin, turned=False),
        _walk(roads, stop, destination, turned=True),
    ]
    return _legs(roads, pieces, walks)


class _Piece(NamedTuple):
    """A stretch of one segment: from one fraction to another, and its time."""

    segment: int
    first: float
    last: float
    ds: int


def _pieces(roads: RoadNetwork, start: Snapped, stop: Snapped) -> list[_Piece] | None:
    """Return the stretches of the fastest way, walks left out; None when there is no way."""
    if not (start.reachable[0] and stop.reachable[0]):
        return None
    direct = _direct(roads, start, stop)
    leaving = [int(side[0]) - int(start.walk_ds[0]) for side in start.leaving_ds(roads)]
    arriving = [int(side[0]) - int(stop.walk_ds[0]) for side in stop.arriving_ds(roads)]
    here, there = int(start.segment[0]), int(stop.segment[0])
    from_nodes = [int(roads.start[here]), int(roads.end[here])]
    to_nodes = [int(roads.start[there]), int(roads.end[there])]
    far = int(FAR) // 2
    best, best_ds = None, direct.ds if direct else far
    matrix = _matrix(roads)
    for first_side, (a, leave_ds) in enumerate(zip(from_nodes, leaving, strict=True)):
        if leave_ds >= far:
            continue
        reached, before = dijkstra(matrix, indices=[a], return_predecessors=True)
        for side, arrive_ds in enumerate(arriving):
            total = leave_ds + reached[0, to_nodes[side]] + arrive_ds
            if arrive_ds < far and total < best_ds:
                nodes = _nodes(before[0], to_nodes[side])
                best, best_ds = (first_side, leave_ds, nodes, side, arrive_ds), int(total)
    if best is None:
        return [direct] if direct else None
    first_side, leave_ds, nodes, side, arrive_ds = best
    first = _Piece(here, float(start.fraction[0]), float(first_side), leave_ds)
    last = _Piece(there, float(side), float(stop.fraction[0]), arrive_ds)
    return [first, *_segments(roads, nodes), last]


def _direct(roads: RoadNetwork, start: Snapped, stop: Snapped) -> _Piece | None:
    """Return the way along one segment that needs no node between, if there is one."""
    if start.segment[0] != stop.segment[0]:
        return None
    found = []
    for name in ("forward_position_ds", "backward_position_ds"):
        a, b = (int(getattr(place, name)(roads)[0]) for place in (start, stop))
        if FAR not in (a, b) and b >= a:
            found.append(b - a)
    if not found:
        return None
    return _Piece(
        int(start.segment[0]), float(start.fraction[0]), float(stop.fraction[0]), min(found)
    )


def _matrix(roads: RoadNetwork, *, metres: bool = False) -> sp.csr_array:
    """Return the times between nodes, or the metres; of parallel segments those of the fastest."""
    out, n = roads.out, roads.node_id.size
    tail = np.repeat(np.arange(n, dtype=np.int32), np.diff(out.pointer))
    order = np.lexsort((out.ds, out.node, tail))
    first = np.ones(order.size, np.bool_)
    first[1:] = (np.diff(tail[order]) != 0) | (np.diff(out.node[order]) != 0)
    kept = order[first]
    worth = roads.length_m[out.segment[kept]] if metres else out.ds[kept]
    entries = (worth.astype(np.float64), (tail[kept], out.node[kept]))
    return sp.csr_array(entries, shape=(n, n))


def _nodes(before: "np.ndarray[tuple[int], np.dtype[np.int32]]", node: int) -> list[int]:
    nodes = [node]
    while before[nodes[-1]] != _NOWHERE:
        nodes.append(int(before[nodes[-1]]))
    return nodes[::-1]


def _segments(roads: RoadNetwork, nodes: list[int]) -> list[_Piece]:
    """Return the fastest segment between each node and the next."""
    out, pieces = roads.out, []
    for a, b in itertools.pairwise(nodes):
        row = slice(out.pointer[a], out.pointer[a + 1])
        there = np.flatnonzero(out.node[row] == b)
        edge = int(there[np.argmin(out.ds[row][there])]) + int(out.pointer[a])
        segment = int(out.segment[edge])
        forwards = roads.start[segment] == a and roads.forward_ds[segment] == out.ds[edge]
        pieces.append(_Piece(segment, float(not forwards), float(forwards), int(out.ds[edge])))
    return pieces


def _walk(
    roads: RoadNetwork, place: Snapped, frame: gpd.GeoDataFrame, *, turned: bool
) -> dict[str, object]:
    """Return the leg on foot between a place and its road."""
    point = frame.geometry.to_crs(4326).iloc[0]
    foot = shapely.line_interpolate_point(
        _line(roads, int(place.segment[0])), float(place.fraction[0]), normalized=True
    )
    ends = [foot, point] if turned else [point, foot]
    return {
        "name": "à pied",
        "highway": "footway",
        "minutes": int(place.walk_ds[0]) / _DS_A_MINUTE,
        "length_m": float(place.walk_m[0]),
        "geometry": shapely.linestrings([(end.x, end.y) for end in ends]),
    }


def _line(roads: RoadNetwork, segment: int) -> shapely.LineString:
    coordinates, _ = roads.lines(np.array([segment], np.int32))
    return shapely.linestrings(coordinates)


def _legs(
    roads: RoadNetwork, pieces: list[_Piece], walks: list[dict[str, object]]
) -> gpd.GeoDataFrame:
    """Return the legs as a frame, neighbouring pieces of one road as one."""
    rows: list[dict[str, object]] = []
    for piece in pieces:
        if piece.first == piece.last and piece.ds == 0:
            continue
        line = _stretch(_line(roads, piece.segment), piece.first, piece.last)
        rows.append(
            {
                "name": roads.names[roads.name[piece.segment]],
                "highway": CLASSES[roads.road_class[piece.segment]],
                "minutes": piece.ds / _DS_A_MINUTE,
                "length_m": abs(piece.last - piece.first) * float(roads.length_m[piece.segment]),
                "geometry": line,
            }
        )
    rows = [*walks[:1], *rows, *walks[1:]]
    columns = ["name", "highway", "minutes", "length_m", "geometry"]
    legs = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=4326)
    if legs.empty:
        return legs
    run = (legs[["name", "highway"]] != legs[["name", "highway"]].shift()).any(axis=1).cumsum()
    joined = legs.groupby(run, sort=True).agg(
        name=("name", "first"),
        highway=("highway", "first"),
        minutes=("minutes", "sum"),
        length_m=("length_m", "sum"),
        geometry=("geometry", _joined),
    )
    return gpd.GeoDataFrame(joined.reset_index(drop=True), geometry="geometry", crs=4326)


def _stretch(line: shapely.LineString, first: float, last: float) -> shapely.LineString:
    """Return the part of a line between two fractions, in the direction of travel."""
    low, high = sorted((first, last))
    at = shapely.line_locate_point(line, shapely.points(line.coords), normalized=True)
    inside = [xy for xy, share in zip(line.coords, at, strict=True) if low < share < high]
    ends = [line.interpolate(share, normalized=True) for share in (low, high)]
    xy = [(ends[0].x, ends[0].y), *inside, (ends[1].x, ends[1].y)]
    return shapely.linestrings(xy if first <= last else xy[::-1])


def _joined(lines: pd.Series) -> shapely.LineString:
    xy = [place for line in lines for place in line.coords]
    distinct = [xy[0], *(b for a, b in itertools.pairwise(xy) if a != b)]
    return shapely.linestrings(distinct if len(distinct) > 1 else xy[:2])
