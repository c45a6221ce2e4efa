"""Read OpenStreetMap files into a network, in one streaming pass of pyosmium."""

from pathlib import Path

import osmium

from planner import _osm
from planner.network import _rules
from planner.network._assemble import RawWays, assemble
from planner.network.graph import RoadNetwork
from planner.network.profiles import Profile, profile_named

_KEYS = ("highway", "route", "barrier")


def read_osm(path: Path | str, *, profile: Profile | str = "car") -> RoadNetwork:
    """Read the roads of an OpenStreetMap file.

    Every way that a car may use is kept, with its directions; islands and one-way traps stay in
    the network, tagged by their component. Turn restrictions are not read: the network has no
    turns, only a cost at junctions.

    Parameters
    ----------
    path
        An ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2`` file, nodes before ways (as every
        extract is sorted).
    profile
        A speed profile or its name.

    Returns
    -------
    RoadNetwork
        Times in tenths of a second at the speeds of the profile.

    Raises
    ------
    InputError
        When the file is missing, truncated, not OpenStreetMap, or holds no open road.

    Examples
    --------
    >>> from planner import territory
    >>> roads = read_osm(territory.read("liechtenstein").roads_path)
    >>> roads.node_id.size > 2000
    True
    """
    path = _osm.checked_path(path)
    profile = profile_named(profile) if isinstance(profile, str) else profile
    with _osm.reading(path):
        raw = _scan(path, profile.mode)
    return assemble(raw, profile=profile, source=str(path))


def _scan(path: Path, mode: _rules.Mode) -> RawWays:
    """Gather the open ways and the nodes that matter to them."""
    raw = RawWays()
    kinds = osmium.osm.NODE | osmium.osm.WAY
    processor = osmium.FileProcessor(str(path), kinds).with_locations()
    processor = processor.with_filter(osmium.filter.KeyFilter(*_KEYS))
    for item in processor:
        if isinstance(item, osmium.osm.Way):
            _take_way(raw, item, mode)
            continue
        if item.tags.get("highway") == "traffic_signals":
            raw.signals.append(item.id)
        if _rules.stops(dict(item.tags), mode):
            raw.barriers.append(item.id)
    return raw


def _take_way(raw: RawWays, way: "osmium.osm.Way", mode: _rules.Mode) -> None:
    tags = dict(way.tags)
    if "highway" not in tags and tags.get("route") != "ferry":
        return
    rule = _rules.way_rule(tuple(map(tags.get, _rules.READ_KEYS)), mode)
    for what in rule.assumed:
        raw.count(what)
    if not rule.directions:
        return
    raw.way.append(way.id)
    raw.rule.append(rule)
    raw.name.append(tags.get("name") or tags.get("ref") or "")
    raw.size.append(len(way.nodes))
    for node in way.nodes:
        raw.ref.append(node.ref)
        raw.x.append(node.x)
        raw.y.append(node.y)
