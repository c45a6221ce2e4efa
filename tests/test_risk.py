import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson, triang

from planner import ledger, mobility, risk
from planner._errors import InputError
from planner.assumptions import values

LEVELS = {level: values(level=level) for level in ("low", "value", "high")}
SURE = dict.fromkeys(LEVELS, values())
EXACT = settings(derandomize=True, deadline=None, database=None, max_examples=25)


def network(minis=36):
    """Return three structuring sites, some mini-coworks and a corpoworking site."""
    rows = (
        [("structuring", 15, 20.0)] * 3 + [("mini", 3, 2.0)] * minis + [("corpoworking", 20, 9.0)]
    )
    table = pd.DataFrame(rows, columns=["tier", "seats", "users"])
    table.index = pd.Index([f"s{n:02}" for n in range(len(rows))])
    return table.assign(commune="01012", site_km=4.0, work_km=np.nan)


NETWORK = network(4)


def same(one, two):
    pd.testing.assert_frame_equal(one, two, check_exact=True)


# Draws


@pytest.mark.parametrize(("low", "mode", "high"), [(1, 2, 11), (0, 0, 5), (2, 9, 9), (1, 2, 3)])
def test_draws_are_those_of_a_triangle(low, mode, high):
    at = np.linspace(0, 1, 101)
    expected = triang((mode - low) / (high - low), loc=low, scale=high - low).ppf(at)
    assert risk.triangular(at, low=low, mode=mode, high=high) == pytest.approx(expected)


def test_even_draws_have_the_default_as_their_median_and_stay_in_the_range():
    at = np.linspace(0, 1, 101)
    found = risk.triangular(at, low=0.01, mode=0.02, high=0.11, even=True)
    assert found[50] == pytest.approx(0.02)
    assert (found[0], found[-1]) == (0.01, 0.11)
    assert (np.diff(found) > 0).all()


def test_a_range_of_one_figure_is_not_drawn():
    assert risk.triangular(np.array([0.0, 0.7, 1.0]), low=3, mode=3, high=3).tolist() == [3, 3, 3]


def test_a_range_changes_no_draw_of_the_others():
    narrow = {level: values({"telework_use_share": 0.02}, level=level) for level in LEVELS}
    one, two = (risk.draw(levels, draws=50, seed=3) for levels in (LEVELS, narrow))
    assert (two["telework_use_share"] == 0.02).all()
    for key in set(risk.DRAWN) - {"telework_use_share"}:
        assert (one[key] == two[key]).all()
        assert one[key].shape == (50, 1)


def test_every_key_that_running_money_and_trips_read_is_drawn():
    rest = set(ledger.USED) - set(risk.DRAWN)
    assert {key for key in rest if not key.startswith(("ramp", "fabrique", "reconquete"))} == {
        "fit_out_eur_m2", "new_fit_out_eur_m2", "heavy_fit_out_eur_m2", "seat_equipment_eur",
        "mini_seat_eur",
        "mini_place_eur", "works_years", "furniture_years", "employers_share",
    }  # fmt: skip
    assert set(mobility.USED) - {"km_cost_eur"} <= set(risk.DRAWN)


def test_users_follow_the_chain_of_demand_by_hand():
    value = values()
    drawn = {key: np.array([[value[key]]]) for key in risk.DRAWN}
    assert risk.demand_factor(drawn, value=value).tolist() == [[1.0]]
    teleworkers = 0.6 * (0.12 * 0.72 + 0.26 * 0.48 + 0.25 * 0.36 + 0.25 * 0.02)
    independents = 0.09 * 0.33 + 0.03 * 0.03
    central = 0.02 * teleworkers + 0.05 * independents
    drawn["telework_use_share"] = np.array([[0.11]])
    high = 0.11 * teleworkers + 0.05 * independents
    assert risk.demand_factor(drawn, value=value)[0, 0] == pytest.approx(high / central)


def test_where_nobody_is_expected_nobody_is_multiplied():
    none = dict(values()) | dict.fromkeys(risk.DEMAND, 0.0)
    drawn = {key: np.zeros((2, 1)) for key in risk.DRAWN}
    assert risk.demand_factor(drawn, value=none).tolist() == [[1.0], [1.0]]


# Probabilities


def test_S18_without_doubt_the_odds_are_those_of_poisson():
    found = risk.simulate(NETWORK, levels=SURE, draws=20_000).sites
    for site, row in NETWORK.iterrows():
        least = 2 if row["tier"] == "mini" else 8
        expected = poisson.cdf(least - 1, row["users"])
        assert found.loc[site, "p_underuse"] == pytest.approx(expected, abs=0.015)
        assert found.loc[site, "users_q50"] == pytest.approx(poisson.median(row["users"]), abs=1)


def test_quantiles_are_those_of_poisson_without_doubt():
    found = risk.simulate(network(0)[:1], levels=SURE, draws=20_000)
    cuts = [found.sites.loc["s00", f"users_{cut}"] for cut in ("q05", "q50", "q95")]
    assert cuts == poisson.ppf([0.05, 0.5, 0.95], 20).tolist()
    assert found.network.loc["users"].tolist() == cuts


def test_S18_a_mini_is_in_deficit_below_its_break_even_users():
    needed = ledger.break_even(NETWORK, figures=values()).loc["s03", "users_needed"]
    found = risk.simulate(NETWORK, levels=SURE, draws=20_000).sites
    expected = poisson.cdf(np.floor(needed), 2.0)
    assert found.loc["s03", "p_deficit"] == pytest.approx(expected, abs=0.015)


def test_seats_that_are_less_occupied_than_asked_are_under_used():
    sites = network(0)[:1].assign(users=60.0)
    busy, idle = (
        risk.simulate(sites, levels=SURE, draws=500, occupancy_min=share) for share in (0.5, 1.0)
    )
    assert busy.sites["p_underuse"].tolist() == [0]
    assert idle.sites["p_underuse"].iloc[0] > 0.9
    assert (busy.p_underuse, idle.p_underuse) == (0, idle.sites["p_underuse"].iloc[0])


def test_draws_agree_with_the_ledger_and_the_trips_where_nothing_is_drawn():
    users = np.array([20.0, 2.0])
    sites = network(1).iloc[[0, 3]]
    central = risk.tornado(sites, levels=LEVELS)["central"].iloc[0]
    order = ledger.running_order(sites, figures=values())
    assert central == pytest.approx(order["balance"].sum() / 100, abs=0.05)
    groups = pd.DataFrame({"users": users, "site_km": 4.0})
    trips = mobility.avoided(groups, levels=LEVELS).results.loc["central", "kg_co2e"]
    told = risk.tornado(sites, levels=LEVELS, outcome="kg_co2e")["central"]
    assert told.iloc[0] == pytest.approx(trips)
    assert (risk.tornado(sites, levels=LEVELS, outcome="users")["central"] == 22).all()


def test_existing_sites_are_used_but_their_money_is_not_counted_unless_asked():
    sites = NETWORK.assign(status=["existing"] + ["candidate"] * 7)
    plain, run, new = (
        risk.simulate(table, levels=LEVELS, draws=300, run_existing=asked)
        for table, asked in ((sites, False), (sites, True), (NETWORK, False))
    )
    assert plain.sites["p_deficit"].isna().tolist() == [True] + [False] * 7
    assert np.isnan(plain.sites.loc["s00", "balance_eur_q50"])
    same(run.sites, new.sites)
    same(plain.network.loc[["users"]], new.network.loc[["users"]])
    assert plain.network.loc["balance_eur", "q50"] > new.network.loc["balance_eur", "q50"]


def test_kilometres_that_are_not_known_are_not_told():
    plain = NETWORK.drop(columns=["site_km", "work_km"])
    found = risk.simulate(plain, levels=LEVELS, draws=100)
    assert found.network.index.tolist() == ["users", "balance_eur", "sites_underused"]
    with_km = risk.simulate(NETWORK, levels=LEVELS, draws=100)
    same(with_km.network.drop(index="kg_co2e"), found.network)
    assert (with_km.network["q05"] <= with_km.network["q50"]).all()
    assert (with_km.network["q50"] <= with_km.network["q95"]).all()


def test_known_ways_to_work_take_the_place_of_the_median():
    at_13 = NETWORK.assign(work_km=13.0)
    sure = {level: values({"commute_km": 13}, level=level) for level in LEVELS}
    one, two = (
        risk.simulate(table, levels=levels, draws=200)
        for table, levels in ((at_13, LEVELS), (NETWORK, sure))
    )
    same(one.network, two.network)


def test_an_empty_network_runs_no_risk():
    found = risk.simulate(NETWORK[:0], levels=LEVELS, draws=20)
    assert (found.p_underuse, found.p_deficit, len(found.sites)) == (0, 0, 0)
    assert (found.network == 0).to_numpy().all()


# The same draws


def test_the_same_seed_gives_the_same_and_another_does_not():
    one, two, other = (
        risk.simulate(NETWORK, levels=LEVELS, draws=200, seed=seed) for seed in (1, 1, 2)
    )
    assert one.sites.to_csv() == two.sites.to_csv()
    assert one.network.to_csv() == two.network.to_csv()
    assert one.network.to_csv() != other.network.to_csv()


def test_the_order_of_rows_changes_nothing():
    mixed = NETWORK.sample(frac=1, random_state=5)
    one, two = (risk.simulate(table, levels=LEVELS, draws=200) for table in (NETWORK, mixed))
    same(one.sites, two.sites)
    same(one.network, two.network)
    same(risk.tornado(NETWORK, levels=LEVELS), risk.tornado(mixed, levels=LEVELS))


def test_a_site_more_changes_nothing_for_the_others():
    fewer = NETWORK.drop(index=["s00", "s04"])
    one, two = (risk.simulate(table, levels=LEVELS, draws=200) for table in (NETWORK, fewer))
    same(one.sites.loc[fewer.index], two.sites)


def test_even_draws_expect_about_what_the_plan_says_and_leaning_ones_twice_that():
    leaning, even = (
        risk.simulate(NETWORK, levels=LEVELS, draws=4000, even=even) for even in (False, True)
    )
    planned = NETWORK["users"].sum()
    assert leaning.network.loc["users", "q50"] > 1.5 * planned
    assert even.network.loc["users", "q50"] == pytest.approx(planned, rel=0.25)
    assert (even.sites["p_underuse"] >= leaning.sites["p_underuse"]).all()


@EXACT
@given(st.floats(1, 4), st.integers(0, 5))
def test_more_expected_users_never_make_a_site_emptier(times, seed):
    more = NETWORK.assign(users=NETWORK["users"] * times)
    before, after = (
        risk.simulate(table, levels=LEVELS, draws=400, seed=seed) for table in (NETWORK, more)
    )
    margin = 0.1  # of chance, with few draws
    assert (after.sites["p_underuse"] <= before.sites["p_underuse"] + margin).all()
    assert after.p_underuse <= before.p_underuse + margin


def test_ten_thousand_draws_of_forty_sites_are_quick():
    start = time.perf_counter()
    found = risk.simulate(network(), levels=LEVELS)
    assert time.perf_counter() - start < 2
    assert (len(found.sites), found.draws) == (40, 10_000)


# The tornado


def test_the_tornado_puts_first_what_moves_the_network_most_and_ties_by_key():
    found = risk.tornado(NETWORK, levels=LEVELS)
    assert sorted(found.index) == list(risk.DRAWN)
    spans = list(zip(-found["span"], found.index, strict=True))
    assert spans == sorted(spans)
    assert found["span"].tolist() == (found["at_high"] - found["at_low"]).abs().tolist()
    assert found.index[0] in {"telework_use_share", "animation_fte", "fluids_eur_m2_year"}


@pytest.mark.parametrize("key", ["fte_eur_year", "price_day_eur", "user_days_a_week"])
def test_the_tornado_is_the_ledger_with_one_figure_changed(key):
    found = risk.tornado(NETWORK, levels=LEVELS).loc[key]
    for end, level in (("at_low", "low"), ("at_high", "high")):
        changed = values({key: LEVELS[level][key]})
        balance = ledger.running_order(NETWORK, figures=changed)["balance"].sum() / 100
        assert found[end] == pytest.approx(balance, abs=0.1)


# Refusals


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"draws": 0}, "draws=0: a whole number, 1 or more"),
        ({"seed": -1, "draws": 1.5}, r"draws=1\.5: .*; seed=-1: a whole number, 0 or more"),
        ({"occupancy_min": 1.5}, r"occupancy_min=1\.5: a share"),
        ({"levels": {"value": values()}}, "no level low, high"),
    ],
)
def test_options_that_are_none_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        risk.simulate(NETWORK, **{"levels": LEVELS} | options)


def test_sites_and_outcomes_that_are_none_are_refused():
    with pytest.raises(InputError, match=r"site_km: kilometres, 0 or more .not so in s00, s01"):
        risk.simulate(NETWORK.assign(site_km=np.nan), levels=LEVELS)
    with pytest.raises(InputError, match="work_km"):
        risk.simulate(NETWORK.assign(work_km=-1.0), levels=LEVELS)
    with pytest.raises(InputError, match="users, balance_eur, kg_co2e"):
        risk.tornado(NETWORK, levels=LEVELS, outcome="profit")
    with pytest.raises(InputError, match="no column site_km"):
        risk.tornado(NETWORK.drop(columns="site_km"), levels=LEVELS, outcome="kg_co2e")
    with pytest.raises(InputError, match="tier"):
        risk.simulate(NETWORK.assign(tier="kiosk"), levels=LEVELS)
