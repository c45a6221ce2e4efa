from pathlib import Path

import pytest

from planner._errors import InputError
from planner.sources import osm_crop, osm_water
from planner.sources.overpass import territory_query

LIECHTENSTEIN = Path(__file__).parent.parent / "data" / "liechtenstein" / "roads.osm.pbf"
HERE = (4.99, 44.99, 5.2, 45.2)


@pytest.fixture
def country(tmp_path):
    """Write a file of nodes 1 to 9 on a diagonal, and of ways and relations given as text."""

    def write(ways, relations=""):
        nodes = "".join(
            f"<node id='{n}' version='1' lon='{5 + n * 0.01:.2f}' lat='{45 + n % 3 * 0.01:.2f}'/>"
            for n in range(1, 10)
        )
        path = tmp_path / "country.osm"
        path.write_text(f"<osm version='0.6'>{nodes}{ways}{relations}</osm>", encoding="utf-8")
        return path

    return write


def way(i, refs, **tags):
    nodes = "".join(f"<nd ref='{ref}'/>" for ref in refs)
    told = "".join(f"<tag k='{key}' v='{value}'/>" for key, value in tags.items())
    return f"<way id='{i}' version='1'>{nodes}{told}</way>"


LAKE = (
    "<relation id='7' version='1'><member type='way' ref='20' role='outer'/>"
    "<tag k='type' v='multipolygon'/><tag k='natural' v='water'/></relation>"
)


def test_rivers_are_lines_lakes_are_areas_and_brooks_are_left(country):
    path = country(
        way(1, [1, 2, 3], waterway="river")
        + way(2, [1, 2], waterway="stream")
        + way(3, [4, 5, 6, 4], natural="water")
        + way(4, [1, 2, 3, 1], waterway="riverbank")
        + way(5, [7, 8], waterway="canal", tunnel="yes")
        + way(6, [7, 8, 9], waterway="canal", tunnel="no")
        + way(20, [7, 8, 9, 7]),
        LAKE,
    )
    water = osm_water.read(path)
    assert dict(zip(water.index, water.geom_type, strict=True)) == {
        "r7": "MultiPolygon",
        "w1": "LineString",
        "w3": "MultiPolygon",
        "w4": "MultiPolygon",
        "w6": "LineString",
    }
    assert list(water.geometry["w1"].coords) == [(5.01, 45.01), (5.02, 45.02), (5.03, 45.0)]
    assert water.crs.to_epsg() == 4326


def test_a_river_with_a_node_missing_is_not_joined_across_it(country):
    path = country(way(1, [1, 2, 77, 4, 5], waterway="river") + way(2, [77, 1], waterway="river"))
    water = osm_water.read(path)
    assert list(water.index) == ["w1"]
    assert [list(part.coords) for part in water.geometry["w1"].geoms] == [
        [(5.01, 45.01), (5.02, 45.02)],
        [(5.04, 45.01), (5.05, 45.02)],
    ]


def test_an_open_lake_is_left_out_and_no_water_is_an_empty_frame(country):
    water = osm_water.read(country(way(1, [1, 2, 3], natural="water")))
    assert (len(water), water.crs.to_epsg()) == (0, 4326)


def test_I9_a_file_that_is_no_openstreetmap_is_refused(tmp_path):
    path = tmp_path / "a.osm"
    path.write_text("<html>")
    with pytest.raises(InputError, match=r"a\.osm: truncated"):
        osm_water.read(path)


def test_the_rhine_is_in_liechtenstein():
    water = osm_water.read(LIECHTENSTEIN)
    assert list(water.index) == sorted(water.index)
    assert len(water) == 30
    assert set(water.geom_type) == {"MultiPolygon", "LineString"}


def test_a_crop_keeps_rivers_of_the_outer_box_and_lakes_of_the_inner(country, tmp_path):
    path = country(
        way(1, [1, 2], highway="residential")
        + way(2, [8, 9], waterway="river")
        + way(20, [1, 2, 3, 1])
        + way(21, [7, 8, 9, 7], natural="wood"),
        LAKE,
    )
    inner = (5.0, 45.0, 5.035, 45.1)
    for outer, kept in ((HERE, ["r7", "w2"]), (inner, ["r7"])):
        out = osm_crop.crop(path, tmp_path / "out.osm.pbf", inner=inner, outer=outer)
        assert list(osm_water.read(out).index) == kept


def test_overpass_is_asked_for_rivers_around_and_lakes_inside():
    inner, outer = (4.5, 46.0, 4.6, 46.1), (4.4, 45.9, 4.7, 46.2)
    text = territory_query(inner, outer, buildings=False, timeout_s=60)
    assert 'way[waterway~"^(river|canal)$"](45.9,4.4,46.2,4.7);' in text
    assert "wr[natural=water](46.0,4.5,46.1,4.6);wr[waterway=riverbank](46.0,4.5,46.1,4.6);" in text
