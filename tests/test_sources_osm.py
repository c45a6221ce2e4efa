import math
from pathlib import Path

import pytest

from planner._errors import InputError
from planner.sources import osm
from planner.sources.tables import KINDS

LIECHTENSTEIN = Path(__file__).parent.parent / "data" / "liechtenstein" / "roads.osm.pbf"
UTM = "EPSG:32631"


@pytest.fixture(scope="module")
def liechtenstein():
    return osm.read(LIECHTENSTEIN)


@pytest.fixture
def world(tmp_path):
    """Write a tiny OpenStreetMap file: nodes, squares (x, y, side in 1e-4 degrees), relations."""

    def write(*, nodes=(), squares=(), relations=(), name="world.osm"):
        lines, ways, number = ["<osm version='0.6'>"], [], 1000
        for i, (x, y, tags) in enumerate(nodes, start=1):
            lines += node(i, x, y, tags)
        for i, (x, y, side, tags) in enumerate(squares, start=1):
            corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
            for corner in corners:
                lines += node(number, *corner, {})
                number += 1
            refs = [*range(number - 4, number), number - 4]
            ways += [f"<way id='{i}' version='1'>", *(f"<nd ref='{n}'/>" for n in refs)]
            ways += [*xml(tags), "</way>"]
        lines += ways
        for i, (members, tags) in enumerate(relations, start=1):
            lines += [f"<relation id='{i}' version='1'>"]
            lines += [f"<member type='{t}' ref='{ref}' role='{role}'/>" for t, ref, role in members]
            lines += [*xml(tags), "</relation>"]
        path = tmp_path / name
        path.write_text("\n".join([*lines, "</osm>"]), encoding="utf-8")
        return path

    return write


def node(i, x, y, tags):
    place = f"lon='{3 + x * 1e-4:.7f}' lat='{45 + y * 1e-4:.7f}'"
    return [f"<node id='{i}' version='1' {place}>", *xml(tags), "</node>"]


def xml(tags):
    return [f'<tag k="{k}" v="{v}"/>' for k, v in tags.items()]


def test_liechtenstein_has_its_eleven_communes_and_names_the_others_as_incomplete(liechtenstein):
    assert sorted(liechtenstein.boundaries["name"]) == [
        *("Balzers", "Eschen", "Gamprin", "Mauren", "Planken", "Ruggell", "Schaan"),
        *("Schellenberg", "Triesen", "Triesenberg", "Vaduz"),
    ]
    assert "Feldkirch" in liechtenstein.incomplete
    assert liechtenstein.date == "2013-08-03"
    assert len(liechtenstein.buildings) == 3723


def test_every_frame_is_sorted_has_unique_ids_and_wgs84(liechtenstein):
    for frame in liechtenstein[:1] + liechtenstein[2:6]:
        assert frame.index.is_unique
        assert frame.index.is_monotonic_increasing
        assert frame.crs == "EPSG:4326"
        assert frame.geometry.is_valid.all()


def test_every_kind_is_one_the_planner_knows(liechtenstein):
    kinds = {kind for values in osm.PREMISES.values() for kind in values.values()}
    assert kinds <= set(KINDS)
    assert set(liechtenstein.premises["kind"]) <= set(KINDS)


def test_premises_from_nodes_and_areas_with_their_kind(world):
    path = world(
        nodes=[
            (0, 0, {"shop": "farm", "name": "  Chez   Léa "}),
            (1, 0, {"amenity": "post_office", "shop": "kiosk", "name": "NA"}),
            (2, 0, {"shop": "vacant"}),
            (3, 0, {"amenity": "bench"}),
            (4, 0, {"office": "coworking"}),
        ],
        squares=[(10, 10, 2, {"building": "yes", "amenity": "library"})],
        relations=[
            ([("w", 1, "outer")], {"type": "multipolygon", "shop": "florist", "name": "Flo"})
        ],
    )
    premises = osm.read(path).premises
    assert premises["kind"].to_dict() == {
        "n1": "farm_shop",
        "n2": "post_office",
        "n5": "coworking",
        "w1": "library",
        "r1": "other_shop",
    }
    assert premises["name"].to_dict().items() >= {"n1": "Chez Léa", "n2": "NA", "w1": ""}.items()
    assert set(premises.geom_type) == {"Point"}


HOUSE = {"building": "yes"}


@pytest.mark.parametrize(
    ("tags", "side", "storeys"),
    [
        (HOUSE, 1, 2),
        (HOUSE | {"building:levels": "3"}, 1, 3),
        (HOUSE | {"building:levels": "0"}, 1, 2),
        (HOUSE | {"addr:housenumber": "3"}, 1, 2),
        ({"building": "apartments"}, 5, 4),
        ({"building": "bungalow"}, 1, 1),
        ({"building": "house", "office": "lawyer"}, 1, 2),
        (HOUSE | {"office": "lawyer"}, 1, 0),
        (HOUSE | {"amenity": "school"}, 1, 0),
        (HOUSE, 5, 0),  # 2,200 m²: a hall
        ({"building": "farm"}, 5, 0),
        (HOUSE, 0.5, 0),  # 22 m²: a shed
        ({"building": "industrial"}, 1, 0),
        ({"building": "no"}, 1, 0),
    ],
)
def test_which_buildings_are_housing_and_their_floor(world, tags, side, storeys):
    extract = osm.read(world(squares=[(0, 0, side, tags)]))
    floor = osm.residential_floor_m2(extract, crs=UTM)
    footprint = extract.buildings.to_crs(UTM).area.sum()
    assert floor.sum() == pytest.approx(footprint * storeys, abs=0.1)


def test_a_building_on_an_industrial_estate_is_not_housing(world):
    land = (0, 0, 20, {"landuse": "industrial"})
    path = world(squares=[land, (1, 1, 1, HOUSE), (30, 30, 1, HOUSE)])
    assert list(osm.residential_floor_m2(osm.read(path), crs=UTM).index) == ["w3"]


def test_activity_zones_have_five_hectares_at_least(world):
    land = [(0, 0, 40, {"landuse": "industrial", "name": "ZA"}), (99, 0, 20, {"landuse": "retail"})]
    extract = osm.read(world(squares=[*land, (200, 0, 15, {"landuse": "commercial"})]))
    zones = osm.activity_zones(extract, crs=UTM)
    assert zones["name"].to_dict() == {"w1": "ZA"}  # 14 ha; retail is no zone; 2 ha is too small
    assert zones.within(extract.landuse.to_crs(UTM).geometry["w1"]).all()


def test_a_boundary_has_its_insee_code_its_admin_centre_and_needs_a_name(world):
    commune = {"type": "boundary", "boundary": "administrative", "admin_level": "8"}
    square = {"boundary": "administrative", "admin_level": "8"}
    path = world(
        nodes=[(5, 5, {"name": "Mairie"})],
        squares=[(0, 0, 10, {}), (50, 50, 5, square), (60, 60, 5, square | {"name": "Enclave"})],
        relations=[
            (
                [("w", 1, "outer"), ("n", 1, "admin_centre")],
                commune | {"name": "Jullié", "ref:INSEE": "69104"},
            ),
            ([("w", 1, "outer"), ("w", 77, "outer")], commune | {"name": "Cut"}),
        ],
    )
    extract = osm.read(path)
    assert extract.boundaries["code"].to_dict() == {"r1": "69104", "w3": "w3"}
    assert extract.boundaries["centre"].to_dict() == {"r1": "n1", "w3": ""}
    assert extract.incomplete == ("Cut",)
    assert extract.places.index.to_list() == ["n1"]


@pytest.mark.parametrize(
    ("text", "levels"), [("2", 2.0), (" 1,5 ", 1.5), ("2;3", 2.0), ("12", 12.0)]
)
def test_storeys(text, levels):
    assert osm.storeys(text) == levels


@pytest.mark.parametrize("text", ["", "many", "-1", "0", "2 étages", "1e3", "999"])
def test_storeys_that_say_nothing(text):
    assert math.isnan(osm.storeys(text))


def test_a_file_with_nothing_of_use_gives_empty_frames(world):
    extract = osm.read(world(nodes=[(0, 0, {"highway": "crossing"})]))
    assert [len(frame) for frame in extract if not isinstance(frame, str)] == [0] * 6
    assert osm.residential_floor_m2(extract, crs=UTM).empty
    assert osm.activity_zones(extract, crs=UTM).empty


@pytest.mark.parametrize("step", range(1, 16))
def test_G6_a_truncated_pbf_is_refused_by_name(tmp_path, step):
    whole = LIECHTENSTEIN.read_bytes()
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes(whole[: len(whole) * step // 16])
    with pytest.raises(InputError, match=r"cut\.osm\.pbf: truncated, or not OpenStreetMap data"):
        osm.read(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"<html></html>"])
@pytest.mark.parametrize("suffix", [".osm.pbf", ".osm", ".osm.gz", ".osm.bz2"])
def test_what_is_not_osm_is_refused_by_name(tmp_path, content, suffix):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.osm"):
        osm.read(path)


def test_another_suffix_is_refused(tmp_path):
    path = tmp_path / "roads.zip"
    path.write_bytes(b"x")
    with pytest.raises(InputError, match="expected one of"):
        osm.read(path)
