"""Small maps as inline SVG: shapes in metres to a drawing of a given width, north above."""

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray

from planner._html import Fragment

Place = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def fitted(bounds: tuple[float, float, float, float], *, width: float) -> tuple[Place, float]:
    """Return how coordinates become those of a drawing, and how high it is.

    Parameters
    ----------
    bounds
        West, south, east, north of what is drawn, in metres.
    width
        Of the drawing.

    Returns
    -------
    tuple[Place, float]
        A function of coordinates (n × 2) to tenths of the drawing's units; its height.

    Examples
    --------
    >>> place, height = fitted((0.0, 0.0, 1000.0, 500.0), width=100.0)
    >>> place(np.array([[1000.0, 0.0]])).tolist(), height
    ([[100.0, 50.0]], 50.0)
    """
    west, south, east, north = bounds
    scale = width / max(east - west, 1.0)

    def place(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = np.column_stack([(xy[:, 0] - west) * scale, (north - xy[:, 1]) * scale])
        return np.asarray(moved.round(1))

    return place, (north - south) * scale


def outline(shape: shapely.Geometry, place: Place) -> Fragment:
    """Return polygons as the `d` of a path.

    Parameters
    ----------
    shape
        A polygon or several, in metres.
    place
        As :func:`fitted` returns it.

    Examples
    --------
    >>> place, _ = fitted((0.0, 0.0, 10.0, 10.0), width=10.0)
    >>> outline(shapely.box(0, 0, 10, 5), place)
    'M10 10L10 5L0 5L0 10Z'
    """
    rings = [
        np.asarray(ring.coords)[:-1, :2]
        for part in shapely.get_parts(shape)
        for ring in (part.exterior, *part.interiors)
    ]
    return Fragment(
        "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in place(ring)) + "Z" for ring in rings)
    )


def discs(shapes: NDArray[np.object_], *, radius_m: float, step_m: float) -> NDArray[np.object_]:
    """Return shapes light enough for a small map; what is a point becomes a disc.

    Parameters
    ----------
    shapes
        Polygons that share their borders, or points, in metres.
    radius_m
        Of the discs.
    step_m
        Detail below which borders are straightened, the same for both neighbours.
    """
    areal = shapely.get_dimensions(shapes) == 2  # noqa: PLR2004 - polygons
    if areal.all():
        return np.asarray(shapely.coverage_simplify(shapes, step_m))
    return np.where(areal, shapes, shapely.buffer(shapes, radius_m))
