import numpy as np
import pytest
from instances import shipped

from planner import Scenario, assumptions, ledger, run, territory
from planner.candidates import site_costs
from planner.plan import ACCOUNTS

NAMES = ["liechtenstein", "saone-beaujolais"]


@pytest.fixture(scope="module", params=NAMES)
def plan(request):
    return shipped(request.param)


def test_every_table_is_there_and_holds_text_and_numbers_only(plan):
    assert tuple(plan.accounts) == ACCOUNTS
    for table in plan.accounts.values():
        kinds = {type(value) for column in table.rows for value in table.rows[column].to_list()}
        assert kinds <= {str, int, float}
        assert len(table.rows)


def test_the_budget_adds_up_to_the_cent_and_communes_run_nothing(plan):
    lines = plan.ledger
    budget = plan.accounts["budget"].rows
    payers = [name for name in budget if name not in ("année", "total (€ HT)")]
    cents = (100 * budget[payers]).round().to_numpy()
    assert (cents.sum(axis=1) == (100 * budget["total (€ HT)"]).round()).all()
    assert cents.sum() == lines["cents"].sum()
    paid = lines[lines["payer"] == "commune"]
    assert set(paid["account"]) <= {*ledger.INVESTMENT, "grant"}


def test_communes_invest_what_the_plan_was_asked_to_pay(plan):
    new = plan.sites[plan.sites["status"] != "existing"]
    asked = sum(
        site_costs(site["tier"], seats=site["seats"])["invest_eur"] for _, site in new.iterrows()
    )
    assert asked == plan.indicators["invest_eur"]
    invested = plan.ledger.loc[plan.ledger["account"].isin(ledger.INVESTMENT), "cents"].sum()
    assert invested == 100 * asked


def test_users_of_the_accounts_are_those_of_the_plan(plan):
    rows = plan.accounts["exploitation"].rows.set_index("identifiant")["usagers attendus"]
    new = plan.sites.index[plan.sites["status"] != "existing"]
    assert set(rows.index) == {"", *new}
    assert rows[new].tolist() == pytest.approx(plan.sites.loc[new, "users"].tolist(), abs=0.02)
    assert rows[""] == pytest.approx(rows[new].sum(), abs=0.1)


def test_trips_by_hand(plan):
    """The central result from the mean way to the sites that the gross one implies."""
    figures = assumptions.values()
    rows = plan.accounts["mobilite"].rows.set_index("résultat")["km évités par an"]
    days = plan.indicators["users"] * figures["user_days_a_week"] * figures["working_weeks"]
    a_km = days * 2 * figures["car_share"] / figures["car_occupancy"]
    way = figures["commute_km"] - rows["brut"] / a_km
    assert 0 < way < 15
    share = figures["replaces_commute"]
    central = a_km * (share * (figures["commute_km"] - way) - (1 - share) * way)
    assert rows["central"] == pytest.approx(central, rel=0.01)
    assert rows["prudent"] < rows["central"] < rows["brut"]


def test_risk_has_the_plan_within_its_quantiles(plan):
    rows = plan.accounts["risque"].rows.set_index("résultat")
    assert rows.loc["usagers", "5 %"] < plan.indicators["users"] < rows.loc["usagers", "95 %"]
    sites = plan.accounts["risque-sites"].rows
    odds = sites["risque de sous-utilisation (%)"]
    assert odds.between(0, 100).all()
    assert set(sites["identifiant"]) == set(plan.sites.index)


def test_sites_are_paid_for_in_the_year_they_open():
    home = territory.read("saone-beaujolais")
    scenario = Scenario(studies=("phases",), year_hours_max=1_700, years=4, mini_sites_max=6)
    plan = run(home, scenario)
    opens = plan.studies["phasage"].rows.set_index("identifiant")["année d’ouverture"]
    bought = plan.ledger[plan.ledger["account"].isin(ledger.INVESTMENT)]
    assert opens.max() > 1
    for site, year in bought.groupby("site")["year"].first().items():
        assert opens[site] == year


def test_grants_and_a_missing_coordinator_are_switches():
    home = territory.read("saone-beaujolais")
    few = {"mini_sites_max": 4}
    plain = run(home, Scenario(**few)).ledger
    granted = run(home, Scenario(**few, grants=("fabrique", "reconquete"))).ledger
    alone = run(home, Scenario(**few, vacancy_months=12)).ledger
    assert "state" not in set(plain["payer"])
    assert granted.loc[granted["payer"] == "state", "cents"].sum() > 0
    first = [
        lines.loc[(lines["account"] == "coordination") & (lines["year"] == 1), "cents"].sum()
        for lines in (plain, alone)
    ]
    assert first[0] > 0
    assert first[1] == 0


def test_S6_costs_that_a_scenario_says_itself_are_those_of_the_budget():
    home = territory.read("saone-beaujolais")
    scenario = Scenario(
        mini_sites_max=2, mini_invest_eur=9_000, structuring_running_eur=40_000, years=4
    )
    plan = run(home, scenario)
    new = plan.sites[plan.sites["status"] != "existing"]
    minis = new.index[new["tier"] == "mini"]
    lines = plan.ledger
    paid = lines[lines["site"].isin(minis) & (lines["payer"] == "commune")]
    assert paid["cents"].to_list() == [900_000] * len(minis)
    assert lines.loc[lines["account"].isin(ledger.INVESTMENT), "cents"].sum() == round(
        100 * plan.indicators["invest_eur"]
    )
    run_by = lines[lines["site"].isin(new.index[new["tier"] == "structuring"])]
    run_by = run_by[(run_by["payer"] == "epci") & (run_by["cents"] > 0)]
    assert set(run_by["account"]) == {"running costs"}
    assert run_by["cents"].to_list() == [4_000_000] * 3 * scenario.years
    assert not any("imposés" in note or "impose" in note for note in plan.notes)
    rows = plan.accounts["exploitation"].rows.set_index("identifiant")
    charged = rows.loc[new.index[new["tier"] == "structuring"], "charges (€ HT/an)"]
    assert charged.to_list() == [40_000.0] * 3


def test_a_network_of_nobody_has_accounts_too():
    home = territory.read("saone-beaujolais")
    plan = run(home, Scenario(users_per_1000=0, mini_sites_max=2))
    assert plan.accounts["mobilite"].rows["km évités par an"].tolist() == [0, 0, 0]
    assert np.isfinite(plan.indicators["balance_eur"])
