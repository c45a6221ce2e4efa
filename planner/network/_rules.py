"""From the tags of one OpenStreetMap way to what a traveller may do on it: one rule a value.

Nothing here knows a speed profile or a graph. :func:`way_rule` says in which directions a way is
open to a mode, what limit is posted, what the surface is, and which assumptions were made on the
way; the reader counts those, so that a dossier can print them.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

Mode = Literal["motorcar", "bicycle", "foot"]

FORWARD, BACKWARD = 1, 2

# Classes a car may use, in the order of their importance. The position is the code stored.
CLASSES = (
    "motorway",
    "motorway_link",
    "trunk",
    "trunk_link",
    "primary",
    "primary_link",
    "secondary",
    "secondary_link",
    "tertiary",
    "tertiary_link",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "road",
    "track",
    "pedestrian",
    "footway",
    "path",
    "cycleway",
    "bridleway",
    "steps",
    "ferry",
)
CLASS_CODE = {name: code for code, name in enumerate(CLASSES)}
NO_ROADSIDE = ("motorway", "motorway_link", "trunk_link", "ferry")

_CAR = frozenset(CLASSES[: CLASS_CODE["track"]])
_BICYCLE = frozenset(CLASSES) - {"motorway", "motorway_link", "steps", "footway", "ferry"}
_FOOT = frozenset(CLASSES) - {"motorway", "motorway_link", "ferry"}
OPEN_CLASSES: Mapping[Mode, frozenset[str]] = {
    "motorcar": _CAR,
    "bicycle": _BICYCLE,
    "foot": _FOOT,
}
# The most specific key wins: https://wiki.openstreetmap.org/wiki/Key:access
ACCESS_KEYS: Mapping[Mode, tuple[str, ...]] = {
    "motorcar": ("motorcar", "motor_vehicle", "vehicle", "access"),
    "bicycle": ("bicycle", "vehicle", "access"),
    "foot": ("foot", "access"),
}
# Residents drive home on roads for destination traffic; private, farm and forest roads carry none.
CLOSED = frozenset(
    (
        "no private agricultural forestry delivery permit emergency military psv bus taxi hov "
        "restricted use_sidepath agricultural;forestry forestry;agricultural"
    ).split()
)
GRANTED = frozenset(("yes", "designated", "permissive", "destination", "customers", "official"))
LIMITED = frozenset(("destination", "customers", "permissive", "residents"))

ONEWAY: Mapping[str, int] = {
    "yes": FORWARD,
    "true": FORWARD,
    "1": FORWARD,
    "-1": BACKWARD,
    "reverse": BACKWARD,
    "no": FORWARD | BACKWARD,
    "false": FORWARD | BACKWARD,
    "0": FORWARD | BACKWARD,
    "alternating": FORWARD | BACKWARD,
    "reversible": 0,
}
ONEWAY_KEYS: Mapping[Mode, tuple[str, ...]] = {
    "motorcar": ("oneway:motorcar", "oneway:motor_vehicle", "oneway:vehicle", "oneway"),
    "bicycle": ("oneway:bicycle", "oneway:vehicle", "oneway"),
    "foot": ("oneway:foot",),
}
IMPLIED_ONEWAY = frozenset(("motorway", "motorway_link"))

# Limits by zone, km/h; the country's code stands before the colon. FR: articles R413-2 and
# R413-3 of the Code de la route. Neighbours as listed at
# https://wiki.openstreetmap.org/wiki/Default_speed_limits
_ZONES: Mapping[str, Mapping[str, float]] = {
    "FR": {"urban": 50, "rural": 80, "trunk": 110, "motorway": 130, "nonurban": 80},
    "CH": {"urban": 50, "rural": 80, "trunk": 100, "motorway": 120},
    "LI": {"urban": 50, "rural": 80, "trunk": 100, "motorway": 120},
    "AT": {"urban": 50, "rural": 100, "trunk": 100, "motorway": 130},
    "DE": {"urban": 50, "rural": 100, "trunk": 130, "motorway": 130},
    "BE": {"urban": 50, "rural": 90, "trunk": 120, "motorway": 120},
    "LU": {"urban": 50, "rural": 90, "trunk": 90, "motorway": 130},
    "IT": {"urban": 50, "rural": 90, "trunk": 110, "motorway": 130},
    "ES": {"urban": 50, "rural": 90, "trunk": 90, "motorway": 120},
    "AD": {"urban": 50, "rural": 90},
}
_EVERYWHERE = {"living_street": 20.0, "walk": 5.0, "bicycle_road": 30.0, "urban": 50.0}
NO_LIMIT_KPH = 130.0  # "none": what a driver may not exceed on any French road
_KPH_A_MPH = 1.609344
_SLOWEST_TAG_KPH, _FASTEST_TAG_KPH = 1.0, 200.0  # outside, a typing error
_IMPLICIT_KEYS = ("maxspeed:type", "source:maxspeed", "zone:maxspeed", "zone:traffic")

SURFACES = ("paved", "stones", "compacted", "loose", "earth")
SURFACE_CODE = {name: code for code, name in enumerate(SURFACES)}
_SURFACE_WORDS: Mapping[str, str] = {
    "paved": "paved asphalt concrete concrete:plates concrete:lanes chipseal tartan cement",
    "stones": "sett cobblestone cobblestone:flattened unhewn_cobblestone paving_stones "
    "grass_paver bricks",
    "compacted": "compacted fine_gravel",
    "loose": "gravel unpaved ground pebblestone wood metal grass dirt stone rock",
    "earth": "earth mud sand clay",
}
_SURFACE = {word: kind for kind, words in _SURFACE_WORDS.items() for word in words.split()}

# Barriers that let a car through when nothing else is said.
_OPEN_BARRIERS = frozenset(
    (
        "cattle_grid border_control toll_booth sally_port gate lift_gate swing_gate no entrance "
        "height_restrictor arch kerb kent_carriage_gap hampshire_gate"
    ).split()
)
_ONLY_CARS_STOP = frozenset(
    "bollard block chain cycle_barrier motorcycle_barrier bus_trap log stile".split()
)
BARRIER_KEYS = ("barrier", "bollard", *ACCESS_KEYS["motorcar"], "bicycle", "foot")

READ_KEYS = (
    "highway",
    "route",
    "area",
    "service",
    "junction",
    "surface",
    "tracktype",
    "tunnel",
    "motorroad",
    "maxspeed",
    "maxspeed:forward",
    "maxspeed:backward",
    *_IMPLICIT_KEYS,
    *dict.fromkeys(key for keys in ACCESS_KEYS.values() for key in keys),
    *dict.fromkeys(key for keys in ONEWAY_KEYS.values() for key in keys),
)


class WayRule(NamedTuple):
    """What one way offers a mode.

    Attributes
    ----------
    directions
        Bits: 1 along the way, 2 against it; 0 when the way is closed.
    road_class
        Position in :data:`CLASSES`; -1 when the way is no road.
    kph_forward, kph_backward
        Posted or implied limit, km/h; NaN where nothing is said.
    surface
        Position in :data:`SURFACES`.
    built_up
        1 inside, 0 outside, -1 where no tag says so.
    roadside
        Whether a door can open onto it: a premises is never snapped to a motorway or a tunnel.
    assumed
        The assumptions made, in words, for counting.
    """

    directions: int
    road_class: int
    kph_forward: float
    kph_backward: float
    surface: int
    built_up: int
    roadside: bool
    assumed: tuple[str, ...]


def _closed(why: str) -> WayRule:
    return WayRule(0, -1, np.nan, np.nan, 0, -1, roadside=False, assumed=(why,))


@lru_cache(maxsize=65536)
def way_rule(values: tuple[str | None, ...], mode: Mode) -> WayRule:
    """Return the rule of a way from the values of :data:`READ_KEYS`, in that order."""
    tags = {key: value for key, value in zip(READ_KEYS, values, strict=True) if value is not None}
    highway = tags.get("highway", "")
    refusal = _refusal(tags, highway, mode)
    if refusal:
        return _closed(refusal)
    assumed: list[str] = []
    directions = _directions(tags, highway, mode, assumed)
    if not directions:
        return _closed("oneway=reversible: left out, its direction changes")
    built_up = _built_up(tags)
    forward = limit_kph(tags, ("maxspeed:forward", "maxspeed"), assumed)
    backward = limit_kph(tags, ("maxspeed:backward", "maxspeed"), assumed)
    if np.isnan(forward) and np.isnan(backward):
        assumed.append("no maxspeed: speed of the class")
    roadside = (
        highway not in NO_ROADSIDE
        and tags.get("motorroad") != "yes"
        and tags.get("tunnel", "no") == "no"
    )
    return WayRule(
        directions,
        CLASS_CODE[highway],
        forward,
        backward,
        _surface(tags, assumed),
        built_up,
        roadside=roadside,
        assumed=tuple(dict.fromkeys(assumed)),
    )


def _refusal(tags: Mapping[str, str], highway: str, mode: Mode) -> str:
    """Say why a way is left out, or return nothing."""
    if tags.get("route") == "ferry":
        return "ferry: left out, its waiting time is unknown"
    if highway in ("construction", "proposed"):
        return f"highway={highway}: left out"
    if highway not in CLASS_CODE or highway == "ferry":
        return "not a road for this mode"
    if tags.get("area", "no") not in ("no", ""):
        return "area=yes: left out, a square is no line"
    if mode != "motorcar" and tags.get("motorroad") == "yes":
        return "motorroad=yes: left out"
    granted = _access(tags, mode)
    if granted in CLOSED:
        return f"access={granted}: left out"
    if highway in OPEN_CLASSES[mode]:
        service = tags.get("service", "")
        if mode == "motorcar" and service in ("parking_aisle", "drive-through", "emergency_access"):
            return f"service={service}: left out"
        return ""
    specific = any(tags.get(key) in GRANTED for key in ACCESS_KEYS[mode][:-1])
    if specific or (highway == "track" and tags.get("tracktype") == "grade1"):
        return ""
    return "highway=track: left out" if highway == "track" else "not a road for this mode"


def _access(tags: Mapping[str, str], mode: Mode) -> str:
    return next((tags[key] for key in ACCESS_KEYS[mode] if key in tags), "yes")


def _directions(tags: Mapping[str, str], highway: str, mode: Mode, assumed: list[str]) -> int:
    access = _access(tags, mode)
    if access in LIMITED:
        assumed.append(f"access={access}: open")
    elif access not in GRANTED:
        assumed.append("access of unknown value: open")
    implied = highway in IMPLIED_ONEWAY or tags.get("junction") in ("roundabout", "circular")
    if mode == "foot":
        implied = False
    for key in ONEWAY_KEYS[mode]:
        value = tags.get(key)
        if value is None:
            continue
        if value in ONEWAY:
            return ONEWAY[value]
        assumed.append("oneway of unknown value: both ways")
        break
    return FORWARD if implied else FORWARD | BACKWARD


def limit_kph(tags: Mapping[str, str], keys: tuple[str, ...], assumed: list[str]) -> float:
    """Return the limit in km/h said by the first of `keys` or by an implicit zone, or NaN."""
    for key in keys:
        if key in tags:
            kph = parse_kph(tags[key], assumed)
            if not np.isnan(kph):
                return kph
    for key in _IMPLICIT_KEYS:
        kph = _zone_kph(tags.get(key, ""))
        if not np.isnan(kph):
            return kph
    return np.nan


def parse_kph(text: str, assumed: list[str]) -> float:
    """Return what a `maxspeed` value means in km/h, NaN where it means nothing.

    Examples
    --------
    >>> notes = []
    >>> [parse_kph(t, notes) for t in ("80", "30 mph", "FR:rural", "50;70", "none", "signals")]
    [80.0, 48.28032, 80.0, 50.0, 130.0, nan]
    >>> notes
    ['maxspeed with several values: the lowest', 'maxspeed=none: 130', 'maxspeed unreadable: class']
    """
    value = text.strip()
    if value == "none":
        assumed.append("maxspeed=none: 130")
        return NO_LIMIT_KPH
    zone = _zone_kph(value)
    if not np.isnan(zone):
        return zone
    parts = [_number_kph(part) for part in re.split(r"[;|,]", value)]
    known = [kph for kph in parts if not np.isnan(kph)]
    if not known:
        assumed.append("maxspeed unreadable: class")
        return np.nan
    if len(parts) > 1:
        assumed.append("maxspeed with several values: the lowest")
    return min(known)


def _number_kph(text: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(km/?h|kph|kmph|mph)?\s*", text)
    if not match:
        return np.nan
    kph = float(match[1]) * (_KPH_A_MPH if match[2] == "mph" else 1.0)
    return kph if _SLOWEST_TAG_KPH <= kph <= _FASTEST_TAG_KPH else np.nan


def _zone_kph(text: str) -> float:
    """Return the limit of a zone such as `FR:urban`, `DE:zone:30`, `CH:30`, `walk`; else NaN."""
    country, colon, zone = text.strip().partition(":")
    country, zone = (country, zone.strip().lower()) if colon else ("", country.lower())
    if country and country not in _ZONES:
        return np.nan  # a misspelt country is no reason to guess
    if country and (match := re.fullmatch(r"(?:zone:?)?(\d+)", zone)):
        return _number_kph(match[1])
    if country and zone in _ZONES[country]:
        return float(_ZONES[country][zone])
    return _EVERYWHERE.get(zone, np.nan) if country or zone in ("walk", "living_street") else np.nan


def _built_up(tags: Mapping[str, str]) -> int:
    said = " ".join(tags.get(key, "") for key in ("maxspeed", *_IMPLICIT_KEYS))
    if re.search(r"\b[A-Z]{2}:(urban|zone|30|living)", said):
        return 1
    return 0 if re.search(r"\b[A-Z]{2}:(rural|nonurban|trunk|motorway)", said) else -1


def _surface(tags: Mapping[str, str], assumed: list[str]) -> int:
    words = [word.strip() for word in tags.get("surface", "").casefold().split(";")]
    if words != [""]:
        if not set(words) <= _SURFACE.keys():
            assumed.append("surface of unknown value: paved")
        return max(SURFACE_CODE[_SURFACE.get(word, "paved")] for word in words)
    if tags.get("highway") == "track" and tags.get("tracktype") != "grade1":
        assumed.append("track without surface: loose")
        return SURFACE_CODE["loose"]
    return SURFACE_CODE["paved"]


def stops(tags: Mapping[str, str], mode: Mode) -> bool:
    """Say whether a barrier on a node stops the mode.

    Examples
    --------
    >>> stops({"barrier": "gate"}, "motorcar"), stops({"barrier": "bollard"}, "motorcar")
    (False, True)
    >>> stops({"barrier": "bollard", "bollard": "rising"}, "motorcar")
    False
    """
    if "barrier" not in tags:
        return False
    said = next((tags[key] for key in ACCESS_KEYS[mode] if key in tags), None)
    if said is not None:
        return said in CLOSED
    if tags["barrier"] in _OPEN_BARRIERS or tags.get("bollard") == "rising":
        return False
    return mode == "motorcar" or tags["barrier"] not in _ONLY_CARS_STOP
