"""The network drawn for paper, in metres, in the colours and shapes of the web map."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.patheffects import Stroke
from numpy.typing import NDArray

from planner._format import number, percent
from planner._language import say
from planner._svg import discs
from planner.dossier._charts import INK, compound, drawable
from planner.maps._base import coverage_class, coverage_colour, in_france
from planner.maps._words import (
    COVERAGE_BOUNDS,
    COVERAGE_COLOURS,
    ROAD_COLOUR,
    TIERS,
    UNCOVERED_COLOUR,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pyproj import CRS

    from planner.plan import Plan

_MARKERS = {"structuring": "s", "corpoworking": "D", "mini": "o"}
_AREA = {"structuring": 90.0, "corpoworking": 80.0, "mini": 70.0}  # points squared
_WIDTHS = {"motorway": 1.6, "trunk": 1.5, "primary": 1.2, "secondary": 0.9, "tertiary": 0.6}
_MINOR = 0.25
_SIMPLE_M, _DISC_M, _ROAD_M = 40.0, 900.0, 25.0
_GAP_M = 100.0  # between roads, too narrow for paper
_SHEET = 1.19  # width of the map by its height
_NAME: Any = {"ha": "center", "va": "center", "fontsize": 7.5, "clip_on": True}
_ROOM = 0.04  # of the extent, around it
_STEPS_KM = (0.5, 1, 2, 5, 10, 20, 50)
_LAMBERT_93 = 2154


@dataclass(frozen=True, eq=False)
class Base:
    """A plan in metres, simplified once for every drawing of it.

    Attributes
    ----------
    communes
        Shapes, in the order of `Plan.communes`.
    sites
        Coordinates, in the order of `Plan.sites`.
    zones
        What is within the mesh minutes of each tier.
    roads
        Lines by width, or nothing.
    outside
        Coordinates of the residents left out.
    bounds
        West, south, east, north.
    """

    communes: NDArray[np.object_]
    sites: NDArray[np.float64]
    zones: dict[str, shapely.Geometry]
    roads: dict[float, list[NDArray[np.float64]]]
    outside: NDArray[np.float64]
    bounds: tuple[float, float, float, float]


def base(plan: "Plan") -> Base:
    """Return a plan in metres: Lambert-93 in metropolitan France, UTM elsewhere.

    Parameters
    ----------
    plan
        The plan.
    """
    crs = _metres(plan.communes)
    communes = plan.communes.to_crs(crs).geometry.to_numpy()
    shapes = discs(communes, radius_m=_DISC_M, step_m=_SIMPLE_M)
    mesh = plan.isochrones[plan.isochrones["minutes"] == plan.scenario.mesh_min].to_crs(crs)
    zones = {
        str(tier): _zone(shapely.union_all(group.geometry.to_numpy()))
        for tier, group in mesh.groupby("tier")
    }
    west, south, east, north = shapely.total_bounds(shapes)
    room = _ROOM * max(east - west, north - south)
    bounds = (west - room, south - room, east + room, north + room)
    return Base(
        communes=shapes,
        sites=shapely.get_coordinates(plan.sites.to_crs(crs).geometry.to_numpy()),
        zones=zones,
        roads=_roads(plan, crs, _framed(bounds)),
        outside=shapely.get_coordinates(plan.outside.to_crs(crs).geometry.to_numpy()),
        bounds=bounds,
    )


def _zone(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a zone without the slits between its roads, nor the detail that paper cannot show."""
    return shapely.simplify(shapely.buffer(shapely.buffer(shape, _GAP_M), -_GAP_M), _SIMPLE_M)


def _framed(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return the extent of the sheet around what is drawn."""
    west, south, east, north = bounds
    wide = max(0.0, _SHEET * (north - south) - (east - west)) / 2
    high = max(0.0, (east - west) / _SHEET - (north - south)) / 2
    return west - wide, south - high, east + wide, north + high


def _metres(frame: gpd.GeoDataFrame) -> "CRS | int":
    west, south, east, north = frame.total_bounds
    france = in_france((west + east) / 2, (south + north) / 2)
    return _LAMBERT_93 if france else frame.estimate_utm_crs()


def _roads(
    plan: "Plan", crs: "CRS | int", bounds: tuple[float, float, float, float]
) -> dict[float, list[NDArray[np.float64]]]:
    """Return the roads of the extent by width, without the detail that paper does not show."""
    if plan.roads is None or not len(plan.roads):
        return {}
    roads = plan.roads.to_crs(crs)
    lines = shapely.clip_by_rect(roads.geometry.to_numpy(), *bounds)
    widths = roads["highway"].map(lambda name: _WIDTHS.get(str(name).removesuffix("_link"), _MINOR))
    found: dict[float, list[NDArray[np.float64]]] = {}
    for width in sorted(set(widths)):
        some = lines[(widths == width).to_numpy()]
        merged = shapely.line_merge(shapely.union_all(some[~shapely.is_empty(some)]))
        parts = shapely.get_parts(shapely.simplify(merged, _ROAD_M))
        found[float(width)] = [np.asarray(part.coords) for part in parts if part.length > _ROAD_M]
    return found


def network(axes: "Axes", plan: "Plan", drawn: Base, *, names: bool = True) -> None:
    """Draw the network: communes by coverage, zones, roads, residents left out, sites, names.

    Parameters
    ----------
    axes
        Where; its limits and aspect are set.
    plan, drawn
        The plan, and the same in metres.
    names
        Whether communes are named, those with a site first, where names do not overlap.
    """
    _frame(axes, _framed(drawn.bounds))
    _fill(axes, plan, drawn)
    for width, lines in drawn.roads.items():
        axes.add_collection(
            LineCollection(lines, colors=ROAD_COLOUR, linewidths=width, alpha=0.75, zorder=2)
        )
    for tier, zone in drawn.zones.items():
        look = TIERS[tier]
        axes.add_patch(
            PathPatch(
                compound(zone), facecolor=look.colour + "0f", edgecolor=look.colour,
                linewidth=1.3, linestyle=_dashes(tier), zorder=3,
            )
        )  # fmt: skip
    if len(drawn.outside):
        x, y = drawn.outside.T
        axes.scatter(x, y, s=7, c=UNCOVERED_COLOUR, edgecolors="white", linewidths=0.4, zorder=4)
    _sites(axes, plan, drawn)
    if names:
        _names(axes, plan, drawn)


def locator(axes: "Axes", plan: "Plan", drawn: Base) -> PathPatch:
    """Draw the communes and the sites, and return the outline that :func:`point_out` moves.

    Parameters
    ----------
    axes, plan, drawn
        As in :func:`network`.
    """
    _frame(axes, drawn.bounds)
    _fill(axes, plan, drawn)
    _sites(axes, plan, drawn, scale=0.6)
    outline = PathPatch(
        compound(drawn.communes[0]), facecolor="none", edgecolor=INK, lw=2.2, zorder=4
    )
    axes.add_patch(outline)
    return outline


def point_out(outline: PathPatch, plan: "Plan", drawn: Base, *, code: str) -> None:
    """Set the outline of a :func:`locator` on a commune.

    Parameters
    ----------
    outline
        Of the locator.
    plan, drawn
        As in :func:`network`.
    code
        Of the commune.
    """
    shape = drawn.communes[list(plan.communes.index).index(code)]
    outline.set_path(compound(shape))


def legend(
    axes: "Axes",
    plan: "Plan",
    drawn: Base,
    *,
    zones: bool = True,
    **look: Any,  # noqa: ANN401 - of matplotlib
) -> None:
    """Put the legend of the map: marks, zones, classes of coverage with their bounds.

    Parameters
    ----------
    axes, plan, drawn
        As in :func:`network`.
    zones
        Whether zones and residents left out are drawn, as :func:`network` does.
    look
        What :meth:`matplotlib.axes.Axes.legend` takes.
    """
    rows = _marks(plan)
    if zones:
        rows += _zone_marks(plan, drawn)
    heading = say("Part des habitants à {mesh} min, par commune")
    heading = heading.format(mesh=number(plan.scenario.mesh_min))
    rows.append(Line2D([], [], linestyle="", label=heading))
    ends = (None, *COVERAGE_BOUNDS, None)
    ranks = [coverage_class(share) for share in plan.communes["share_mesh"]]
    for rank in reversed(range(len(COVERAGE_COLOURS))):
        text = f"{_interval(ends[rank], ends[rank + 1])} ({ranks.count(rank)})"
        rows.append(Patch(facecolor=COVERAGE_COLOURS[rank] + "80", edgecolor="#566", label=text))
    axes.legend(handles=rows, frameon=False, borderaxespad=0, **look)


def _marks(plan: "Plan") -> list[Any]:
    counts = plan.sites["tier"].value_counts()
    return [
        Line2D(
            [], [], linestyle="", marker=_MARKERS[tier], color=words.colour, markersize=9,
            markeredgecolor="white",
            label=f"{say(words.many if counts[tier] > 1 else words.one)} ({number(counts[tier])})",
        )
        for tier, words in TIERS.items()
        if tier in counts
    ]  # fmt: skip


def _zone_marks(plan: "Plan", drawn: Base) -> list[Any]:
    mesh = number(plan.scenario.mesh_min)
    rows: list[Any] = []
    for tier in drawn.zones:
        text = say("À {mesh} min d’un {site}").format(mesh=mesh, site=say(TIERS[tier].one).lower())
        rows.append(
            Line2D([], [], color=TIERS[tier].colour, linestyle=_dashes(tier), lw=1.6, label=text)
        )
    if len(drawn.outside):
        text = say("Habitants à plus de {mesh} min").format(mesh=mesh)
        rows.append(Line2D([], [], linestyle="", marker=".", color=UNCOVERED_COLOUR, label=text))
    return rows


def scale_bar(axes: "Axes", drawn: Base) -> None:
    """Draw a scale bar in kilometres and an arrow to the north, in the lower left corner.

    Parameters
    ----------
    axes, drawn
        As in :func:`network`.
    """
    west, south, east, north = _framed(drawn.bounds)
    wide = (east - west) / 1000
    km = max(step for step in _STEPS_KM if step <= max(wide / 5, _STEPS_KM[0]))
    x, y, high = (
        west + 0.02 * (east - west),
        south + 0.02 * (north - south),
        0.008 * (north - south),
    )
    for part in (0, 1):
        axes.add_patch(
            Rectangle(
                (x + part * km * 500, y), km * 500, high, facecolor=INK if part == 0 else "white",
                edgecolor=INK, linewidth=0.8, zorder=8,
            )
        )  # fmt: skip
    text = f"{number(km, decimals=1 if km < 1 else 0)} km"
    axes.annotate(text, (x + km * 1000, y), xytext=(5, 0), textcoords="offset points", zorder=8)
    axes.annotate(
        "N", (x + km * 250, y + 5 * high), xytext=(0, 20), textcoords="offset points",
        ha="center", fontweight="bold", zorder=8,
        arrowprops={"arrowstyle": "<|-", "color": INK, "linewidth": 1.1},
    )  # fmt: skip


def _frame(axes: "Axes", bounds: tuple[float, float, float, float]) -> None:
    west, south, east, north = bounds
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _fill(axes: "Axes", plan: "Plan", drawn: Base) -> None:
    colours = [coverage_colour(share) for share in plan.communes["share_mesh"]]
    axes.add_collection(
        PathCollection(
            [compound(shape) for shape in drawn.communes], facecolors=colours,
            edgecolors="#46505e", linewidths=0.6, alpha=0.5, zorder=1,
        )
    )  # fmt: skip


def _sites(axes: "Axes", plan: "Plan", drawn: Base, *, scale: float = 1.0) -> None:
    for tier in reversed(TIERS):
        some = (plan.sites["tier"] == tier).to_numpy()
        if some.any():
            x, y = drawn.sites[some].T
            axes.scatter(
                x, y, s=_AREA[tier] * scale, marker=_MARKERS[tier], c=TIERS[tier].colour,
                edgecolors="white", linewidths=1.1 * scale, zorder=6,
            )  # fmt: skip


def _names(axes: "Axes", plan: "Plan", drawn: Base) -> None:
    """Name communes where there is room: those with a site first, then the most peopled."""
    parts = [max(shapely.get_parts(one), key=shapely.area) for one in drawn.communes]
    points = shapely.get_coordinates(shapely.point_on_surface(parts))
    served = plan.communes.index.isin(plan.sites["commune"])
    peopled = plan.communes["population"].to_numpy(float)
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined] # of the one above
    axes.apply_aspect()
    marks = axes.transData.transform(drawn.sites)
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in marks]
    for at in np.lexsort((-peopled, ~served)):
        name = drawable(str(plan.communes["name"].iloc[at]), longest=40)
        text = axes.text(points[at, 0], points[at, 1], name, color=INK, zorder=7.5, **_NAME)
        box = text.get_window_extent(renderer)
        for shift in (0, 13, -13, 20, -20):
            here = (box.x0 - 1, box.y0 + shift, box.x1 + 1, box.y1 + shift)
            if not any(_overlap(here, other) for other in taken):
                x, y = axes.transData.inverted().transform(
                    ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2 + shift)
                )
                text.set_position((x, y))
                halo = axes.text(x, y, name, color="white", zorder=7, **_NAME)
                halo.set_path_effects([Stroke(linewidth=2.2, foreground="white")])
                taken.append(here)
                break
        else:
            text.remove()


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _dashes(tier: str) -> Any:  # noqa: ANN401 - a style of matplotlib
    """Return how the outline of a tier is dashed, as on the web map."""
    on, off = map(float, TIERS[tier].dash.split())
    return (0, (on / 2, off / 2)) if off else "-"


def _interval(low: float | None, high: float | None) -> str:
    if low is None:
        return say("moins de {share}").format(share=percent(high or 0.0, decimals=0))
    if high is None:
        return say("{share} et plus").format(share=percent(low, decimals=0))
    return say("de {low} à {high}").format(
        low=percent(low, decimals=0), high=percent(high, decimals=0)
    )


__all__ = ["Base", "base", "legend", "locator", "network", "point_out", "scale_bar"]
