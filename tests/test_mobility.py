import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import mobility
from planner._errors import InputError
from planner.assumptions import values

LEVELS = {level: values(level=level) for level in ("low", "value", "high")}
EXACT = settings(derandomize=True, deadline=None, database=None, max_examples=100)


def levels(**changes):
    return {level: values(changes, level=level) for level in ("low", "value", "high")}


def groups(*rows):
    """Return groups g0, g1, ... from (users, site_km, work_km)."""
    names = ["users", "site_km", "work_km"]
    return pd.DataFrame(
        list(rows), columns=names, index=[f"g{n}" for n in range(len(rows))], dtype=float
    )


def test_S15_fifteen_km_gained_on_one_weekly_day_save_233_kg_a_year():
    # The reference counts one person a car; at 1.05 people the same day saves 222 kg.
    alone = levels(replaces_commute=1, rebound=0, car_occupancy=1)
    one = mobility.avoided(groups((1, 5, 20)), levels=alone).results
    assert one.loc["central", "kg_co2e"] == pytest.approx(45 * 2 * 15 * 0.9 * 0.192)
    assert round(one.loc["central", "kg_co2e"]) == 233
    shared = mobility.avoided(groups((1, 5, 20)), levels=levels(replaces_commute=1, rebound=0))
    assert round(shared.results.loc["gross", "kg_co2e"]) == 222


def test_S15_the_three_results_by_hand():
    found = mobility.avoided(groups((10, 4, 20), (5, 2, 8)), levels=LEVELS).results
    gross = (10 * 2 * 16 + 5 * 2 * 6) * 45 * 0.9 / 1.05
    assert found.loc["gross"].tolist() == pytest.approx([gross, gross * 0.192, gross * 0.2])
    day = 0.5 * (10 * 2 * 16 + 5 * 2 * 6) - 0.5 * (10 * 2 * 4 + 5 * 2 * 2)
    central = day * 45 * 0.9 / 1.05
    assert found.loc["central"].tolist() == pytest.approx(
        [central, central * 0.192 * 0.69, central * 0.2]
    )
    day = 0.2 * (10 * 2 * 16 + 5 * 2 * 6) - 0.8 * (10 * 2 * 4 + 5 * 2 * 2)
    assert day < 0
    prudent = day * 47 * 0.93 / 1.0
    assert found.loc["prudent"].tolist() == pytest.approx([prudent, prudent * 0.21, prudent * 0.3])


def test_a_prudent_result_above_nothing_takes_the_smaller_ends_and_the_larger_rebound():
    found = mobility.avoided(groups((10, 2, 40)), levels=LEVELS).results.loc["prudent"]
    km = (0.2 * 10 * 2 * 38 - 0.8 * 10 * 2 * 2) * 42 * 0.85 / 1.2
    assert found.tolist() == pytest.approx([km, km * 0.11 * 0.5, km * 0.15])


def test_the_way_to_work_is_assumed_where_flows_are_missing_and_counted():
    table = groups((10, 4, 13), (6, 4, np.nan))
    found = mobility.avoided(table, levels=LEVELS)
    assert (found.users, found.users_assumed) == (16, 6)
    assert found.keys == (*mobility.USED, "commute_km")
    told = mobility.avoided(groups((16, 4, 13)), levels=LEVELS)
    assert told.keys == mobility.USED
    assert found.results.to_numpy() == pytest.approx(told.results.to_numpy())
    without = mobility.avoided(table[["users", "site_km"]], levels=LEVELS)
    assert without.users_assumed == 16


def test_there_is_no_rebound_on_what_is_added():
    figures = values({"replaces_commute": 0.2})
    assert mobility.avoided_kg(np.array([100.0, -100.0]), figures=figures).tolist() == [
        pytest.approx(100 * 0.192 * 0.69), pytest.approx(-100 * 0.192),
    ]  # fmt: skip


def test_nobody_avoids_nothing():
    found = mobility.avoided(groups(), levels=LEVELS)
    assert (found.results == 0).to_numpy().all()
    assert found.keys == mobility.USED


kilometres = st.floats(0, 60)
tables = st.lists(st.tuples(st.floats(0, 50), kilometres, kilometres | st.none()), max_size=6)


@EXACT
@given(tables)
def test_prudent_is_never_above_central_nor_central_above_gross(rows):
    found = mobility.avoided(groups(*rows), levels=LEVELS).results
    for column in found:
        gross, central, prudent = found[column]
        assert prudent <= central + 1e-9
        assert central <= gross + 1e-9


@EXACT
@given(tables, st.randoms())
def test_the_order_of_groups_does_not_matter(rows, chance):
    table = groups(*rows)
    mixed = table.sample(frac=1, random_state=chance.randrange(1000)) if rows else table
    one, two = (mobility.avoided(part, levels=LEVELS) for part in (table, mixed))
    pd.testing.assert_frame_equal(one.results, two.results, check_exact=True)


@EXACT
@given(tables, st.floats(0, 20))
def test_a_nearer_site_never_avoids_less(rows, more):
    table = groups(*rows)
    farther = table.assign(site_km=table["site_km"] + more)
    near, far = (mobility.avoided(part, levels=LEVELS).results for part in (table, farther))
    assert (far <= near + 1e-9).to_numpy().all()


def test_groups_that_are_none_are_refused_all_at_once():
    with pytest.raises(InputError, match=r"users: .*\(not so in g0\); site_km: .*in g1\); work_km"):
        mobility.avoided(groups((-1, 2, 3), (1, np.nan, np.inf)), levels=LEVELS)
    with pytest.raises(InputError, match="no column users, site_km"):
        mobility.avoided(pd.DataFrame({"km": [1.0]}), levels=LEVELS)
    with pytest.raises(InputError, match="work_km"):
        mobility.avoided(groups((1, 2, 3)).assign(work_km="far"), levels=LEVELS)


def test_levels_that_are_none_are_refused():
    with pytest.raises(InputError, match="no level low, high"):
        mobility.avoided(groups(), levels={"value": values()})
    mixed = {"low": LEVELS["high"], "value": LEVELS["value"], "high": LEVELS["low"]}
    with pytest.raises(InputError, match=r"rebound: 0\.5, 0\.31, 0\.0 do not rise"):
        mobility.avoided(groups(), levels=mixed)
    with pytest.raises(InputError, match="no co2_kg_km"):
        mobility.avoided(groups(), levels=LEVELS | {"low": {}})
    with pytest.raises(InputError, match="someone drives"):
        mobility.avoided(groups(), levels=levels(car_occupancy=0))
