from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from instances import shipped

from planner import Scenario, compare, run, territory
from planner._errors import InputError
from planner._format import percent


@pytest.fixture(scope="module")
def plans():
    home = territory.read("saone-beaujolais")
    return [
        run(home, Scenario(name="complet")),
        run(home, Scenario(name="cinq", mini_sites_max=5)),
        run(home, Scenario(name="aucun", mini_sites_max=0)),
    ]


def people(plan, minutes):
    """The plan with other minutes, by demand point, and one commune each for the first two."""
    frame = plan.people.iloc[: len(minutes)].assign(
        minutes=minutes, commune=["a", "a", "b"][: len(minutes)], residents=[10.0, 30.0, 5.0]
    )
    return replace(plan, people=frame)


def three(plan):
    communes = gpd.GeoDataFrame(
        {"name": ["A", "B", "C"], "residents": [40.0, 5.0, 0.0], "share_mesh": [0.5, 1.0, np.nan]},
        index=["a", "b", "c"], geometry=plan.communes.geometry.iloc[:3].to_numpy(), crs=4326,
    )  # fmt: skip
    return replace(plan, communes=communes, sites=plan.sites.iloc[:0], ledger=plan.ledger.iloc[:0])


def test_change_by_commune_is_that_of_hand(plans):
    first = people(three(plans[0]), [5.0, 9.0, np.inf])
    other = people(three(replace(plans[0], scenario=plans[1].scenario)), [8.0, 9.5, 12.0])
    table = compare.communes(first, other)
    # a: 10 residents 3 minutes farther, 30 half a minute farther; b: 25 (the longest) to 12.
    assert table["change_min"].tolist()[:2] == pytest.approx([(10 * 3 + 30 * 0.5) / 40, -13.0])
    assert np.isnan(table["change_min"].iloc[2])
    assert table["farther"].tolist() == [10.0, 0.0, 0.0]
    assert table["nearer"].tolist() == [0.0, 5.0, 0.0]
    moved = compare.minutes(first, other)
    assert moved["bounded"].tolist() == [False, False, True]


def test_change_the_other_way_is_the_opposite(plans):
    there, back = compare.communes(*plans[:2]), compare.communes(plans[1], plans[0])
    assert there["change_min"].to_numpy() == pytest.approx(-back["change_min"].to_numpy())
    assert there["invest_eur"].to_numpy() == pytest.approx(-back["invest_eur"].to_numpy())
    assert (there["nearer"] == back["farther"]).all()
    assert (there["opened"] == back["closed"]).all()


def test_changes_add_up_to_the_plans_figures(plans):
    table = compare.figures(plans)
    for other in plans[1:]:
        change = compare.communes(plans[0], other)
        names = [plans[0].scenario.name, other.scenario.name]
        before, after = (table.loc["invest_eur", name] for name in names)
        assert change["invest_eur"].sum() == pytest.approx(after - before)
        weight = change["residents"]
        mean = (change["change_min"] * weight).sum() / weight.sum()
        before, after = (table.loc["mean_min", name] for name in names)
        assert mean == pytest.approx(after - before, abs=1e-6)
    assert table.loc["sites", "complet"] == len(plans[0].sites)
    assert table.loc["share_mesh", "aucun"] == plans[2].indicators["share_mesh"]


def test_one_plan_under_two_names_changes_nothing(plans):
    same = replace(plans[0], scenario=plans[1].scenario)
    assert (compare.minutes(plans[0], same)["change_min"] == 0).all()
    table = compare.communes(plans[0], same)
    assert (table[["nearer", "farther", "invest_eur"]] == 0).all(axis=None)
    assert (table["opened"] == "").all()
    for _, row in compare.figures([plans[0], same]).iterrows():
        assert compare.best(row[["complet", "cinq"]], better=row["better"]) == []


@pytest.mark.parametrize(
    ("values", "better", "names"),
    [
        ([3, 5, 5], 1, ["B", "C"]),
        ([3, 5, 5], -1, ["A"]),
        ([3, 5, 5], 0, []),
        ([5, 5, 5], 1, []),
        ([np.nan, 2, 1], 1, ["B"]),
        ([np.nan, 2, np.nan], 1, []),
        ([np.nan] * 3, 1, []),
    ],
)
def test_the_best_is_marked_and_nothing_where_all_are_alike(values, better, names):
    assert compare.best(pd.Series(values, ["A", "B", "C"], dtype=float), better=better) == names


def test_figures_that_read_the_same_are_the_same():
    row = pd.Series({"A": 0.9996, "B": 0.9998, "C": 0.5})
    assert compare.best(row, better=1, written=percent) == ["A", "B"]


def test_plans_that_cannot_be_compared_are_refused(plans):
    with pytest.raises(InputError, match="two to 4"):
        compare.figures(plans[:1])
    with pytest.raises(InputError, match="one name: complet"):
        compare.figures([plans[0], plans[0]])
    elsewhere = shipped("liechtenstein")
    with pytest.raises(InputError, match="not the same territory"):
        compare.figures([plans[0], elsewhere])
    fewer = replace(plans[1], people=plans[1].people.iloc[1:])
    with pytest.raises(InputError, match="demand_cell_m"):
        compare.minutes(plans[0], fewer)
