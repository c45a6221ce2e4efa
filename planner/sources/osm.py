"""What a territory takes from an OpenStreetMap file: boundaries, buildings, premises, places.

One pass of pyosmium over the file, areas assembled (closed ways and multipolygon relations).
Everything comes back in WGS84 with the id OpenStreetMap gave it, after a letter for its type:
``n123`` a node, ``w123`` a way, ``r123`` a relation. Roads are read by `planner.network`.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely
from osmium.osm import Area, Node, Relation
from pyproj import CRS

from planner._osm import checked_path, reading

PREMISES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "office": {"coworking": "coworking", "coworking_space": "coworking"},
        "amenity": {
            "coworking_space": "coworking",
            "townhall": "townhall",
            "library": "library",
            "post_office": "post_office",
            "community_centre": "community_centre",
            "cafe": "cafe",
            "bar": "bar",
            "pub": "pub",
            "restaurant": "restaurant",
        },
        "shop": {
            "convenience": "convenience",
            "supermarket": "supermarket",
            "general": "general",
            "bakery": "bakery",
            "butcher": "butcher",
            "newsagent": "newsagent",
            "tobacco": "tobacco",
            "kiosk": "kiosk",
            "farm": "farm_shop",
        },
    }
)
"""Kind of premises by tag. The keys are tried in this order: a post office with a shop tag is a
post office. Any other value of ``shop`` is an ``other_shop``, except those of `NO_SHOP`."""

NO_SHOP = frozenset({"no", "vacant", "disused", "closed", "abandoned"})
"""Values of ``shop`` that say there is none today."""

LEVELS: Mapping[str, float] = MappingProxyType(
    {
        "yes": 2.0,
        "residential": 2.0,
        "house": 2.0,
        "detached": 2.0,
        "semidetached_house": 2.0,
        "terrace": 2.0,
        "farm": 2.0,
        "bungalow": 1.0,
        "apartments": 4.0,
        "dormitory": 4.0,
    }
)
"""Values of ``building`` people live in, and the storeys assumed when none is tagged."""

OTHER_USES = frozenset(
    {"amenity", "shop", "office", "tourism", "leisure", "craft", "industrial", "man_made", "power"}
    | {"military", "aeroway", "railway", "public_transport", "religion", "emergency", "sport"}
)
"""Keys that give a ``building=yes`` another use than housing."""

WORK_LANDUSE = frozenset(
    {"industrial", "commercial", "retail", "railway", "military", "quarry", "port", "landfill"}
    | {"cemetery"}
)
"""Values of ``landuse`` where a building is not counted as housing."""

HOUSE_MIN_M2 = 40.0
"""Smallest footprint counted as housing: below, a shed or a garage."""

VAGUE = frozenset({"yes", "farm"})
"""Values of ``building`` that may as well be a hall: they are housing up to `HOUSE_MAX_M2`."""

HOUSE_MAX_M2 = 1000.0
"""Largest footprint of a `VAGUE` building counted as housing: above, a hall or a workshop."""

ZONE_LANDUSE = frozenset({"industrial", "commercial"})
"""Values of ``landuse`` that make an activity zone."""

ZONE_MIN_HA = 5.0
"""Smallest activity zone, in hectares: below, a single firm rather than a zone."""

PLACES: Mapping[str, int] = MappingProxyType({"city": 0, "town": 1, "village": 2, "hamlet": 3})
"""Values of ``place`` that can be the centre of a commune, the largest first."""

_KEYS = ("boundary", "building", "landuse", "place", "shop", "amenity", "office")
_COMMUNE_LEVEL = "8"
_INSEE_CODE = re.compile(r"\d{5}|2[AB]\d{3}")


class Extract(NamedTuple):
    """What one OpenStreetMap file holds, in WGS84, each frame indexed by id and sorted.

    Attributes
    ----------
    boundaries
        Complete administrative boundaries of level 8 that have a name: code (``ref:INSEE``, else
        the id), name, centre (the id of the admin_centre node, else ""), geometry.
    incomplete
        Names of the level-8 boundaries that the file holds in part only.
    buildings
        Buildings: building (the tag's value), levels (NaN when not tagged), other_use, geometry.
    landuse
        Land of `WORK_LANDUSE`: landuse, name, geometry.
    premises
        Premises: name (may be empty), kind, geometry (a point).
    places
        Places of `PLACES`, and nodes that are a boundary's admin_centre: name, rank, geometry.
    date
        Date of the data, as the file's header gives it, else "".
    """

    boundaries: gpd.GeoDataFrame
    incomplete: tuple[str, ...]
    buildings: gpd.GeoDataFrame
    landuse: gpd.GeoDataFrame
    premises: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    date: str


_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "boundaries": ("code", "name", "centre"),
        "buildings": ("building", "levels", "other_use"),
        "landuse": ("landuse", "name"),
        "premises": ("name", "kind"),
        "places": ("name", "rank"),
    }
)

_Row = dict[str, Any]


def read(path: Path | str) -> Extract:
    """Read boundaries, buildings, premises and places from an OpenStreetMap file.

    Parameters
    ----------
    path
        A ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2`` file. It is read twice: once to
        find the relations that make areas, once for everything else.

    Returns
    -------
    Extract
        Frames in EPSG:4326. An area whose rings cannot be closed is left out.

    Raises
    ------
    InputError
        When the file is missing, truncated, or not OpenStreetMap data.
    """
    path = checked_path(path)
    rows: dict[str, list[_Row]] = {layer: [] for layer in _COLUMNS}
    centres: dict[str, int] = {}
    level_8: dict[str, str] = {}
    with reading(path):
        keys = osmium.filter.KeyFilter(*_KEYS)
        processor = osmium.FileProcessor(str(path)).with_areas(keys).with_filter(keys)
        for item in processor:
            if isinstance(item, Area):
                _add_area(rows, item)
            elif isinstance(item, Node):
                _add_node(rows, item)
            elif isinstance(item, Relation) and _is_commune(tags := dict(item.tags)):
                level_8[f"r{item.id}"] = _name(tags)
                centres |= _centre_of(item)
        rows["places"] += _centre_nodes(processor, centres, {row["id"] for row in rows["places"]})
        date = _date(processor.header)
    for row in rows["boundaries"]:
        row["centre"] = f"n{centres[row['id']]}" if row["id"] in centres else ""
    closed = {row["id"] for row in rows["boundaries"]}
    incomplete = sorted({name for i, name in level_8.items() if i not in closed and name})
    frames = {layer: _frame(rows[layer], _COLUMNS[layer]) for layer in _COLUMNS}
    return Extract(**frames, incomplete=tuple(incomplete), date=date)


def residential_floor_m2(extract: Extract, *, crs: CRS) -> pd.Series:
    """Return the floor area of each building people are taken to live in.

    The rule, in one place: the building is one of `LEVELS`; its footprint is at least
    `HOUSE_MIN_M2`, and at most `HOUSE_MAX_M2` if it is one of `VAGUE`; if it is ``building=yes``
    it has no key of `OTHER_USES`; and it does not stand on `WORK_LANDUSE`. Floor area is
    footprint × storeys, the tagged ones or else those of `LEVELS`.

    Parameters
    ----------
    extract
        What `read` returned.
    crs
        The metric CRS to measure in.

    Returns
    -------
    Series
        Floor area in m², rounded to 0.1, indexed by building id; other buildings are left out.
    """
    buildings = extract.buildings.to_crs(crs)
    footprint = buildings.area
    used = (buildings["building"] == "yes") & buildings["other_use"].astype(bool)
    hall = buildings["building"].isin(list(VAGUE)) & (footprint > HOUSE_MAX_M2)
    lived_in = (
        buildings["building"].isin(list(LEVELS))
        & ~(used | hall)
        & (footprint >= HOUSE_MIN_M2)
        & ~_stands_on(buildings, extract.landuse.to_crs(crs))
    )
    assumed = buildings["building"].map(dict(LEVELS))
    levels = buildings["levels"].astype(float).fillna(assumed)
    floor: pd.Series = (footprint * levels)[lived_in].round(1)
    return floor.rename("floor_m2")


def activity_zones(extract: Extract, *, crs: CRS) -> gpd.GeoDataFrame:
    """Return the activity zones: land of `ZONE_LANDUSE` of at least `ZONE_MIN_HA` hectares.

    Parameters
    ----------
    extract
        What `read` returned.
    crs
        The metric CRS to measure in.

    Returns
    -------
    GeoDataFrame
        Columns name, kind (``activity_zone``), geometry (a point inside the zone), in `crs`.
    """
    land = extract.landuse.to_crs(crs)
    large = land["landuse"].isin(list(ZONE_LANDUSE)) & (land.area >= ZONE_MIN_HA * 10_000)
    zones = land[large]
    return gpd.GeoDataFrame(
        {"name": zones["name"], "kind": "activity_zone"},
        geometry=zones.representative_point(),
        index=zones.index,
        crs=crs,
    )


def _add_area(rows: dict[str, list[_Row]], area: Area) -> None:
    """File one area under each layer its tags put it in."""
    layers = _layers(dict(area.tags))
    if not layers:
        return
    try:
        shape = shapely.from_wkb(osmium.geom.WKBFactory().create_multipolygon(area))
    except RuntimeError:  # rings that libosmium cannot close
        return
    i = f"{'w' if area.from_way() else 'r'}{area.orig_id()}"
    for layer, row in layers.items():
        geometry = shape.representative_point() if layer == "premises" else shape
        rows[layer].append(row | {"id": i, "geometry": geometry})
        if layer == "boundaries" and not row["code"]:
            rows[layer][-1]["code"] = i


def _layers(tags: Mapping[str, str]) -> dict[str, _Row]:
    """Return the layers an area belongs to, each with its row."""
    layers: dict[str, _Row] = {}
    if _is_commune(tags) and _name(tags):
        code = tags.get("ref:INSEE", "").upper()
        code = code if _INSEE_CODE.fullmatch(code) else ""
        layers["boundaries"] = {"code": code, "name": _name(tags)}
    if tags.get("building", "no") != "no":
        layers["buildings"] = {
            "building": tags["building"],
            "levels": storeys(tags.get("building:levels", "")),
            "other_use": not OTHER_USES.isdisjoint(tags),
        }
    if tags.get("landuse") in WORK_LANDUSE:
        layers["landuse"] = {"landuse": tags["landuse"], "name": _name(tags)}
    if kind := kind_of(tags):
        layers["premises"] = {"name": _name(tags), "kind": kind}
    return layers


def _add_node(rows: dict[str, list[_Row]], node: Node) -> None:
    if not node.location.valid():
        return
    tags = dict(node.tags)
    row = {"id": f"n{node.id}", "name": _name(tags), "geometry": shapely.Point(node.lon, node.lat)}
    if kind := kind_of(tags):
        rows["premises"].append(row | {"kind": kind})
    if tags.get("place") in PLACES and row["name"]:
        rows["places"].append(row | {"rank": PLACES[tags["place"]]})


def kind_of(tags: Mapping[str, str]) -> str:
    """Return the kind of premises that tags describe, or "" when they describe none.

    Examples
    --------
    >>> kind_of({"shop": "farm"}), kind_of({"shop": "guns"}), kind_of({"shop": "vacant"})
    ('farm_shop', 'other_shop', '')
    """
    for key, kinds in PREMISES.items():
        value = tags.get(key, "")
        if value in kinds:
            return kinds[value]
    shop = tags.get("shop", "")
    return "other_shop" if shop and shop not in NO_SHOP else ""


def storeys(text: str) -> float:
    """Return the storeys a ``building:levels`` tag says, or NaN when it says none.

    Examples
    --------
    >>> storeys("3"), storeys("2,5"), storeys("1;2"), storeys("many")
    (3.0, 2.5, 1.0, nan)
    """
    number = re.match(r"\s*(\d{1,2}(?:[.,]\d)?)\s*(?:;|$)", text)
    levels = float(number[1].replace(",", ".")) if number else 0.0
    return levels if levels > 0 else float("nan")


def _is_commune(tags: Mapping[str, str]) -> bool:
    return tags.get("boundary") == "administrative" and tags.get("admin_level") == _COMMUNE_LEVEL


def _name(tags: Mapping[str, str]) -> str:
    return " ".join(tags.get("name", "").split())


def _centre_of(relation: Relation) -> dict[str, int]:
    centres = [m.ref for m in relation.members if m.type == "n" and m.role == "admin_centre"]
    return {f"r{relation.id}": min(centres)} if centres else {}


def _centre_nodes(
    processor: osmium.FileProcessor, centres: dict[str, int], known: set[str]
) -> Iterator[_Row]:
    """Yield admin_centre nodes that are not among the places, where the file holds them."""
    locations = processor.node_location_storage
    for node in sorted(set(centres.values())):
        if locations is None or f"n{node}" in known:
            continue
        with contextlib.suppress(KeyError):  # not in the file
            location = locations.get(node)
            point = shapely.Point(location.lon, location.lat)
            yield {"id": f"n{node}", "name": "", "rank": len(PLACES), "geometry": point}


def _date(header: osmium.io.Header) -> str:
    stamp: str = header.get("osmosis_replication_timestamp") or header.get("timestamp") or ""
    return stamp[:10]


def _frame(rows: list[_Row], columns: tuple[str, ...]) -> gpd.GeoDataFrame:
    data = {name: [row[name] for row in rows] for name in columns}
    index = pd.Index([row["id"] for row in rows], dtype=str, name="id")
    geometry = [row["geometry"] for row in rows]
    frame = gpd.GeoDataFrame(data, geometry=geometry, index=index, crs="EPSG:4326")
    return frame.sort_index()


def _stands_on(buildings: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> pd.Series:
    """Return whether a point inside each building is on one of the pieces of land."""
    tree = shapely.STRtree(land.geometry.to_numpy())
    inside = tree.query(buildings.representative_point().to_numpy(), predicate="intersects")[0]
    return pd.Series(np.isin(np.arange(len(buildings)), inside), index=buildings.index)
