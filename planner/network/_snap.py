"""Where a place meets the roads: the nearest point of a road, not the nearest node."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from planner._errors import InputError
from planner.network._arrays import FAR, Bools, Floats, Ints, great_circle_m
from planner.network._speeds import NEVER
from planner.network.graph import RoadNetwork

_NODE_M = 0.5  # nearer to the end of a segment than this, a place stands on the node
_SLOWEST_WALK_KPH = 0.1


@dataclass(frozen=True)
class Snapped:
    """Places on the roads.

    Attributes
    ----------
    segment
        Segment each place was snapped to; -1 where no usable road lies within the limit.
    fraction
        Where along the segment, 0 at its start.
    walk_m
        Metres from the place to the road; inf where unreachable.
    walk_ds
        Time to walk them, tenths of a second; 0 where unreachable.
    """

    segment: Ints
    fraction: Floats
    walk_m: Floats
    walk_ds: Ints

    @property
    def reachable(self) -> Bools:
        """Whether a usable road lies within the limit."""
        return np.asarray(self.segment >= 0)

    def forward_position_ds(self, roads: RoadNetwork) -> Ints:
        """Return how long after the start the place is passed, driving forward; FAR if closed."""
        return _position(roads.forward_ds, self.segment, self.fraction)

    def backward_position_ds(self, roads: RoadNetwork) -> Ints:
        """Return how long after the end the place is passed, driving back; FAR if closed."""
        return _position(roads.backward_ds, self.segment, 1.0 - self.fraction)

    def leaving_ds(self, roads: RoadNetwork) -> tuple[Ints, Ints]:
        """Return the times from each place to the start and to the end of its segment."""
        to_start = _rest(roads.backward_ds, self.segment, self.backward_position_ds(roads))
        to_end = _rest(roads.forward_ds, self.segment, self.forward_position_ds(roads))
        return self._on_nodes(roads, to_start, to_end)

    def arriving_ds(self, roads: RoadNetwork) -> tuple[Ints, Ints]:
        """Return the times to each place from the start and from the end of its segment."""
        return self._on_nodes(
            roads, self.forward_position_ds(roads), self.backward_position_ds(roads)
        )

    def _on_nodes(self, roads: RoadNetwork, start_ds: Ints, end_ds: Ints) -> tuple[Ints, Ints]:
        """Add the walk; a place on a node is there at once, whatever its segment's directions."""
        length, early = roads.length_m[self.segment], self.fraction <= 0.5  # noqa: PLR2004 - half
        at_start = self.reachable & early & (self.fraction * length < _NODE_M)
        at_end = self.reachable & ~early & ((1.0 - self.fraction) * length < _NODE_M)
        return (
            _plus(np.where(at_start, 0, start_ds), self.walk_ds),
            _plus(np.where(at_end, 0, end_ds), self.walk_ds),
        )


def _position(ds: Ints, segment: Ints, fraction: Floats) -> Ints:
    whole = np.where(segment >= 0, ds[segment], NEVER)
    part = np.rint(np.maximum(whole, 0) * fraction)
    return np.where(whole == NEVER, FAR, part).astype(np.int32)


def _rest(ds: Ints, segment: Ints, position: Ints) -> Ints:
    return np.where(position == FAR, FAR, ds[segment] - position).astype(np.int32)


def _plus(ds: Ints, more: Ints) -> Ints:
    return np.where(ds == FAR, FAR, np.minimum(ds.astype(np.int64) + more, FAR)).astype(np.int32)


def snap(
    roads: RoadNetwork, points: gpd.GeoDataFrame, *, max_snap_m: float, walk_kph: float
) -> Snapped:
    """Snap points to the nearest usable road.

    Usable is a road of the largest strongly connected component that is no motorway and no
    tunnel: so a place is never on an island, never in a one-way trap. Of equally near roads the
    first segment is taken.

    Parameters
    ----------
    roads
        The network.
    points
        Points in any CRS.
    max_snap_m
        Farther than this from a usable road, a point is unreachable.
    walk_kph
        Speed from the point to the road, km/h.

    Returns
    -------
    Snapped
        One entry a point, in the order given.

    Raises
    ------
    InputError
        When the points have no CRS, or some are missing, empty, not points or nowhere on Earth;
        when the limit or the speed is not a number that makes sense.
    """
    if not max_snap_m >= 0:
        raise InputError(f"max_snap_m={max_snap_m!r}: give metres, 0 or more.")
    lon, lat = lonlat(points)
    scale = roads.plane_scale
    plane = shapely.points(lon * scale[0], lat * scale[1])
    tree, usable, lines = roads.segment_tree
    near = np.full(lon.size, -1, np.int64)
    if usable.size and lon.size:
        reach = 1.1 * max_snap_m  # the plane is some % off at the edges of a large network
        found = tree.query_nearest(plane, max_distance=max(reach, 1e-6), all_matches=True)
        first = np.lexsort((found[1], found[0]))
        point, at = np.unique(found[0][first], return_index=True)
        near[point] = found[1][first][at]
    ok = near >= 0
    segment = np.where(ok, usable[near] if usable.size else -1, -1).astype(np.int32)
    fraction, walk_m = np.zeros(lon.size), np.full(lon.size, np.inf)
    line = lines[near[ok]]
    with np.errstate(invalid="ignore"):  # a line of no length has no fractions: its start
        along = shapely.line_locate_point(line, np.asarray(plane)[ok], normalized=True)
    fraction[ok] = np.nan_to_num(along)
    foot = shapely.get_coordinates(
        shapely.line_interpolate_point(line, fraction[ok], normalized=True)
    )
    walk_m[ok] = great_circle_m(lon[ok], lat[ok], foot[:, 0] / scale[0], foot[:, 1] / scale[1])
    too_far = walk_m > max_snap_m
    segment[too_far] = -1
    walk_m[too_far] = np.inf
    return Snapped(segment, fraction, walk_m, walk_ds(walk_m, walk_kph=walk_kph))


def walk_ds(walk_m: Floats, *, walk_kph: float) -> Ints:
    """Return the time to walk from a place to its road, tenths of a second; 0 where no road is.

    Raises
    ------
    InputError
        When nobody walks at that speed.
    """
    if not (np.isfinite(walk_kph) and walk_kph >= _SLOWEST_WALK_KPH):
        raise InputError(f"walk_kph={walk_kph!r}: give {_SLOWEST_WALK_KPH} km/h or more.")
    ds = np.rint(np.where(np.isfinite(walk_m), walk_m, 0.0) * (36.0 / walk_kph))
    return np.minimum(ds, FAR).astype(np.int32)


def lonlat(points: gpd.GeoDataFrame | gpd.GeoSeries) -> tuple[Floats, Floats]:
    """Return longitudes and latitudes of points in any CRS.

    Raises
    ------
    InputError
        When there is no CRS, or a geometry is missing, empty, not a point or nowhere on Earth.
    """
    if points.crs is None:
        raise InputError("points without a CRS: say which one they are in with .set_crs(…).")
    geometry = points.geometry
    wrong = ~(shapely.get_type_id(geometry.array) == 0) | shapely.is_empty(geometry.array)
    _refuse(points.index[wrong], "are not points")
    degrees = geometry.to_crs(4326)
    lon, lat = degrees.x.to_numpy(), degrees.y.to_numpy()
    _refuse(
        points.index[~((np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0))],  # noqa: PLR2004 - degrees
        "are nowhere on Earth: are their coordinates in the CRS they say",
    )
    return lon, lat


def _refuse(ids: pd.Index, why: str) -> None:
    if len(ids):
        raise InputError(f"{len(ids)} places {why} (first: {', '.join(map(str, ids[:5]))}).")
