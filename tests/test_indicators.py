from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from instances import instances, shipped

from planner import indicators
from planner.candidates import TIERS
from planner.rules import Decay
from planner.travel import TravelTimes

POINTS, SITES = pd.Index(["p0", "p1", "p2"]), pd.Index(["s0", "s1"])
TIER = pd.Series({"s1": "mini", "s0": "structuring"})


def times(rows):
    dense = np.array(rows, float)
    row, column = np.nonzero(np.isfinite(dense))
    matrix = sp.csr_array((dense[row, column], (row, column)), shape=dense.shape)
    return TravelTimes(matrix, POINTS, SITES, 60.0, False, POINTS[:0], SITES[:0])


MINUTES = times([[0, 30], [10.0 + 5e-7, 5], [np.inf, 10.1]])
PEOPLE = pd.Series([1.0, 2.5, 4.0], index=POINTS)


def test_S7_covered_is_within_the_minutes_of_an_open_site_of_a_tier_that_counts():
    everyone = indicators.covered(MINUTES, TIER, cutoff_min=10, tiers=TIERS)
    assert everyone.to_dict() == {"p0": True, "p1": True, "p2": False}
    mini = indicators.covered(MINUTES, TIER, cutoff_min=10, tiers=("mini",))
    assert mini.to_dict() == {"p0": False, "p1": True, "p2": False}
    nobody = indicators.covered(MINUTES, TIER[:0], cutoff_min=60, tiers=TIERS)
    assert not nobody.any()


def test_people_may_count_for_several_sites_in_the_order_of_the_plan():
    reached = indicators.by_site(MINUTES, TIER, PEOPLE, cutoff_min=10)
    assert list(reached.items()) == [("s1", 2.5), ("s0", 3.5)]


def test_coverage_by_commune_and_a_commune_where_nobody_lives():
    squares = [shapely.box(n, 0, n + 1, 1) for n in range(3)]
    communes = gpd.GeoDataFrame(
        {"name": ["C", "A", "B"], "population": [0, 4, 4], "more": 1},
        index=["03", "01", "02"], geometry=squares, crs=2154,
    )  # fmt: skip
    demand = gpd.GeoDataFrame(
        {"commune": ["01", "01", "02"], "residents": PEOPLE.to_numpy()},
        index=POINTS, geometry=[shapely.Point(0, 0)] * 3, crs=2154,
    )  # fmt: skip
    inside = pd.Series([False, True, False], index=POINTS)[::-1]
    table = indicators.by_commune(demand, communes, layers={"mesh": inside})
    assert table.index.tolist() == ["01", "02", "03"]
    assert table["residents"].tolist() == [3.5, 4.0, 0.0]
    assert table["covered_mesh"].tolist() == [2.5, 0.0, 0.0]
    assert table["share_mesh"].tolist()[:2] == [pytest.approx(2.5 / 3.5), 0.0]
    assert np.isnan(table.loc["03", "share_mesh"])
    assert "more" not in table


@settings(derandomize=True, deadline=None, database=None, max_examples=40)
@given(instances(most_sites=6))
def test_indicators_and_the_model_count_the_same_people(case):
    assume(case.best() is not None)
    minutes, demand, _ = case.tables
    people, cutoff = demand["residents"], case.rules.mesh_min
    solution = case.solve()
    values = {stage.name: stage.value for stage in solution.stages}
    inside = indicators.covered(minutes, solution.tier, cutoff_min=cutoff, tiers=TIERS)
    if "mesh" in values:
        assert people[inside].sum() == pytest.approx(values["mesh"], abs=0.01)
    if "users" in values and not case.rules.seats:
        users = indicators.users(minutes, solution.tier, demand["users"], decay=case.rules.decay)
        assert users == pytest.approx(values["users"], abs=1e-3)
    near = indicators.by_site(minutes, solution.tier, people, cutoff_min=cutoff)
    assert (near <= people[inside].sum() + 0.01).all()


@pytest.mark.parametrize("name", ["liechtenstein", "saone-beaujolais"])
def test_the_communes_of_a_plan_add_up_to_its_headline(name):
    plan = shipped(name)
    sums = plan.communes[["residents", "covered_mesh", "covered_structuring"]].sum()
    for column, total in sums.items():
        assert total == pytest.approx(plan.indicators[column], abs=0.2)
    shares = plan.communes[["share_mesh", "share_structuring"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    outside = plan.outside["residents"].sum()
    assert outside == pytest.approx(plan.indicators["residents_outside"], abs=0.01)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(st.lists(st.tuples(st.floats(0, 400), st.booleans()), min_size=1, max_size=30))
def test_a_share_is_one_exactly_where_all_are_covered(rows):
    people, inside = zip(*rows, strict=True)
    index = pd.RangeIndex(len(rows))
    points = gpd.GeoSeries([shapely.Point(0, 0)] * len(rows), crs=2154)
    demand = gpd.GeoDataFrame({"commune": "01", "residents": people}, geometry=points)
    communes = gpd.GeoDataFrame(
        {"name": ["A"], "population": [1], "centre_lon": [4.5], "centre_lat": [46.1]},
        index=["01"], geometry=[shapely.box(0, 0, 1, 1)], crs=2154,
    )  # fmt: skip
    layers = {"all": pd.Series(data=True, index=index), "some": pd.Series(inside, index=index)}
    row = indicators.by_commune(demand, communes, layers=layers).iloc[0]
    assert (row["centre_lon"], row["centre_lat"]) == (4.5, 46.1)
    assert row["covered_all"] == row["residents"]
    if row["residents"] > 0:
        assert row["share_all"] == 1
        assert 0 <= row["share_some"] <= 1
        assert (row["share_some"] == 1) == (row["covered_some"] == row["residents"])


def test_users_go_to_the_nearest_site_and_fade_with_the_minutes():
    decay = Decay(kind="stepwise", steps=((5.0, 1.0), (12.0, 0.5)), until_min=12)
    found = indicators.users_by_site(MINUTES, TIER, PEOPLE, decay=decay)
    assert list(found.items()) == [("s1", 2.5 + 4.0 / 2), ("s0", 1.0)]
    assert found.sum() == indicators.users(MINUTES, TIER, PEOPLE, decay=decay)


def test_of_sites_as_near_the_first_by_id_has_the_users():
    alike = times([[5, 5], [5, 5], [np.inf, 5]])
    _, site = indicators.nearest_site(alike, TIER)
    assert site.tolist() == [0, 0, 1]
    turned = replace(alike, minutes=alike.minutes[:, [1, 0]], destinations=SITES[::-1])
    _, site = indicators.nearest_site(turned, TIER)
    assert SITES[::-1][site].tolist() == ["s0", "s0", "s1"]


def test_nobody_comes_where_nothing_is_open():
    nearest, site = indicators.nearest_site(MINUTES, TIER[:0])
    assert np.isinf(nearest).all()
    assert (site == -1).all()
    assert indicators.users(MINUTES, TIER[:0], PEOPLE, decay=Decay()) == 0


@pytest.mark.parametrize("name", ["liechtenstein", "saone-beaujolais"])
def test_users_of_the_sites_are_those_of_the_network(name):
    plan = shipped(name)
    assert plan.sites["users"].sum() == pytest.approx(plan.indicators["users"], abs=0.2)
