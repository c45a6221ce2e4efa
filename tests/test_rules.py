"""What a tag means: one row a value."""

import math

import numpy as np
import pytest
from roadmaps import draw, flat

from planner.network import CLASSES, PROFILES
from planner.network import _rules as rules

BOTH = rules.FORWARD | rules.BACKWARD


def rule(mode="motorcar", **tags):
    """Return the rule of a way; `__` in a name stands for the colon of OpenStreetMap keys."""
    named = {key.replace("__", ":"): value for key, value in tags.items()}
    assert set(named) <= set(rules.READ_KEYS), "a tag that is not read"
    return rules.way_rule(tuple(map(named.get, rules.READ_KEYS)), mode)


# --- maxspeed ---------------------------------------------------------------------------------

SEVERAL = "maxspeed with several values: the lowest"
UNREADABLE = "maxspeed unreadable: class"


@pytest.mark.parametrize(
    ("value", "kph", "note"),
    [
        ("50", 50, ""),
        (" 50 ", 50, ""),
        ("50 km/h", 50, ""),
        ("50kph", 50, ""),
        ("30 mph", 48.28032, ""),
        ("30mph", 48.28032, ""),
        ("7.5", 7.5, ""),
        ("50;70", 50, SEVERAL),
        ("70; 50", 50, SEVERAL),
        ("50|70", 50, SEVERAL),
        ("50,70", 50, SEVERAL),
        ("70;signals", 70, SEVERAL),
        ("none", 130, "maxspeed=none: 130"),
        ("walk", 5, ""),
        ("FR:walk", 5, ""),
        ("FR:urban", 50, ""),
        ("FR:rural", 80, ""),
        ("FR:nonurban", 80, ""),
        ("FR:trunk", 110, ""),
        ("FR:motorway", 130, ""),
        ("FR:zone30", 30, ""),
        ("FR:zone:30", 30, ""),
        ("FR:30", 30, ""),
        ("FR:URBAN", 50, ""),
        ("FR:living_street", 20, ""),
        ("AT:rural", 100, ""),
        ("LI:rural", 80, ""),
        ("RFR:urban", None, UNREADABLE),
        ("fr:urban", None, UNREADABLE),
        ("FR:moon", None, UNREADABLE),
        ("signals", None, UNREADABLE),
        ("variable", None, UNREADABLE),
        ("", None, UNREADABLE),
        ("0", None, UNREADABLE),
        ("-5", None, UNREADABLE),
        ("1000", None, UNREADABLE),
        ("0.0000001", None, UNREADABLE),
        ("9" * 400, None, UNREADABLE),
        ("inf", None, UNREADABLE),
        ("nan", None, UNREADABLE),
        ("1e3", None, UNREADABLE),
        ("50 knots", None, UNREADABLE),
    ],
)
def test_N6_every_odd_maxspeed_has_a_rule_and_is_counted(value, kph, note):
    found = rule(highway="tertiary", maxspeed=value)
    if kph is None:
        assert math.isnan(found.kph_forward)
        assert math.isnan(found.kph_backward)
        assert found.assumed == (note, "no maxspeed: speed of the class")
        assert found.built_up == -1, "an unreadable value says nothing of the surroundings either"
    else:
        assert found.kph_forward == found.kph_backward == pytest.approx(kph)
        assert found.assumed == ((note,) if note else ())


@pytest.mark.parametrize("value", ["0.0000001", "0", "-5", "1000", "none", "walk", "1", "200"])
def test_N6_no_maxspeed_makes_a_speed_infinite_or_a_time_negative(tmp_path, value):
    road = draw("A---------B", {"AB": {"highway": "tertiary", "maxspeed": value}})
    for name in ("car", "car_fast", "car_slow"):
        roads = road.read(tmp_path, profile=name)
        there, back = road.segments(roads)["AB"]
        assert there == back
        fastest, slowest = PROFILES[name].fastest_kph, 0.5
        assert 3.6 * 1000 / fastest <= there / 10 <= 3.6 * 1000 / slowest


def test_a_direction_of_its_own_comes_first_then_both_then_the_zone():
    found = rule(highway="primary", maxspeed="80", maxspeed__forward="70")
    assert (found.kph_forward, found.kph_backward) == (70, 80)
    found = rule(highway="primary", maxspeed__backward="signals", source__maxspeed="FR:rural")
    assert (found.kph_forward, found.kph_backward) == (80, 80)
    assert rule(highway="primary", maxspeed="70", source__maxspeed="FR:rural").kph_forward == 70
    assert np.isnan(rule(highway="living_street").kph_forward)  # the profile has its speed
    assert rule(highway="living_street", maxspeed="10").kph_forward == 10


@pytest.mark.parametrize(
    ("tags", "built_up"),
    [
        ({"maxspeed": "FR:urban"}, 1),
        ({"zone__maxspeed": "FR:30"}, 1),
        ({"maxspeed__type": "FR:zone30"}, 1),
        ({"zone__traffic": "FR:rural"}, 0),
        ({"source__maxspeed": "FR:nonurban"}, 0),
        ({"source__maxspeed": "sign"}, -1),
        ({"maxspeed": "50"}, -1),
        ({"maxspeed": "RFR:urban"}, -1),
        ({}, -1),
    ],
)
def test_built_up_is_said_by_zones_and_never_guessed(tags, built_up):
    assert rule(highway="tertiary", **tags).built_up == built_up


# --- directions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "directions"),
    [
        ({}, BOTH),
        ({"oneway": "yes"}, rules.FORWARD),
        ({"oneway": "true"}, rules.FORWARD),
        ({"oneway": "1"}, rules.FORWARD),
        ({"oneway": "-1"}, rules.BACKWARD),
        ({"oneway": "reverse"}, rules.BACKWARD),
        ({"oneway": "no"}, BOTH),
        ({"oneway": "alternating"}, BOTH),
        ({"oneway": "reversible"}, 0),
        ({"oneway": "sometimes"}, BOTH),
        ({"junction": "roundabout"}, rules.FORWARD),
        ({"junction": "circular"}, rules.FORWARD),
        ({"junction": "roundabout", "oneway": "no"}, BOTH),
        ({"junction": "roundabout", "oneway": "-1"}, rules.BACKWARD),
        ({"junction": "yes"}, BOTH),
        ({"highway": "motorway"}, rules.FORWARD),
        ({"highway": "motorway_link"}, rules.FORWARD),
        ({"highway": "motorway", "oneway": "no"}, BOTH),
        ({"highway": "trunk"}, BOTH),
        ({"oneway": "yes", "oneway__motor_vehicle": "no"}, BOTH),
        ({"oneway": "yes", "oneway__bicycle": "no"}, rules.FORWARD),
    ],
)
def test_directions_open_to_a_car(tags, directions):
    assert rule(**{"highway": "tertiary", **tags}).directions == directions


def test_directions_of_other_modes():
    assert rule("foot", highway="tertiary", oneway="yes").directions == BOTH
    assert rule("foot", highway="tertiary", junction="roundabout").directions == BOTH
    assert rule("bicycle", highway="tertiary", oneway="yes").directions == rules.FORWARD
    both = rule("bicycle", highway="tertiary", oneway="yes", oneway__bicycle="no")
    assert both.directions == BOTH


# --- who may pass -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "is_open"),
    [
        ({"access": "no"}, False),
        ({"access": "private"}, False),
        ({"access": "agricultural"}, False),
        ({"access": "forestry"}, False),
        ({"access": "agricultural;forestry"}, False),
        ({"access": "permit"}, False),
        ({"access": "delivery"}, False),
        ({"access": "destination"}, True),
        ({"access": "customers"}, True),
        ({"access": "permissive"}, True),
        ({"access": "yes"}, True),
        ({"access": "who knows"}, True),
        ({"access": "no", "motorcar": "yes"}, True),
        ({"access": "no", "vehicle": "destination"}, True),
        ({"access": "yes", "motor_vehicle": "no"}, False),
        ({"motor_vehicle": "no", "motorcar": "designated"}, True),
        ({"vehicle": "no"}, False),
        ({"bicycle": "no"}, True),
        ({"highway": "track"}, False),
        ({"highway": "track", "tracktype": "grade1"}, True),
        ({"highway": "track", "tracktype": "grade2"}, False),
        ({"highway": "track", "motor_vehicle": "yes"}, True),
        ({"highway": "track", "access": "yes"}, False),
        ({"highway": "track", "tracktype": "grade1", "access": "private"}, False),
        ({"highway": "service"}, True),
        ({"highway": "service", "service": "driveway"}, True),
        ({"highway": "service", "service": "parking_aisle"}, False),
        ({"highway": "service", "service": "drive-through"}, False),
        ({"highway": "construction"}, False),
        ({"highway": "proposed"}, False),
        ({"highway": "pedestrian"}, False),
        ({"highway": "pedestrian", "motorcar": "yes"}, True),
        ({"highway": "footway"}, False),
        ({"highway": "steps"}, False),
        ({"highway": "corridor"}, False),
        ({"highway": "ferry"}, False),
        ({"highway": "residential", "area": "yes"}, False),
        ({"highway": "residential", "area": "no"}, True),
        ({"highway": "tertiary", "route": "ferry"}, False),
        ({"highway": "residential", "oneway": "reversible"}, False),
    ],
)
def test_which_ways_a_car_may_use(tags, is_open):
    found = rule(**{"highway": "tertiary", **tags})
    assert (found.directions != 0) is is_open
    assert is_open or len(found.assumed) == 1, "what is left out is counted, once"


@pytest.mark.parametrize(
    ("tags", "note"),
    [
        ({"route": "ferry"}, "ferry: left out, its waiting time is unknown"),
        ({"highway": "construction"}, "highway=construction: left out"),
        ({"highway": "track"}, "highway=track: left out"),
        ({"access": "private"}, "access=private: left out"),
        ({"access": "destination"}, "access=destination: open"),
        ({"access": "who knows"}, "access of unknown value: open"),
        ({"oneway": "sometimes"}, "oneway of unknown value: both ways"),
        ({"oneway": "reversible"}, "oneway=reversible: left out, its direction changes"),
        ({"highway": "track", "tracktype": "grade3", "motorcar": "yes"}, "track without surface"),
    ],
)
def test_N6_what_is_assumed_is_said(tags, note):
    assert any(said.startswith(note) for said in rule(**{"highway": "tertiary", **tags}).assumed)


@pytest.mark.parametrize(
    ("tags", "roadside"),
    [
        ({}, True),
        ({"tunnel": "no"}, True),
        ({"tunnel": "yes"}, False),
        ({"tunnel": "building_passage"}, False),
        ({"motorroad": "yes"}, False),
        ({"highway": "motorway"}, False),
        ({"highway": "motorway_link"}, False),
        ({"highway": "trunk_link"}, False),
        ({"highway": "trunk"}, True),
    ],
)
def test_where_a_door_may_open(tags, roadside):
    assert rule(**{"highway": "tertiary", **tags}).roadside is roadside


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({}, "paved"),
        ({"surface": "asphalt"}, "paved"),
        ({"surface": "velvet"}, "paved"),
        ({"surface": "sett"}, "stones"),
        ({"surface": "gravel"}, "loose"),
        ({"surface": "mud"}, "earth"),
        ({"highway": "track", "motorcar": "yes"}, "loose"),
        ({"highway": "track", "tracktype": "grade1"}, "paved"),
    ],
)
def test_surface(tags, kind):
    assert rules.SURFACES[rule(**{"highway": "tertiary", **tags}).surface] == kind


@pytest.mark.parametrize(
    ("tags", "car", "bicycle", "foot"),
    [
        ({"barrier": "bollard"}, True, False, False),
        ({"barrier": "block"}, True, False, False),
        ({"barrier": "gate"}, False, False, False),
        ({"barrier": "lift_gate"}, False, False, False),
        ({"barrier": "cattle_grid"}, False, False, False),
        ({"barrier": "toll_booth"}, False, False, False),
        ({"barrier": "wall"}, True, True, True),
        ({"barrier": "gate", "access": "private"}, True, True, True),
        ({"barrier": "gate", "access": "private", "foot": "yes"}, True, True, False),
        ({"barrier": "bollard", "motor_vehicle": "yes"}, False, False, False),
        ({"barrier": "bollard", "bollard": "rising"}, False, False, False),
        ({"highway": "crossing"}, False, False, False),
    ],
)
def test_which_barriers_stop_whom(tags, car, bicycle, foot):
    stopped = [rules.stops(tags, mode) for mode in ("motorcar", "bicycle", "foot")]
    assert stopped == [car, bicycle, foot]


def test_every_class_has_one_code_and_every_open_class_a_speed():
    assert len(set(CLASSES)) == len(CLASSES)
    assert all(name in rules.CLASS_CODE for names in rules.OPEN_CLASSES.values() for name in names)
    for profile in PROFILES.values():
        assert rules.OPEN_CLASSES[profile.mode] <= set(profile.kph)
        assert all(speed > 0 for speed in profile.kph.values())
    assert flat().kph.keys() == PROFILES["car"].kph.keys()


def test_N6_a_surface_of_unknown_value_is_paved_and_counted():
    known, unknown = (
        rule(highway="track", motorcar="yes", surface="gravel;dirt"),
        rule(highway="residential", surface="lava"),
    )
    assert known.surface == 3
    assert "surface of unknown value: paved" in unknown.assumed
    assert unknown.surface == 0
    assert (
        "surface of unknown value: paved"
        not in rule(highway="residential", surface="Asphalt").assumed
    )


@pytest.mark.parametrize("mode", ["bicycle", "foot"])
def test_N6_an_expressway_is_closed_to_those_who_do_not_drive(mode):
    found = rules.way_rule(
        tuple({"highway": "trunk", "motorroad": "yes"}.get(key) for key in rules.READ_KEYS), mode
    )
    assert found.directions == 0
