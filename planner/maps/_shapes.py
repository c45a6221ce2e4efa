"""Geometry as a web map wants it: simplified to what the eye sees, longitude and latitude."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

MERCATOR = "EPSG:3857"
_STEPS = 4000
_DECIMALS = 5  # about one metre
_MARGIN = 0.15
_AREAS = (3, 6)  # polygon, multipolygon
_ATTEMPTS = 16
_SPECK = 6  # times as wide as what a line may move by

Feature = dict[str, Any]
Shapes = NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Extent:
    """The part of the world a map shows, in web Mercator metres."""

    west: float
    south: float
    east: float
    north: float

    @property
    def detail(self) -> float:
        """The size of what is too small to be seen, even after zooming in a few times."""
        return float(np.hypot(self.east - self.west, self.north - self.south)) / _STEPS

    @property
    def window(self) -> tuple[float, float, float, float]:
        """The extent and a margin, beyond which roads are cut."""
        dx, dy = _MARGIN * (self.east - self.west), _MARGIN * (self.north - self.south)
        return (self.west - dx, self.south - dy, self.east + dx, self.north + dy)

    @property
    def corners(self) -> list[list[float]]:
        """South-west and north-east as latitude and longitude."""
        points = lonlat(shapely.points([[self.west, self.south], [self.east, self.north]]))
        return [[float(point.y), float(point.x)] for point in points]


def extent(*frames: gpd.GeoDataFrame, room: float = 0.0) -> Extent:
    """Return the extent of all the frames, in web Mercator, and some room around it."""
    bounds = np.array([frame.total_bounds for frame in frames])
    low, high = np.nanmin(bounds[:, :2], axis=0), np.nanmax(bounds[:, 2:], axis=0)
    around = np.maximum(room, (1000.0 - (high - low)) / 2)  # a lone point still makes a map
    (west, south), (east, north) = low - around, high + around
    return Extent(west=float(west), south=float(south), east=float(east), north=float(north))


def lean(shapes: Shapes, *, detail: float, vertices: int, tiled: bool = False) -> Shapes:
    """Simplify shapes to what the eye sees, and further until they hold so few vertices.

    Where they must be coarser than that, holes and islands of areas that are less than six times as
    wide as what a line may move by go first: a lattice of lanes leaves hundreds of them, which no
    simplification would remove, and lines would be bent out of shape in their place. What is
    simplified further is what the eye sees, not the whole again: lines move by `detail` more at
    most.

    Parameters
    ----------
    shapes
        Lines or polygons.
    detail
        The distance in metres below which nothing shows.
    vertices
        How many all the shapes may hold, about 20 bytes each in the page.
    tiled
        Whether polygons cover an area together, as communes do: they then stay without a gap
        between them. Those that overlap or leave gaps are simplified one by one all the same.

    Returns
    -------
    Shapes
        The shapes, in the same order.
    """
    areas = bool(np.isin(shapely.get_type_id(shapes), _AREAS).all())
    if tiled and areas and shapely.coverage_is_valid(shapes):
        return _fitting(shapes, shapely.coverage_simplify, detail=detail, vertices=vertices)
    simplify = partial(shapely.simplify, preserve_topology=areas)
    specks = _without_specks if areas else None
    return _fitting(shapes, simplify, specks, detail=detail, vertices=vertices)


def _fitting(
    shapes: Shapes,
    simplify: Callable[[Shapes, float], Shapes],
    without_specks: Callable[[Shapes, float], Shapes] | None = None,
    *,
    detail: float,
    vertices: int,
) -> Shapes:
    """Return the shapes at the finest of a few tolerances at which they hold so few vertices."""
    shown = leaner = simplify(shapes, detail)
    for coarser in detail * 1.5 ** np.arange(1, _ATTEMPTS):
        if shapely.get_num_coordinates(leaner).sum() <= vertices:
            break
        if without_specks is not None:
            shown = without_specks(shown, float(_SPECK * coarser) ** 2)
        leaner = simplify(shown, float(coarser))
    return leaner


def _without_specks(shapes: Shapes, smallest_m2: float) -> Shapes:
    """Return areas without the holes and the parts that are smaller; the largest part stays."""
    parts, of_shape = shapely.get_parts(shapes, return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    area = shapely.area(shapely.polygons(rings))
    outer = np.concatenate(([True], of_part[1:] != of_part[:-1])) if len(rings) else area > 0
    largest = np.zeros(len(shapes))
    np.maximum.at(largest, of_shape, area[outer])
    kept = (area >= smallest_m2) | (outer & (area >= largest[of_shape[of_part]]))
    kept &= kept[outer][of_part]  # a hole goes with its part
    found: list[list[shapely.Polygon]] = [[] for _ in shapes]
    starts = np.flatnonzero(outer)
    for part, (start, stop) in enumerate(zip(starts, [*starts[1:], len(rings)], strict=True)):
        if kept[start]:
            holes = rings[start + 1 : stop][kept[start + 1 : stop]]
            found[of_shape[part]].append(shapely.Polygon(rings[start], holes))
    whole: Shapes = np.array([shapely.multipolygons(polygons) for polygons in found], dtype=object)
    return whole


def joined(lines: Shapes, *, view: Extent) -> Any:  # noqa: ANN401 - any kind of lines
    """Return the lines inside the view as one shape, joined end to end."""
    inside = shapely.get_parts(shapely.clip_by_rect(lines, *view.window))
    return shapely.line_merge(shapely.multilinestrings(inside[shapely.get_type_id(inside) == 1]))


def together(areas: Shapes) -> Any:  # noqa: ANN401 - any kind of area
    """Return the areas as one shape."""
    return shapely.union_all(shapely.make_valid(areas))


def lonlat(shapes: Shapes) -> Shapes:
    """Return web Mercator shapes as longitude and latitude, rounded to what the web needs."""
    degrees = gpd.GeoSeries(shapes, crs=MERCATOR).to_crs("EPSG:4326").to_numpy()
    rounded: Shapes = shapely.transform(degrees, lambda xy: np.round(xy, _DECIMALS))
    return rounded


def features(shapes: Shapes, properties: list[dict[str, Any]]) -> Feature:
    """Return a GeoJSON collection of web Mercator shapes; its ids count from 0."""
    pairs = zip(shapely.to_geojson(lonlat(shapes)), properties, strict=True)
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": n, "properties": values, "geometry": json.loads(text)}
            for n, (text, values) in enumerate(pairs)
        ],
    }
