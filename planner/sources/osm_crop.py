"""Cropping an OpenStreetMap file to a territory: what `planner` reads of it, inside a box.

A region of Geofabrik is hundreds of megabytes; a territory needs the roads some kilometres around
it, and the places and buildings of its communes. The file is read several times and never held
in memory: only ids are. What is kept is kept whole: a way with one node in the box keeps the
others.
"""

from collections.abc import Callable
from pathlib import Path

import osmium
from osmium.osm import NODE, RELATION, WAY, Node, TagList

from planner._errors import InputError
from planner._files import replacing
from planner._osm import checked_path, reading
from planner.sources import osm_water
from planner.sources.overpass import Box, checked_box

ROADS = "highway"
PLACES = ("building", "landuse", "place", "shop", "amenity", "office")
"""Keys kept inside the inner box; `ROADS` and rivers in the outer one."""

_LEVEL = {"boundary": "administrative", "admin_level": "8"}


def crop(
    path: Path | str,
    out: Path | str,
    *,
    inner: Box,
    outer: Box,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the part of an OpenStreetMap file that a territory needs.

    Parameters
    ----------
    path
        A ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2`` file: a region, or the answer of an
        Overpass server.
    out
        The ``.osm.pbf`` to write. The same input gives the same bytes with the same pyosmium.
    inner
        Box of the communes: west, south, east, north. Premises, places, buildings, land use and
        communes' boundaries that touch it are kept.
    outer
        Box of the roads and rivers.
    progress
        Told the passes done, of four.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        When the file is missing, truncated, or has no road in the box.
    """
    path, out = checked_path(path), Path(out)
    inner, outer = checked_box(inner), checked_box(outer)
    tell = progress or (lambda _done, _total: None)
    with reading(path):
        kept, roads, places = _nodes(path, inner, outer)
        tell(1, 4)
        found = _ways(path, kept, roads, places)
        tell(2, 4)
    if not found:
        raise InputError(
            f"{path}: no road in the box {', '.join(f'{side:.2f}' for side in outer)} (west, "
            "south, east, north). Is it the extract of the right region?"
        )
    with reading(path):
        _relations(path, kept, places)
        kept.complete_backward_references(str(path), relation_depth=1)
        tell(3, 4)
        with replacing(out) as temporary:
            _write(path, temporary, kept)
        tell(4, 4)
    return out


def _nodes(
    path: Path, inner: Box, outer: Box
) -> tuple[osmium.IdTracker, osmium.IdTracker, osmium.IdTracker]:
    """Return the tagged nodes to keep, and the nodes of each box."""
    kept, roads, places = osmium.IdTracker(), osmium.IdTracker(), osmium.IdTracker()
    west, south, east, north = outer
    for node in osmium.FileProcessor(str(path), NODE):
        if not isinstance(node, Node) or not node.location.valid():
            continue
        location = node.location
        lon, lat = location.lon, location.lat
        if west <= lon <= east and south <= lat <= north:
            roads.add_node(node.id)
            if inner[0] <= lon <= inner[2] and inner[1] <= lat <= inner[3]:
                places.add_node(node.id)
                if node.tags and any(key in node.tags for key in PLACES):
                    kept.add_node(node.id)
    return kept, roads, places


def _ways(
    path: Path, kept: osmium.IdTracker, roads: osmium.IdTracker, places: osmium.IdTracker
) -> int:
    """Keep the roads, rivers and areas that touch their box; return how many roads."""
    found = 0
    keyed = osmium.filter.KeyFilter(ROADS)
    touching = osmium.FileProcessor(str(path), WAY).with_filter(keyed)
    for way in touching.with_filter(roads.contains_filter()):
        kept.add_way(way.id)
        found += 1
    water = osmium.filter.TagFilter(*osm_water.TAGS)
    wet = osmium.FileProcessor(str(path), WAY).with_filter(water)
    for way in wet.with_filter(roads.contains_filter()):
        kept.add_way(way.id)
    for way in osmium.FileProcessor(str(path), WAY).with_filter(places.contains_filter()):
        places.add_way(way.id)
        if any(key in way.tags for key in PLACES):
            kept.add_way(way.id)
    return found


def _relations(path: Path, kept: osmium.IdTracker, places: osmium.IdTracker) -> None:
    """Keep the areas made of several ways, and the communes, that touch the inner box."""
    for relation in osmium.FileProcessor(str(path), RELATION):
        tags = relation.tags
        commune = all(tags.get(key) == value for key, value in _LEVEL.items())
        told = any(key in tags for key in PLACES) or _is_water(tags)
        area = tags.get("type") == "multipolygon" and told
        if (commune or area) and places.contains_any_references(relation):
            kept.add_relation(relation.id)


def _is_water(tags: TagList) -> bool:
    return any(tags.get(key) == value for key, value in osm_water.AREAS)


def _write(path: Path, out: Path, kept: osmium.IdTracker) -> None:
    """Write what is kept, in the order of the file, under its date and without our clock."""
    source = osmium.FileProcessor(str(path))
    stamp = source.header.get("osmosis_replication_timestamp") or source.header.get("timestamp")
    header = osmium.io.Header()
    header.set("generator", "planner")
    if stamp:
        header.set("osmosis_replication_timestamp", stamp)
    with osmium.SimpleWriter(str(out), header=header, overwrite=True) as writer:
        for item in source.with_filter(kept.id_filter()):
            writer.add(item)
