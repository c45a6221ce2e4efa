"""What the scenarios of one territory share: roads, minutes, isochrones, each worked out once."""

import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
import shapely
from numpy.typing import NDArray

from planner import isochrones, network, travel
from planner._files import replacing
from planner.assumptions import DEFAULTS
from planner.network import CAR_RANGE, RoadNetwork
from planner.network._snap import lonlat
from planner.scenarios._scenario import Scenario
from planner.sources import osm_water
from planner.territory import Territory
from planner.travel import CROW_KPH, TravelTimes

_TABLES = 8  # sets of origins, speeds and cutoff whose minutes are kept in memory
_FORMAT = "1"  # raise it when minutes would be found differently

Coordinates = tuple[float, float]


class _Reach(NamedTuple):
    """How minutes are asked for: what two scenarios must agree on to share them."""

    roads: str
    cutoff_min: float
    max_snap_m: float
    walk_kph: float
    crow_kph: float


@dataclass(frozen=True)
class _Block:
    """Minutes that are known, and the column of each destination, by its coordinates."""

    found: TravelTimes
    column: dict[Coordinates, int]
    reachable: NDArray[np.bool_]


class Shared:
    """Roads, minutes and isochrones of a territory, kept from one scenario to the next.

    What is kept is what would be found: a scenario gives the same bytes alone and after others.
    Minutes are kept by destination, as each column stands for itself, and isochrones by site.

    Parameters
    ----------
    territory
        The only one they are for.
    folder
        Where roads and minutes are kept for other processes and other days; may be shared by
        several of them. In memory alone when left out.
    """

    def __init__(self, territory: Territory, *, folder: Path | None = None) -> None:
        self.territory = territory
        self._folder = folder
        self._roads: dict[str, RoadNetwork] = {}
        self._lines: dict[str, gpd.GeoDataFrame] = {}
        self._minutes: OrderedDict[str, list[_Block]] = OrderedDict()
        self._areas: dict[tuple[object, ...], list[shapely.Geometry]] = {}

    def roads(self, profile: str) -> RoadNetwork | None:
        """Return the roads at the speeds of a profile; None where times are estimates."""
        path = self.territory.roads_path
        if path is None:
            return None
        if profile not in self._roads:
            mode = network.PROFILES[profile].mode
            alike = (roads for roads in self._roads.values() if roads.profile.mode == mode)
            if other := next(alike, None):
                found = other.with_profile(profile)
            elif self._folder is None:
                found = network.read_osm(path, profile=profile)
            else:
                found = network.read_cached(path, folder=self._folder, profile=profile)
            self._roads[profile] = found
        return self._roads[profile]

    def speeds(self, scenario: Scenario) -> Iterator[tuple[RoadNetwork | None, float]]:
        """Return the roads, or the speed of estimates, at the slow and the fast end of the known.

        Parameters
        ----------
        scenario
            Its profile; other profiles than that of a car have no range.

        Returns
        -------
        Iterator[tuple[RoadNetwork | None, float]]
            Roads and crow-fly speed, slow first.
        """
        if self.territory.roads_path is None:
            crow = DEFAULTS["crow_kph"]
            yield from ((None, kph) for kph in (crow.low, crow.high))
        elif scenario.profile in CAR_RANGE:
            yield from ((self.roads(profile), CROW_KPH) for profile in CAR_RANGE)

    @cached_property
    def water(self) -> gpd.GeoDataFrame | None:
        """Rivers and lakes of the file of roads, None where there is none."""
        path = self.territory.roads_path
        return None if path is None else osm_water.read(path)

    def road_lines(self, roads: RoadNetwork) -> gpd.GeoDataFrame:
        """Return the roads as lines with their class (highway), EPSG:4326."""
        name = roads.profile.name
        if name not in self._lines:
            self._lines[name] = road_lines(roads)
        return self._lines[name]

    def times(
        self,
        roads: RoadNetwork | None,
        scenario: Scenario,
        origins: gpd.GeoDataFrame,
        destinations: gpd.GeoDataFrame,
        *,
        cutoff_min: float,
        crow_kph: float = CROW_KPH,
        keep: bool = False,
        progress: travel.Progress | None = None,
    ) -> TravelTimes:
        """Return minutes on the roads, or estimates where there are none.

        Parameters
        ----------
        roads
            From :meth:`roads`; None for estimates.
        scenario
            Snapping and walking.
        origins, destinations
            Points.
        cutoff_min
            Longest time of interest.
        crow_kph
            Speed of the estimates.
        keep
            Whether they are kept on disk too: what every scenario will ask for.
        progress
            Called with what is done and its total.

        Returns
        -------
        TravelTimes
            Sparse minutes, as :func:`planner.travel.times` gives them.
        """
        how = _Reach(
            "" if roads is None else roads.profile.name,
            cutoff_min, scenario.max_snap_m, scenario.walk_kph, crow_kph,
        )  # fmt: skip
        key = _key(how, self.territory.digest, origins)
        where = list(zip(*(axis.tolist() for axis in lonlat(destinations)), strict=True))
        blocks = self._minutes.setdefault(key, [])
        self._minutes.move_to_end(key)
        while len(self._minutes) > _TABLES:
            self._minutes.popitem(last=False)
        known = {place for block in blocks for place in block.column}
        fresh = np.array([place not in known for place in where], bool)
        if fresh.any() or not blocks:
            asked = destinations[fresh] if fresh.any() else destinations
            path = self._path(key, asked) if keep else None
            found = _read(path, origins, asked, how, estimated=roads is None)
            if found is None:
                found = _searched(roads, origins, asked, how, progress=progress)
                _write(path, found)
            reachable = ~asked.index.isin(found.unreachable_destinations)
            places = [place for place, new in zip(where, fresh, strict=True) if new]
            column = {place: i for i, place in enumerate(places)}
            blocks.append(_Block(found, column, np.asarray(reachable)))
        return _gathered(blocks, where, destinations.index)

    def polygons(
        self,
        roads: RoadNetwork | None,
        scenario: Scenario,
        sites: gpd.GeoDataFrame,
        *,
        minutes: Sequence[float],
        progress: travel.Progress | None = None,
    ) -> gpd.GeoDataFrame:
        """Return the isochrones of some sites, as :func:`planner.isochrones.polygons` does.

        Parameters
        ----------
        roads
            From :meth:`roads`; circles without them.
        scenario
            Snapping and walking.
        sites
            Points.
        minutes
            Cutoffs.
        progress
            Called with the sites done and their total.
        """
        if roads is None or not len(sites):
            return isochrones.estimated_polygons(sites, minutes=minutes)
        cutoffs = tuple(sorted(set(minutes)))
        how = (roads.profile.name, scenario.max_snap_m, scenario.walk_kph, cutoffs)
        keys = [(*how, *place) for place in zip(*map(tuple, lonlat(sites)), strict=True)]
        fresh = np.array([key not in self._areas for key in keys], bool)
        if fresh.any():
            found = isochrones.polygons(
                roads, sites[fresh], minutes=cutoffs, max_snap_m=scenario.max_snap_m,
                walk_kph=scenario.walk_kph, progress=progress,
            )  # fmt: skip
            shapes = found.geometry.to_numpy().reshape(-1, len(cutoffs))
            new = [key for key, is_new in zip(keys, fresh, strict=True) if is_new]
            self._areas |= dict(zip(new, map(list, shapes), strict=True))
        columns = {
            "site": np.repeat(sites.index.to_numpy(), len(cutoffs)),
            "minutes": np.tile(cutoffs, len(sites)),
        }
        areas = [shape for key in keys for shape in self._areas[key]]
        return gpd.GeoDataFrame(columns, geometry=areas, crs=4326)

    def _path(self, key: str, asked: gpd.GeoDataFrame) -> Path | None:
        if self._folder is None:
            return None
        name = hashlib.sha256(f"{key} {_told(asked)}".encode()).hexdigest()
        return self._folder / f"minutes-{name[:32]}.npz"


def _read(
    path: Path | None,
    origins: gpd.GeoDataFrame,
    asked: gpd.GeoDataFrame,
    how: _Reach,
    *,
    estimated: bool,
) -> TravelTimes | None:
    """Return minutes that were kept on disk, None where they were not or are damaged."""
    if path is None or not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            parts = tuple(kept[name] for name in ("data", "indices", "indptr"))
            beyond, lost = kept["origins"], kept["destinations"]
            sound = kept["seal"].tobytes().decode() == _seal(*parts, beyond, lost)
    except Exception:  # noqa: BLE001 - NumPy and zipfile raise a dozen kinds
        sound = False
    if not sound:  # they are found again, and written again
        return None
    return TravelTimes(
        minutes=sp.csr_array(parts, shape=(len(origins), len(asked))),
        origins=origins.index,
        destinations=asked.index,
        cutoff_min=how.cutoff_min,
        estimated=estimated,
        unreachable_origins=origins.index[beyond],
        unreachable_destinations=asked.index[lost],
    )


def _write(path: Path | None, found: TravelTimes) -> None:
    if path is None:
        return
    matrix = found.minutes
    parts = [np.asarray(part) for part in (matrix.data, matrix.indices, matrix.indptr)]
    flags = [
        np.flatnonzero(index.isin(lost))
        for index, lost in (
            (found.origins, found.unreachable_origins),
            (found.destinations, found.unreachable_destinations),
        )
    ]
    names = ("data", "indices", "indptr", "origins", "destinations")
    arrays = dict(zip(names, [*parts, *flags], strict=True))
    seal = np.frombuffer(_seal(*arrays.values()).encode(), np.uint8)
    with (
        contextlib.suppress(OSError),  # a folder that cannot be written costs time, no more
        replacing(path) as temporary,
        temporary.open("xb") as file,
    ):
        np.savez(file, allow_pickle=False, **arrays, seal=seal)


def road_lines(roads: RoadNetwork) -> gpd.GeoDataFrame:
    """Return the roads of a network as lines with their class (highway), EPSG:4326."""
    coordinates, index = roads.lines()
    classes = np.array(network.CLASSES)[roads.road_class]
    lines = shapely.linestrings(coordinates, indices=index)
    return gpd.GeoDataFrame({"highway": classes}, geometry=lines, crs=4326)


def _searched(
    roads: RoadNetwork | None,
    origins: gpd.GeoDataFrame,
    destinations: gpd.GeoDataFrame,
    how: _Reach,
    *,
    progress: travel.Progress | None,
) -> TravelTimes:
    if roads is None:
        return travel.estimated_times(
            origins, destinations, cutoff_min=how.cutoff_min, crow_kph=how.crow_kph
        )
    return travel.times(
        roads, origins, destinations, cutoff_min=how.cutoff_min, max_snap_m=how.max_snap_m,
        walk_kph=how.walk_kph, progress=progress,
    )  # fmt: skip


def _gathered(
    blocks: list[_Block], where: list[Coordinates], destinations: pd.Index
) -> TravelTimes:
    """Return the minutes to some destinations, from the blocks that hold their columns."""
    for block in blocks:
        if list(block.column) == where:
            return replace(block.found, destinations=destinations)
    first = blocks[0].found
    place: dict[Coordinates, int] = {}  # where each destination is in all blocks side by side
    width = 0
    for block in blocks:
        place |= {key: width + column for key, column in block.column.items()}
        width += block.found.minutes.shape[1]
    columns = np.array([place[key] for key in where], np.int64)
    parts = [block.found.minutes for block in blocks]
    whole = parts[0] if len(parts) == 1 else sp.hstack(parts, format="csr")
    picked = sp.csr_array(whole[:, columns])
    picked.sort_indices()
    kind = first.minutes.indices.dtype
    minutes = sp.csr_array(
        (picked.data, picked.indices.astype(kind), picked.indptr.astype(kind)), shape=picked.shape
    )
    reachable = np.concatenate([block.reachable for block in blocks])[columns]
    return replace(
        first,
        minutes=minutes,
        destinations=destinations,
        unreachable_destinations=destinations[~reachable],
    )


def _key(how: _Reach, territory: str, origins: gpd.GeoDataFrame) -> str:
    return f"{_FORMAT} {territory} {tuple(how)!r} {_told(origins)}"


def _told(points: gpd.GeoDataFrame) -> str:
    """Return a digest of the ids and the coordinates of some points."""
    hashed = hashlib.sha256("\0".join(map(str, points.index)).encode())
    for axis in lonlat(points):
        hashed.update(np.ascontiguousarray(axis, np.float64).tobytes())
    return hashed.hexdigest()


def _seal(*arrays: NDArray[np.generic]) -> str:
    hashed = hashlib.sha256()
    for array in arrays:
        hashed.update(f"{array.dtype.str} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()
