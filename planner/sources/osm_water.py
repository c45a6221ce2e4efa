"""Rivers, canals and lakes of an OpenStreetMap file, for whoever draws a map."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmium
import pandas as pd
import shapely
from osmium.osm import Area, Way

from planner._osm import checked_path, reading

LINES = ("river", "canal")
"""Values of ``waterway`` drawn as lines, where they are not under ground."""

AREAS = (("natural", "water"), ("waterway", "riverbank"))
"""Tags of areas of water."""

TAGS = (*AREAS, *(("waterway", value) for value in LINES))
"""Every tag that is read here."""


def read(path: Path | str) -> gpd.GeoDataFrame:
    """Read the water of an OpenStreetMap file.

    Parameters
    ----------
    path
        A ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2`` file.

    Returns
    -------
    GeoDataFrame
        Index id (``w…`` a way, ``r…`` a relation), sorted; geometry, lines or polygons, EPSG:4326.
        Empty where the file holds no water. A line that lacks nodes in the middle is in parts; an
        area whose rings cannot be closed is left out.

    Raises
    ------
    InputError
        When the file is missing, truncated, or not OpenStreetMap data.
    """
    path = checked_path(path)
    with reading(path):
        areas = osmium.filter.TagFilter(*AREAS)
        kept = osmium.filter.TagFilter(*TAGS)
        found = osmium.FileProcessor(str(path)).with_areas(areas).with_filter(kept)
        rows = sorted(row for item in found for row in _rows(item))
    index = pd.Index([i for i, _ in rows], dtype=str, name="id")
    shapes = shapely.from_wkb([shape for _, shape in rows])
    return gpd.GeoDataFrame(geometry=shapes, index=index, crs="EPSG:4326")


def _rows(item: Any) -> Iterator[tuple[str, bytes]]:  # noqa: ANN401 - any object of the file
    """Yield the id and the shape, as WKB, of an object that is water."""
    if isinstance(item, Area):
        try:
            shape = osmium.geom.WKBFactory().create_multipolygon(item)
        except RuntimeError:  # rings that libosmium cannot close
            return
        yield f"{'w' if item.from_way() else 'r'}{item.orig_id()}", bytes.fromhex(shape)
    elif isinstance(item, Way) and item.tags.get("waterway") in LINES:
        if item.tags.get("tunnel", "no") != "no":
            return
        runs = groupby(item.nodes, key=lambda node: node.location.valid())
        parts = [[(node.lon, node.lat) for node in run] for valid, run in runs if valid]
        lines = [shapely.LineString(part) for part in parts if len(part) > 1]
        if lines:
            whole = lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)
            yield f"w{item.id}", shapely.to_wkb(whole)
