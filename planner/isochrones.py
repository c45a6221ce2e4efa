"""Polygons of the same minutes that decide coverage, cut inside road segments.

The surface is a field, not a hull: every cell of a fine grid is a place like any other, snapped to
its nearest road, and gets its minutes from the same search as the residents. The contour of that
field at ten minutes is the isochrone. So it follows valleys, leaves out what lies across a river,
ends inside a long road, and the contours of several cutoffs nest because they share one field.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import contourpy
import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
import shapely
from numpy.typing import NDArray
from scipy.spatial import KDTree

from planner._errors import InputError
from planner.network import RoadNetwork
from planner.network._arrays import FAR, Floats, Ints, Longs, gather_ranges, great_circle_m
from planner.network._snap import Snapped, lonlat, snap, walk_ds
from planner.travel import CROW_KPH, MAX_SNAP_M, WALK_KPH, Progress, search_ds, whole_ds

Look = Literal["surface", "streets"]
_Outline = Callable[[sp.csr_array, int, list[float]], list[shapely.Geometry]]

_DS_A_MINUTE = 600
_BEYOND_MIN = 1.0  # the field is known this far past the cutoff, so that contours interpolate
_SAMPLE_M = 10.0
_STREET_BUFFER_M = 60.0
_DETAIL_M = 3.0  # bends of a street that do not show once it is buffered


def polygons(
    roads: RoadNetwork,
    sites: gpd.GeoDataFrame,
    *,
    minutes: Sequence[float] = (10.0,),
    look: Look = "surface",
    to_site: bool = True,
    cell_m: float = 35.0,
    max_snap_m: float = MAX_SNAP_M,
    walk_kph: float = WALK_KPH,
    simplify_m: float = 0.0,
    progress: Progress | None = None,
) -> gpd.GeoDataFrame:
    """Return the area within some minutes of each site.

    Parameters
    ----------
    roads
        The network.
    sites
        Points in any CRS; the index is the id.
    minutes
        Cutoffs; each gives one polygon a site, and smaller ones lie inside larger ones.
    look
        ``surface`` for a smooth area, ``streets`` for the reached streets, buffered by 60 m.
    to_site
        Whether people travel to the site, as residents do, or from it.
    cell_m
        Side of a cell of the field, metres. Also the tolerance: a place farther than this from
        the border, and whose minutes are farther from the cutoff than the walk across a cell
        (28 s for 35 m), is inside exactly when it is within the minutes.
    max_snap_m, walk_kph
        As in :func:`planner.travel.times`.
    simplify_m
        Tolerance in metres to which shapes are simplified for the web, still nested; 0 for none.
    progress
        Called with the sites done and their total.

    Returns
    -------
    GeoDataFrame
        Columns site, minutes, geometry (EPSG:4326, valid, MultiPolygon), sorted by site as given
        and then by minutes. An unreachable site has an empty geometry.

    Raises
    ------
    InputError
        When no cutoff is given, or one is not a positive number, nor the side of a cell; when
        `simplify_m` is negative or not a number, there is no such look, or a site is not a point.

    Examples
    --------
    >>> from planner import network, territory
    >>> home = territory.read("liechtenstein")
    >>> roads = network.read_osm(home.roads_path)
    >>> areas = polygons(roads, home.premises.iloc[:1], minutes=(5, 10))
    >>> bool(areas.geometry.iloc[0].within(areas.geometry.iloc[1]))
    True
    """
    cutoffs = _checked(minutes)
    _check_look(look, cell_m, simplify_m)
    samples = _sample_roads(roads, spacing_m=_SAMPLE_M)
    source = snap(roads, sites, max_snap_m=max_snap_m, walk_kph=walk_kph)
    reach_ds = int((max(cutoffs) + _BEYOND_MIN) * _DS_A_MINUTE)
    if look == "streets":
        every = np.arange(samples.segment.size)
        target = samples.places(every, walk_m=np.zeros(every.size), walk_kph=walk_kph)
        outline: _Outline = partial(_buffered_streets, samples)
    else:
        walk_m = min(max_snap_m, walk_kph / 3.6 * 60 * max(cutoffs))
        grid = _Grid.over(samples, cell_m=cell_m, walk_m=walk_m, walk_kph=walk_kph)
        target, outline = grid.places, partial(_contours, grid)
    field = search_ds(
        roads, source, target, to_source=to_site, cutoff_ds=reach_ds, progress=progress
    )
    scale = np.array(roads.plane_scale)

    def drawn(site: int) -> list[shapely.Geometry]:
        return _in_degrees(outline(field, site, cutoffs), scale, simplify_m=simplify_m)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # GEOS works without Python's lock
        shapes = list(pool.map(drawn, range(len(sites))))
    return _frame(sites.index, cutoffs, shapes)


def estimated_polygons(
    sites: gpd.GeoDataFrame, *, minutes: Sequence[float] = (10.0,)
) -> gpd.GeoDataFrame:
    """Return circles for where no roads are known: the crow's way at 47 km/h.

    The same estimate as :func:`planner.travel.estimated_times`; to be labelled as such.

    Parameters
    ----------
    sites
        Points in any CRS.
    minutes
        Cutoffs.

    Returns
    -------
    GeoDataFrame
        As :func:`polygons`.
    """
    cutoffs = _checked(minutes)
    lon, lat = lonlat(sites)
    degree_m = float(great_circle_m(*(np.array([v]) for v in (0.0, 0.0, 0.0, 1.0)))[0])
    angle = np.linspace(0.0, 2 * np.pi, 73)[:-1]
    circle = np.column_stack((np.cos(angle), np.sin(angle)))
    shapes = []
    for x, y in zip(lon, lat, strict=True):
        scale = np.array([degree_m * np.cos(np.radians(y)), degree_m])
        radius_m = [1000 * CROW_KPH * cutoff / 60 for cutoff in cutoffs]
        rings = [np.array([x, y]) + circle * (r / scale) for r in radius_m]
        shapes.append([shapely.multipolygons([shapely.polygons(ring)]) for ring in rings])
    return _frame(sites.index, cutoffs, shapes)


def _checked(minutes: Sequence[float]) -> list[float]:
    cutoffs = sorted(set(map(float, minutes)))
    if not cutoffs or not np.isfinite(cutoffs).all() or cutoffs[0] <= 0:
        raise InputError(f"minutes={tuple(minutes)!r}: give one or more positive numbers.")
    return cutoffs


def _check_look(look: Look, cell_m: float, simplify_m: float) -> None:
    if look not in get_args(Look):
        raise InputError(f"look={look!r}: choose one of {', '.join(get_args(Look))}.")
    if not (np.isfinite(cell_m) and cell_m > 0):
        raise InputError(f"cell_m={cell_m!r}: give a positive number of metres.")
    if not (np.isfinite(simplify_m) and simplify_m >= 0):
        raise InputError(f"simplify_m={simplify_m!r}: give 0 or a positive number of metres.")


def _frame(
    sites: pd.Index, cutoffs: list[float], shapes: list[list[shapely.Geometry]]
) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "site": np.repeat(sites.to_numpy(), len(cutoffs)),
            "minutes": np.tile(cutoffs, len(sites)),
        },
        geometry=[shape for row in shapes for shape in row],
        crs=4326,
    )


@dataclass(frozen=True)
class _Samples:
    """Points along the usable roads, close enough that the nearest one tells the road."""

    segment: Ints
    fraction: Floats
    xy: Floats  # plane metres

    def places(self, rows: Longs, *, walk_m: Floats, walk_kph: float) -> Snapped:
        """Return places on the roads, each at a sample point and a walk away from it."""
        walked = walk_ds(walk_m, walk_kph=walk_kph)
        return Snapped(self.segment[rows], self.fraction[rows], walk_m, walked)


def _sample_roads(roads: RoadNetwork, *, spacing_m: float) -> _Samples:
    """Return points every `spacing_m` metres along the usable roads, their ends included."""
    usable = np.flatnonzero(roads.usable).astype(np.int32)
    coordinates, index = roads.lines(usable)
    plane = coordinates * np.array(roads.plane_scale)
    if not len(plane):
        return _Samples(usable, np.zeros(0), plane)
    delta = np.diff(plane, axis=0)
    step = np.where(np.diff(index) == 0, np.hypot(delta[:, 0], delta[:, 1]), 0.0)
    along = np.concatenate(([0.0], np.cumsum(step)))
    first = np.searchsorted(index, np.arange(usable.size), side="left")
    last = np.searchsorted(index, np.arange(usable.size), side="right") - 1
    length = along[last] - along[first]
    count = np.maximum(np.ceil(length / spacing_m), 1).astype(np.int64) + 1
    row = np.repeat(np.arange(usable.size), count)
    number = gather_ranges(np.zeros(usable.size, np.int64), count)
    fraction = number / (count[row] - 1)
    at = along[first][row] + fraction * length[row]
    xy = np.column_stack([np.interp(at, along, plane[:, axis]) for axis in (0, 1)])
    at_end = at >= along[last][row]  # where one line ends the next begins: do not jump to it
    xy[at_end] = plane[last][row][at_end]
    return _Samples(usable[row].astype(np.int32), fraction, xy)


@dataclass(frozen=True)
class _Grid:
    """Cells near a road, as rows and columns of a grid in plane metres, and where each is."""

    row: Longs
    column: Longs
    cell_m: float
    places: Snapped

    @classmethod
    def over(cls, samples: _Samples, *, cell_m: float, walk_m: float, walk_kph: float) -> "_Grid":
        """Snap to their nearest road the cells from which one can be walked to.

        Only blocks of cells around roads are looked at: the cost follows the roads' length, not
        the area they span.
        """
        block = int(walk_m // cell_m) + 1
        homes = np.unique(np.floor(samples.xy / (block * cell_m)).astype(np.int64), axis=0)
        blocks = np.unique((homes[:, None] + _square(-1, 2)).reshape(-1, 2), axis=0)
        cells = (blocks[:, None] * block + _square(0, block)).reshape(-1, 2)
        walk: Floats = np.zeros(0)
        nearest: Longs = np.zeros(0, np.int64)
        if len(cells):
            found = KDTree(samples.xy).query(
                cells * cell_m, distance_upper_bound=walk_m, workers=-1
            )
            walk, nearest = np.asarray(found[0]), np.asarray(found[1])
        near = np.isfinite(walk)
        places = samples.places(nearest[near], walk_m=walk[near], walk_kph=walk_kph)
        return cls(cells[near, 1], cells[near, 0], cell_m, places)


def _square(low: int, high: int) -> Longs:
    """Return all pairs of whole numbers from `low` to below `high`."""
    side = np.arange(low, high)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def _contours(
    grid: _Grid, field: sp.csr_array, site: int, cutoffs: list[float]
) -> list[shapely.Geometry]:
    """Return the contours of one site's field of minutes, smallest cutoff first."""
    found = slice(field.indptr[site], field.indptr[site + 1])
    if found.start == found.stop:
        return [shapely.MultiPolygon()] * len(cutoffs)
    rows, columns = grid.row[field.indices[found]], grid.column[field.indices[found]]
    top, left = rows.min() - 1, columns.min() - 1
    shape = (rows.max() - top + 2, columns.max() - left + 2)
    surface = np.full(shape, (max(cutoffs) + _BEYOND_MIN) * _DS_A_MINUTE, np.float64)
    surface[rows - top, columns - left] = field.data[found]
    generator = contourpy.contour_generator(
        (left + np.arange(shape[1])) * grid.cell_m,
        (top + np.arange(shape[0])) * grid.cell_m,
        surface,
        fill_type=contourpy.FillType.OuterOffset,
    )
    # Half a tenth above the cutoff, where no cell is: contours through cells touch themselves.
    return [_area(*generator.filled(-1.0, whole_ds(cutoff) + 0.5)) for cutoff in cutoffs]


def _area(points: list[Floats], offsets: list[NDArray[np.uint32]]) -> shapely.Geometry:
    """Return the filled contours as one valid multipolygon."""
    shapes = []
    for xy, offset in zip(points, offsets, strict=True):
        rings = np.repeat(np.arange(offset.size - 1), np.diff(offset).astype(np.int64))
        lines = shapely.linearrings(xy, indices=rings)
        shapes.append(shapely.polygons(lines[0], holes=lines[1:]))
    return _multipolygon(shapely.multipolygons(np.array(shapes, dtype=object)))


def _multipolygon(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape as a valid multipolygon, whatever a repair made of it."""
    if not shape.is_valid:
        shape = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])


def _in_degrees(
    shapes: list[shapely.Geometry], scale: Floats, *, simplify_m: float
) -> list[shapely.Geometry]:
    """Return one site's shapes, smallest first, simplified and cut to the next larger one.

    They are cut in degrees: what is cut in metres may touch itself once it is rounded to degrees.
    """
    simple = shapely.simplify(shapes, simplify_m) if simplify_m else shapes
    degrees = list(shapely.transform(np.array(simple, dtype=object), lambda xy: xy / scale))
    if simplify_m:
        degrees = [_multipolygon(shape) for shape in degrees]
        for k in range(len(degrees) - 2, -1, -1):
            degrees[k] = _multipolygon(shapely.intersection(degrees[k], degrees[k + 1]))
    return degrees


def _buffered_streets(
    samples: _Samples, field: sp.csr_array, site: int, cutoffs: list[float]
) -> list[shapely.Geometry]:
    """Return the reached pieces of streets, buffered, smallest cutoff first.

    Each cutoff adds its own streets to the area of the one before, so that areas nest and no
    street is buffered twice. Streets are buffered one by one and then united: some ten times
    faster than to buffer them together.
    """
    found = slice(field.indptr[site], field.indptr[site + 1])
    sample, ds = field.indices[found], field.data[found]
    if not sample.size:
        return [shapely.MultiPolygon()] * len(cutoffs)
    follows = (np.diff(sample) == 1) & (np.diff(samples.segment[sample]) == 0)
    reached = np.where(follows, np.maximum(ds[:-1], ds[1:]), FAR)  # the time of each piece
    place = shapely.points(samples.xy[sample[np.argmin(ds)]])
    before, area, areas = -1, shapely.MultiPolygon(), []
    for after in map(whole_ds, cutoffs):
        pieces = np.flatnonzero((reached > before) & (reached <= after))
        streets = [*_lines(samples.xy[sample], pieces), *([place] if ds.min() <= after else [])]
        wide = shapely.buffer(np.array(streets, dtype=object), _STREET_BUFFER_M, quad_segs=3)
        area, before = _multipolygon(shapely.union_all([area, *wide])), after
        areas.append(area)
    return areas


def _lines(xy: Floats, pieces: Longs) -> list[shapely.Geometry]:
    """Return the lines that pieces from one point of `xy` to the next make, without detail."""
    if not pieces.size:
        return []
    last = np.append(np.flatnonzero(np.diff(pieces) != 1), pieces.size - 1)
    first = np.append(0, last[:-1] + 1)
    points = gather_ranges(pieces[first], pieces[last] + 2)
    line = np.repeat(np.arange(first.size), last - first + 2)
    return list(shapely.simplify(shapely.linestrings(xy[points], indices=line), _DETAIL_M))
