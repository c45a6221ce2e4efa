"""10-minute isochrones of 200 sites: the time of search and polygon, and how true they are.

Truth is minutes, not another polygon: points every 20 m along all streets are inside rightly when
they are within the cutoff. The planner's own times are the truth for the planner and for the
OSMnx recipe, which is run on the planner's graph and times; Valhalla drives at its own speeds, so
that its polygons are timed and not judged.
"""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely
from drivers import locations, valhalla_actor
from harness import best_seconds, figure, print_table, quiet, version

from planner import isochrones, network, travel
from planner.network._snap import Snapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphs import Graph
    from numpy.typing import NDArray

SITES, RECIPE_SITES, MINUTES = 200, 4, 10.0
_SAMPLE_M = 20.0


class Streets(NamedTuple):
    """Points along the streets, and their minutes from each site."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    within: NDArray[np.bool_]  # sites x points


class Method(NamedTuple):
    """One way of making isochrones."""

    name: str
    distribution: str
    does: str
    sites: int
    work: Callable[[], list[shapely.Geometry]]
    judged: bool = True


def report(graph: Graph) -> None:
    """Print the table of one file."""
    sites = graph.sources(SITES)
    streets = _streets(graph, sites)
    with tempfile.TemporaryDirectory() as folder:
        methods = _methods(graph, sites, Path(folder))
        with quiet():
            shapes = {method.name: method.work() for method in methods}
            taken = best_seconds({method.name: method.work for method in methods}, budget_s=6.0)
    each = {method.name: taken[method.name] / method.sites for method in methods}
    rows = [
        (
            method.name,
            version(method.distribution),
            figure(1000 * each[method.name]),
            figure(each[method.name] / each[methods[0].name]),
            figure(each[method.name] / each[methods[1].name]),
            method.sites,
            *(_quality(shapes[method.name], streets) if method.judged else ("-", "-", "-")),
            method.does,
        )
        for method in methods
    ]
    header = ("isochrones", "version", "ms a site", "peer / surface", "peer / streets", "sites")
    header += ("recall", "false", "precision", "does")
    print_table(f"Isochrones of {MINUTES:g} min: {graph.name}", header, rows)
    print(
        "recall: share of reached street length inside; false: share of unreached street length"
        "\ninside; precision: share of the street length inside that is reached. Medians of sites."
    )


def _methods(graph: Graph, sites: NDArray[np.int64], folder: Path) -> list[Method]:
    points, roads = graph.points(sites), graph.roads

    def ours(look: str) -> Callable[[], list[shapely.Geometry]]:
        return lambda: list(
            isochrones.polygons(
                roads, points, minutes=(MINUTES,), look=look, to_site=False
            ).geometry
        )

    methods = [
        Method(
            "planner, surface",
            "planner",
            "field on 35 m cells, cut in edges",
            SITES,
            ours("surface"),
        ),
        Method(
            "planner, streets", "planner", "reached streets, buffered 60 m", SITES, ours("streets")
        ),
    ]
    if version("osmnx") != "not installed":
        recipe = _recipe(graph, sites[:RECIPE_SITES])
        words = "ego_graph, buffered edges, union; whole edges only; the planner's times"
        methods.append(Method("OSMnx gallery recipe", "osmnx", words, RECIPE_SITES, recipe))
    if graph.path is not None and version("pyvalhalla") != "not installed":
        with quiet():
            work = _valhalla(graph, sites, folder)
        words = "its own speeds and turns; tiles built before (not timed)"
        methods.append(Method("Valhalla isochrone", "pyvalhalla", words, SITES, work, judged=False))
    return methods


def _recipe(graph: Graph, sites: NDArray[np.int64]) -> Callable[[], list[shapely.Geometry]]:
    """Return the isochrone recipe of the OSMnx gallery on the planner's graph."""
    ox = importlib.import_module("osmnx")
    projected = ox.project_graph(network.to_osmnx(graph.roads))
    centres = graph.roads.node_id[sites].tolist()

    def work() -> list[shapely.Geometry]:
        shapes = [_gallery(projected, centre) for centre in centres]
        back = gpd.GeoSeries(shapes, crs=projected.graph["crs"]).to_crs(4326)
        return list(back)

    return work


def _gallery(projected: nx.MultiDiGraph, centre: int) -> shapely.Geometry:
    """Return one isochrone as the gallery's notebook makes it: buffers of 25 m and 50 m."""
    reached = nx.ego_graph(projected, centre, radius=60 * MINUTES, distance="travel_time")
    at = [shapely.Point(data["x"], data["y"]) for _, data in reached.nodes(data=True)]
    nodes = gpd.GeoDataFrame({"id": list(reached.nodes)}, geometry=at).set_index("id")
    lines = []
    for tail, head in reached.edges():
        ends = [nodes.loc[node].geometry for node in (tail, head)]
        edge = projected.get_edge_data(tail, head)
        lines.append(next(iter(edge.values())).get("geometry", shapely.LineString(ends)))
    buffers = [*nodes.buffer(50).geometry, *gpd.GeoSeries(lines).buffer(25).geometry]
    return gpd.GeoSeries(buffers).union_all()


def _valhalla(
    graph: Graph, sites: NDArray[np.int64], folder: Path
) -> Callable[[], list[shapely.Geometry]]:
    actor = valhalla_actor(graph.path, folder)
    contours = {"costing": "auto", "contours": [{"time": MINUTES}], "polygons": True}
    questions: list[dict[str, Any]] = [
        {"locations": [place], **contours} for place in locations(graph.roads, sites)
    ]
    return lambda: [actor.isochrone(question) for question in questions]


def _streets(graph: Graph, sites: NDArray[np.int64]) -> Streets:
    """Return points in the middle of every 20 m of street, and which sites reach them."""
    roads = graph.roads
    usable = np.flatnonzero(roads.usable).astype(np.int32)
    count = np.maximum(1, np.rint(roads.length_m[usable] / _SAMPLE_M)).astype(int)
    row = np.repeat(np.arange(usable.size), count)
    number = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    fraction = (number + 0.5) / count[row]
    coordinates, index = roads.lines(usable)
    lines = shapely.linestrings(coordinates * np.array(roads.plane_scale), indices=index)
    at = shapely.line_interpolate_point(lines[row], fraction, normalized=True)
    lon, lat = (shapely.get_coordinates(at) / np.array(roads.plane_scale)).T
    zeros = np.zeros(row.size)
    places = Snapped(usable[row], fraction, zeros, zeros.astype(np.int32))
    start = graph.on_nodes(sites)
    ds = travel.search_ds(roads, start, places, to_source=False, cutoff_ds=round(600 * MINUTES))
    within = np.zeros(ds.shape, np.bool_)
    within[np.repeat(np.arange(SITES), np.diff(ds.indptr)), ds.indices] = True
    return Streets(lon, lat, within)


def _quality(shapes: list[shapely.Geometry], streets: Streets) -> tuple[str, str, str]:
    figures = []
    for shape, within in zip(shapes, streets.within, strict=False):
        shapely.prepare(shape)
        inside = shapely.contains_xy(shape, streets.lon, streets.lat)
        right, wrong = (inside & within).sum(), (inside & ~within).sum()
        figures.append((right / within.sum(), wrong / (~within).sum(), right / inside.sum()))
    return tuple(f"{100 * share:.2f} %" for share in np.median(figures, axis=0))
