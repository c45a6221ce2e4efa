"""Single answers agree with the matrices."""

import geopandas as gpd
import numpy as np
import pytest
from roadmaps import draw, flat

from planner import InputError, network, routes, territory, travel


@pytest.fixture(scope="module")
def home():
    return territory.read("liechtenstein")


@pytest.fixture(scope="module")
def roads(home):
    return network.read_osm(home.roads_path)


def test_a_path_takes_the_minutes_of_the_matrix(home, roads):
    rng = np.random.default_rng(3)
    people = home.residents.iloc[rng.permutation(len(home.residents))[:40]]
    places = home.premises.iloc[rng.permutation(len(home.premises))[:40]]
    minutes = travel.times(roads, people, places, cutoff_min=120).to_dense()
    for row in range(40):
        legs = routes.path(roads, people.iloc[[row]], places.iloc[[row]])
        if np.isinf(minutes[row, row]):
            assert legs.empty
            continue
        assert legs["minutes"].sum() == pytest.approx(minutes[row, row], abs=1e-9)
        ends = legs.geometry.iloc[0].coords[0], legs.geometry.iloc[-1].coords[-1]
        for end, frame in zip(ends, (people, places), strict=True):
            point = frame.to_crs(4326).geometry.iloc[row]
            assert end == pytest.approx((point.x, point.y), abs=1e-9)
        gaps = [
            a.coords[-1] == pytest.approx(b.coords[0], abs=1e-9)
            for a, b in zip(legs.geometry, legs.geometry.iloc[1:], strict=False)
        ]
        assert all(gaps)


def test_a_place_beyond_the_roads_has_no_path(home, roads):
    far = gpd.GeoDataFrame(index=["lake"], geometry=gpd.points_from_xy([9.0], [47.5]), crs=4326)
    assert routes.path(roads, far, home.premises.iloc[[0]]).empty


def test_a_path_needs_one_point_each(home, roads):
    with pytest.raises(InputError, match="one point, not 2"):
        routes.path(roads, home.residents.iloc[:2], home.premises.iloc[[0]])


def test_the_nearest_are_those_of_the_matrix(home, roads):
    people, places = home.residents.iloc[::40], home.premises
    dense = travel.times(roads, people, places, cutoff_min=60).to_dense()
    found = routes.nearest(roads, people, places, k=3)
    for row, person in enumerate(people.index):
        mine = found[found["origin"] == person]
        assert mine["minutes"].tolist() == sorted(dense[row][np.isfinite(dense[row])])[:3]
        assert mine["rank"].tolist() == [1, 2, 3][: len(mine)]
    with pytest.raises(InputError, match="one destination or more"):
        routes.nearest(roads, people, places, k=0)


def test_there_and_back_differ_by_the_one_ways(home, roads):
    people, places = home.residents.iloc[:60], home.premises.iloc[:10]
    both = routes.there_and_back(roads, people, places, cutoff_min=15)
    there = travel.times(roads, people, places, cutoff_min=15).to_dense()
    back = travel.times(roads, places, people, cutoff_min=15).to_dense()
    row = people.index.get_indexer(both["origin"])
    column = places.index.get_indexer(both["destination"])
    assert both["there_min"].tolist() == there[row, column].tolist()
    assert both["back_min"].tolist() == back[column, row].tolist()
    assert (np.isfinite(there) | np.isfinite(back.T)).sum() == len(both)
    assert (both["there_min"] != both["back_min"]).any()


def test_a_path_that_leaves_a_loop_goes_the_way_its_minutes_say(tmp_path):
    drawn = draw(
        """
        A--------B-----E
        |        |
        D--------C
        """,
        {"BADCB": "residential", "BE": "residential"},
    )
    roads = drawn.read(tmp_path, profile=flat())
    loop = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(*zip(drawn.node["D"], strict=True)), crs=4326
    )
    out = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(*zip(drawn.node["E"], strict=True)), crs=4326
    )
    for a, b in ((loop, out), (out, loop)):
        legs = routes.path(roads, a, b)
        driven = legs[legs["highway"] == "residential"]
        # At 36 km/h a metre takes a tenth of a second.
        assert driven["length_m"].sum() == pytest.approx(driven["minutes"].sum() * 600, abs=2)
        lengths = driven.geometry.to_crs(2154).length.sum()
        assert lengths == pytest.approx(driven["length_m"].sum(), rel=0.01)


def test_the_kilometres_of_the_matrix_are_those_of_each_path(home, roads):
    rng = np.random.default_rng(5)
    people = home.residents.iloc[rng.permutation(len(home.residents))[:12]]
    places = home.premises.iloc[rng.permutation(len(home.premises))[:5]]
    km = routes.road_km(roads, people, places)
    assert km.shape == (12, 5)
    assert routes.road_km(roads, people.iloc[:3], places) == pytest.approx(km[:3], rel=0.02)
    legs = [
        [
            routes.path(roads, people.iloc[[i]], places.iloc[[j]])["length_m"].sum() / 1000
            for j in range(5)
        ]
        for i in range(12)
    ]
    # Ways as fast to a tenth of a second may differ by metres.
    assert km == pytest.approx(np.array(legs), rel=0.02, abs=0.01)


def test_kilometres_by_hand_one_way_streets_held_both_ways(tmp_path):
    drawn = draw(
        """
        A----B
        |    |
        C----D
        """,
        {"ACDB": "residential", "BA": {"highway": "residential", "oneway": "yes"}},
    )
    roads = drawn.read(tmp_path)
    two, one = drawn.places("A", "B+-100,0"), drawn.places("B")
    assert routes.road_km(roads, two, one) == pytest.approx(
        np.array([[0.9], [0.0 + 1.3]]), abs=2e-3
    )
    assert routes.road_km(roads, one, two) == pytest.approx(np.array([[0.5, 0.1]]), abs=2e-3)
    far = gpd.GeoDataFrame(index=["lake"], geometry=gpd.points_from_xy([9.0], [47.5]), crs=4326)
    assert np.isinf(routes.road_km(roads, one, far)).all()
