"""Minutes between places: on roads, exact within a cutoff; or estimated as the crow flies.

Unreachable is never a number: a pair beyond the cutoff, or with no way between, is absent from
the sparse result, and `inf` wherever the result is made dense.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import NamedTuple, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from planner._errors import InputError
from planner.assumptions import DEFAULTS
from planner.network import RoadNetwork
from planner.network._arrays import FAR, Ints, great_circle_m, row_pointers
from planner.network._snap import Snapped, lonlat, snap

MAX_SNAP_M = DEFAULTS["max_snap_m"].value
WALK_KPH = DEFAULTS["walk_kph"].value
CROW_KPH = DEFAULTS["crow_kph"].value
CROW_ROAD_RATIO = DEFAULTS["crow_road_ratio"].value
BOUNDARY_MIN = 1e-6  # "within ten minutes" is <= 10 + 1e-6, here and in every later stage

_DS_A_MINUTE = 600
_CHUNK = 32
_PAIRS = 1 << 18

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class TravelTimes:
    """Minutes from origins to destinations, within a cutoff.

    Attributes
    ----------
    minutes
        CSR array, origins × destinations, holding the pairs within the cutoff and no others. A
        place on a road is 0 minutes from itself, and that zero is stored: read the structure
        (``indptr``, ``indices``), not the non-zero values. Off the road, it is the walk to the
        road and back.
    origins, destinations
        Their indexes, in the order of rows and columns.
    cutoff_min
        The cutoff, minutes.
    estimated
        Whether the minutes are crow-fly estimates.
    unreachable_origins, unreachable_destinations
        Ids of places with no usable road within the snapping limit.
    """

    minutes: sp.csr_array
    origins: pd.Index
    destinations: pd.Index
    cutoff_min: float
    estimated: bool
    unreachable_origins: pd.Index
    unreachable_destinations: pd.Index

    def to_frame(self) -> pd.DataFrame:
        """Return the pairs within the cutoff, one a row: origin, destination, minutes."""
        pairs = self.minutes.tocoo()
        return pd.DataFrame(
            {
                "origin": self.origins[pairs.coords[0]],
                "destination": self.destinations[pairs.coords[1]],
                "minutes": pairs.data,
            }
        )

    def to_dense(self) -> NDArray[np.float64]:
        """Return the whole matrix of minutes; inf where unreachable or beyond the cutoff."""
        dense = np.full(self.minutes.shape, np.inf)
        pairs = self.minutes.tocoo()
        dense[pairs.coords] = pairs.data
        return dense

    def within(self, minutes: float) -> sp.csr_array:
        """Return the pairs within `minutes` as a CSR array of True."""
        kept = self.minutes.data <= minutes + BOUNDARY_MIN
        rows = np.repeat(np.arange(self.minutes.shape[0]), np.diff(self.minutes.indptr))[kept]
        pointer = row_pointers(rows.astype(np.int32), self.minutes.shape[0])
        parts = (np.ones(rows.size, np.bool_), self.minutes.indices[kept], pointer)
        return sp.csr_array(parts, shape=self.minutes.shape)


def times(
    roads: RoadNetwork,
    origins: gpd.GeoDataFrame,
    destinations: gpd.GeoDataFrame,
    *,
    cutoff_min: float,
    max_snap_m: float = MAX_SNAP_M,
    walk_kph: float = WALK_KPH,
    workers: int | None = None,
    progress: Progress | None = None,
) -> TravelTimes:
    """Return the minutes from each origin to each destination, within a cutoff.

    The shortest time over all paths: the walk to the nearest usable road, the part of its
    segment, whole segments, the part of the last, the walk from the road. One-ways hold on every
    part. The search runs from the smaller side, on the network with every arrow turned when that
    is the destinations.

    Parameters
    ----------
    roads
        The network.
    origins, destinations
        Points in any CRS; the index is the id.
    cutoff_min
        Longest time of interest, minutes.
    max_snap_m
        A place farther than this from a usable road is unreachable, and listed.
    walk_kph
        Speed between a place and its road, km/h.
    workers
        Threads; all cores by default. The result does not depend on it.
    progress
        Called with the sources done and their total.

    Returns
    -------
    TravelTimes
        Sparse minutes, multiples of 0.1 s; absent where unreachable or beyond the cutoff.

    Raises
    ------
    InputError
        When the cutoff is not a positive number of minutes, or a place is not a point.

    References
    ----------
    Dijkstra, E. W. (1959). A note on two problems in connexion with graphs. Numerische
    Mathematik 1. Dial, R. B. (1969). Algorithm 360: shortest-path forest with topological
    ordering. Communications of the ACM 12.

    Examples
    --------
    >>> from planner import network, territory
    >>> home = territory.read("liechtenstein")
    >>> roads = network.read_osm(home.roads_path)
    >>> found = times(roads, home.residents.iloc[:5], home.premises.iloc[:3], cutoff_min=30)
    >>> found.minutes.shape
    (5, 3)
    """
    _check_minutes(cutoff_min)
    start = snap(roads, origins, max_snap_m=max_snap_m, walk_kph=walk_kph)
    stop = snap(roads, destinations, max_snap_m=max_snap_m, walk_kph=walk_kph)
    to_source = len(destinations) < len(origins)
    source, target = (stop, start) if to_source else (start, stop)
    matrix = search_ds(
        roads,
        source,
        target,
        to_source=to_source,
        cutoff_ds=whole_ds(cutoff_min),
        workers=workers,
        progress=progress,
    )
    matrix.data = matrix.data / _DS_A_MINUTE
    return TravelTimes(
        minutes=matrix.T.tocsr() if to_source else matrix,
        origins=origins.index,
        destinations=destinations.index,
        cutoff_min=cutoff_min,
        estimated=False,
        unreachable_origins=origins.index[~start.reachable],
        unreachable_destinations=destinations.index[~stop.reachable],
    )


def search_ds(
    roads: RoadNetwork,
    sources: Snapped,
    targets: Snapped,
    *,
    to_source: bool,
    cutoff_ds: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> sp.csr_array:
    """Return tenths of a second between places already on the roads: what isochrones build on.

    Parameters
    ----------
    roads
        The network.
    sources, targets
        Places on the roads; one search is made from each source.
    to_source
        Whether the trip goes from the targets to the source, or from the source to them.
    cutoff_ds
        Longest time of interest, tenths of a second.
    workers, progress
        As in :func:`times`.

    Returns
    -------
    csr_array
        Sources × targets, the pairs within the cutoff, columns sorted.
    """
    search = _Search(roads, sources, targets, to_source=to_source, cutoff_ds=cutoff_ds)
    return search.run(workers=workers or os.cpu_count() or 1, progress=progress)


def estimated_times(
    origins: gpd.GeoDataFrame,
    destinations: gpd.GeoDataFrame,
    *,
    cutoff_min: float,
    crow_kph: float = CROW_KPH,
) -> TravelTimes:
    """Return estimated minutes where no roads are known: crow distance at 47 km/h.

    ``minutes = 60 × crow_km / crow_kph``. The effective speed already holds the detour: measured on
    Corsica's roads, crow distance over road time is 44-50 km/h, and the road is 1.26-1.42 times
    as long as the crow's way (:func:`estimated_road_km`).

    Parameters
    ----------
    origins, destinations
        Points in any CRS; the index is the id.
    cutoff_min
        Longest time of interest, minutes.
    crow_kph
        Effective speed of the crow's way, km/h.

    Returns
    -------
    TravelTimes
        Sparse minutes, marked as estimated; every place counts as reachable.

    Examples
    --------
    >>> two = gpd.GeoDataFrame(index=["a", "b"], geometry=gpd.points_from_xy([4, 4], [46, 46.1]),
    ...                        crs=4326)
    >>> estimated_times(two, two, cutoff_min=20).to_dense().round(1).tolist()
    [[0.0, 14.2], [14.2, 0.0]]
    """
    _check_minutes(cutoff_min)
    crow_m = crow_distances_m(origins, destinations)
    # To the tenth of a second, like times on roads: a boundary is then the same on any machine.
    minutes = np.rint(crow_m * (36.0 / crow_kph)) / _DS_A_MINUTE
    rows, columns = np.nonzero(minutes <= cutoff_min + BOUNDARY_MIN)
    pointer = row_pointers(rows.astype(np.int32), len(origins))
    parts = (minutes[rows, columns], columns.astype(np.int32), pointer)
    nobody = origins.index[:0]
    return TravelTimes(
        minutes=sp.csr_array(parts, shape=crow_m.shape),
        origins=origins.index,
        destinations=destinations.index,
        cutoff_min=cutoff_min,
        estimated=True,
        unreachable_origins=nobody,
        unreachable_destinations=destinations.index[:0],
    )


def estimated_road_km(crow_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the estimated length by road, km, of crow distances in metres: × 1.35.

    Examples
    --------
    >>> estimated_road_km(np.array([10_000.0])).tolist()
    [13.5]
    """
    return np.asarray(crow_m * CROW_ROAD_RATIO / 1000.0)


def crow_distances_m(a: gpd.GeoDataFrame, b: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return great-circle metres between every point of `a` and every point of `b`."""
    lon_a, lat_a = lonlat(a)
    lon_b, lat_b = lonlat(b)
    return great_circle_m(lon_a[:, None], lat_a[:, None], lon_b[None, :], lat_b[None, :])


def _check_minutes(cutoff_min: float) -> None:
    if not (np.isfinite(cutoff_min) and cutoff_min > 0):
        raise InputError(f"cutoff_min={cutoff_min!r}: give a positive number of minutes.")


def whole_ds(minutes: float) -> int:
    """Return the largest whole number of tenths of a second within `minutes`."""
    return int((minutes + BOUNDARY_MIN) * _DS_A_MINUTE)


class _Chunk(NamedTuple):
    """What one call of the kernel found: the targets of one source after the other."""

    target: Ints
    ds: Ints


_Desk: TypeAlias = tuple[Ints, Ints, tuple[Ints, ...]]


class _Search:
    """One many-to-many search: the arrays the kernel reads, made once."""

    def __init__(
        self,
        roads: RoadNetwork,
        source: Snapped,
        target: Snapped,
        *,
        to_source: bool,
        cutoff_ds: int,
    ) -> None:
        graph = roads.into if to_source else roads.out
        seed = source.arriving_ds(roads) if to_source else source.leaving_ds(roads)
        access = target.leaving_ds(roads) if to_source else target.arriving_ds(roads)
        self.shape = (source.segment.size, target.segment.size)
        self.cutoff_ds = cutoff_ds = min(cutoff_ds, _longest_ds(roads, source, target))
        self.graph = (graph.pointer, graph.pairs)
        self.seeds = _seeds(roads, source, seed)
        self.targets = _targets(roads, target, access, cutoff_ds)
        self.step = _CHUNK
        self.size = np.zeros(self.shape[0], np.int32)  # pairs of each source, once searched
        self._at_rest: list[_Desk] = []
        self.direct = _direct(roads, source, target, to_source=to_source, cutoff_ds=cutoff_ds)

    def run(self, *, workers: int, progress: Progress | None) -> sp.csr_array:
        """Search from every source, chunk by chunk, and gather the sparse matrix."""
        _kernel()
        # Chunks small enough that no thread waits long for the others.
        step = self.step = max(1, min(_CHUNK, -(-self.shape[0] // (4 * workers))))
        starts = range(0, self.shape[0], step)
        done: dict[int, list[_Chunk]] = {}
        with ThreadPoolExecutor(max_workers=workers) as pool:
            queue = iter(starts)
            running: dict[Future[list[_Chunk]], int] = {}
            try:
                for first in _take(queue, 2 * workers):
                    running[pool.submit(self._chunk, first)] = first
                while running:
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        done[running.pop(future)] = future.result()
                    for first in _take(queue, len(finished)):
                        running[pool.submit(self._chunk, first)] = first
                    if progress is not None:
                        progress(min(len(done) * step, self.shape[0]), self.shape[0])
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return self._matrix([chunk for first in starts for chunk in done[first]])

    def _chunk(self, first: int) -> list[_Chunk]:
        """Search from up to `_CHUNK` sources; several pieces when the pairs do not fit one."""
        last = min(first + self.step, self.shape[0])
        try:
            target, ds, scratch = self._at_rest.pop()
        except IndexError:
            target, ds, scratch = self._desk()
        pieces: list[_Chunk] = []
        while first < last:
            after, used = _kernel().times_to_targets(
                *self.graph, *self.seeds, *self.direct, *self.targets,
                self.cutoff_ds, first, last, self.size, target, ds, *scratch,
            )  # fmt: skip
            found = slice(None, int(used))
            pieces.append(_Chunk(target[found].copy(), ds[found].copy()))
            if after == first:  # its queue was too short for this source
                scratch = self._scratch(scratch[3].size)
            first = int(after)
        self._at_rest.append((target, ds, scratch))  # the kernel leaves it as it found it
        return pieces

    def _desk(self) -> _Desk:
        """Return the arrays that one thread works on."""
        room = max(self.shape[1], min(_PAIRS, self.shape[1] * _CHUNK))
        scratch = self._scratch(self.graph[1].size // 2 + 2)
        return np.empty(room, np.int32), np.empty(room, np.int32), scratch

    def _scratch(self, entries: int) -> tuple[Ints, ...]:
        """Return what the kernel scribbles on, with so many entries in its queue."""
        nodes, targets = self.graph[0].size - 1, self.shape[1]
        arrays: tuple[Ints, ...] = _kernel().workspace(nodes, entries, targets, self.cutoff_ds)
        return arrays

    def _matrix(self, chunks: list[_Chunk]) -> sp.csr_array:
        if not chunks:
            chunks = [_Chunk(np.zeros(0, np.int32), np.zeros(0, np.int32))]
        pointer = np.concatenate(([0], np.cumsum(self.size)))
        ds = np.concatenate([c.ds for c in chunks])
        target = np.concatenate([c.target for c in chunks])
        matrix = sp.csr_array((ds, target, pointer), shape=self.shape)
        matrix.sort_indices()
        return matrix


@cache
def _kernel() -> ModuleType:
    """Load the compiled search when minutes are first asked for: it costs half a second."""
    return import_module("planner.network._search")


def _take(queue: Iterator[int], count: int) -> list[int]:
    return [item for _, item in zip(range(count), queue, strict=False)]


def _seeds(roads: RoadNetwork, place: Snapped, ds: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Return the two nodes of each source and the times to them, side by side."""
    node = np.stack((roads.start[place.segment], roads.end[place.segment]), axis=1)
    return node.ravel().astype(np.int32), np.stack(ds, axis=1).ravel()


def _targets(
    roads: RoadNetwork, place: Snapped, ds: tuple[Ints, Ints], cutoff_ds: int
) -> tuple[Ints, Ints]:
    """Return, by node, the targets that can be reached from it, and the time that takes."""
    pointer = np.zeros(roads.node_id.size + 2, np.int32)
    pairs = np.empty(4 * place.segment.size, np.int32)
    ends = (roads.start[place.segment], roads.end[place.segment])
    walled = (np.where(place.reachable, part, FAR) for part in ds)
    _kernel().targets_by_node(*ends, *walled, cutoff_ds, pointer, pairs)
    return pointer[:-1], pairs


def _direct(
    roads: RoadNetwork, source: Snapped, target: Snapped, *, to_source: bool, cutoff_ds: int
) -> tuple[Ints, Ints, Ints]:
    """Return, by source, the targets on its own segment that need no node between."""
    wanted = np.zeros(roads.start.size + 1, np.bool_)
    wanted[source.segment[source.reachable]] = True
    near = np.flatnonzero(wanted[target.segment])
    order = near[np.argsort(target.segment[near], kind="stable")]
    low = np.searchsorted(target.segment[order], source.segment, side="left")
    high = np.searchsorted(target.segment[order], source.segment, side="right")
    high = np.where(source.reachable, high, low)
    from_source = np.repeat(np.arange(source.segment.size), high - low)
    first = np.repeat(low - np.concatenate(([0], np.cumsum(high - low)[:-1])), high - low)
    to_target = order[first + np.arange(from_source.size)]
    a, b = (to_target, from_source) if to_source else (from_source, to_target)
    start, stop = (target, source) if to_source else (source, target)
    ahead = _ahead(start.forward_position_ds(roads)[a], stop.forward_position_ds(roads)[b])
    back = _ahead(start.backward_position_ds(roads)[a], stop.backward_position_ds(roads)[b])
    ds = np.minimum(ahead, back) + start.walk_ds[a] + stop.walk_ds[b]
    kept = ds <= cutoff_ds
    pointer = row_pointers(from_source[kept].astype(np.int32), source.segment.size)
    return pointer, to_target[kept].astype(np.int32), ds[kept].astype(np.int32)


def _longest_ds(roads: RoadNetwork, source: Snapped, target: Snapped) -> int:
    """Return a time that no trip exceeds: a larger cutoff would only cost memory."""
    slower = np.maximum(roads.forward_ds, roads.backward_ds)
    segments = np.maximum(slower, 0).sum(dtype=np.int64)
    walks = (int(place.walk_ds.max(initial=0)) for place in (source, target))
    return min(int(segments) + sum(walks), int(FAR) - 1)


def _ahead(here: Ints, there: Ints) -> NDArray[np.int64]:
    """Return how long after `here` the traveller passes `there`; very long if never."""
    gap = there.astype(np.int64) - here
    return np.where((gap >= 0) & (there < FAR) & (here < FAR), gap, 2**40)
