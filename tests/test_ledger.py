import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import ledger
from planner._errors import InputError
from planner.assumptions import values
from planner.candidates import TIERS, site_costs
from planner.ledger import PAYERS

FIGURES = values()
EXACT = settings(derandomize=True, deadline=None, database=None, max_examples=40)


def network(*rows, **columns):
    """Return sites s0, s1, ... from (tier, commune, seats, users)."""
    table = pd.DataFrame(
        list(rows), columns=["tier", "commune", "seats", "users"],
        index=[f"s{n}" for n in range(len(rows))],
    )  # fmt: skip
    return table.assign(**columns)


ONE_OF_EACH = network(
    ("structuring", "69135", 15, 20.0),
    ("mini", "69019", 3, 4.0),
    ("corpoworking", "01012", 20, 10.0),
)


def amounts(lines, **kept):
    """Return cents by account of the lines that hold these values."""
    for name, value in kept.items():
        lines = lines[lines[name] == value]
    return dict(zip(lines["account"], lines["cents"].tolist(), strict=True))


@st.composite
def networks(draw, *, most=6):
    ids = draw(st.lists(st.text("abc01", min_size=1, max_size=4), max_size=most, unique=True))
    row = st.tuples(
        st.sampled_from(TIERS), st.sampled_from(["01012", "2A004", "69135"]), st.integers(0, 30),
        st.floats(0, 80), st.integers(1, 7), st.sampled_from(["existing", "candidate", "forced"]),
        st.sampled_from(["bakery", "library"]), st.booleans(),
    )  # fmt: skip
    rows = draw(st.lists(row, min_size=len(ids), max_size=len(ids)))
    names = "tier commune seats users opening_year status kind rented".split()
    return pd.DataFrame(rows, columns=names, index=pd.Index(ids, dtype=object))


switches = st.fixed_dictionaries(
    {
        "years": st.integers(1, 7),
        "grants": st.sampled_from([(), ("fabrique",), ("reconquete",), ledger.GRANTS]),
        "vacancy_year": st.integers(1, 4),
        "vacancy_months": st.integers(0, 20),
        "run_existing": st.booleans(),
    }
)


# By hand


def test_S5_employers_bear_their_share_of_a_corpoworking_site_by_hand():
    lines = ledger.entries(ONE_OF_EACH, figures=values({"employers_share": 0.25}), years=3)
    works, equipment = 100 * 240 * 1500, 100 * 20 * 1200
    assert amounts(lines, site="s2", payer="commune") == {
        "fit-out": works * 3 // 4, "equipment": equipment * 3 // 4,
    }  # fmt: skip
    costs = {"animation": 2_100_000, "paid users": 450_000, "fluids": 100 * 240 * 90}
    epci = amounts(lines, site="s2", payer="epci", year=3)
    assert epci.pop("revenue") < 0
    assert epci == {account: cents * 3 // 4 for account, cents in costs.items()}
    later = {account: cents // 4 for account, cents in costs.items()}
    assert amounts(lines, site="s2", payer="employers", year=3) == later
    first = later | {"fit-out": works // 4, "equipment": equipment // 4}
    assert amounts(lines, site="s2", payer="employers", year=1) == first
    assert not (lines.loc[lines["site"] != "s2", "payer"] == "employers").any()


@given(networks(), switches, st.floats(0, 1))
@EXACT
def test_S5_whatever_employers_bear_the_network_costs_the_same_to_the_cent(table, options, share):
    alone, shared = (
        ledger.entries(table, figures=values({"employers_share": part}), **options)
        for part in (0.0, share)
    )
    keys = ["year", "site", "account"]
    cost = [lines.groupby(keys)["cents"].sum() for lines in (alone, shared)]
    nonzero = [one[one != 0] for one in cost]
    pd.testing.assert_series_equal(*nonzero)
    assert ledger.by_payer(shared)["total"].sum() == alone["cents"].sum()
    theirs = shared[shared["payer"] == "employers"]
    assert (theirs["cents"] > 0).all()
    assert set(theirs["site"]) <= set(table.index[table["tier"] == "corpoworking"])


def test_S6_a_structuring_site_by_hand():
    lines = ledger.entries(ONE_OF_EACH, figures=FIGURES, years=3)
    area = 15 * 12
    town = amounts(lines, site="s0", payer="commune")
    assert town == {"fit-out": 100 * area * 550, "equipment": 100 * 15 * 1200}
    per_user = 45 * (0.9 * (0.75 * 15 + 0.25 * 8) + 0.1 * 110 * 12 / 52)
    assert amounts(lines, site="s0", payer="epci", year=3) == {
        "animation": 100 * 21_000,
        "paid users": 100 * 4 * 45 * 25,
        "fluids": 100 * area * 90,
        "revenue": -round(100 * 20 * per_user),
    }
    assert amounts(lines, site="s0", payer="users", year=3) == {"revenue": round(2000 * per_user)}


def test_a_mini_cowork_by_hand():
    lines = ledger.entries(ONE_OF_EACH, figures=FIGURES, years=3)
    assert amounts(lines, site="s1", payer="commune") == {"equipment": 700_000}
    revenue = 4 * ledger.revenue_per_user_eur(FIGURES)
    assert amounts(lines, site="s1", payer="epci", year=3) == {
        "fees to hosts": round(100 * (720 + revenue / 2)),
        "revenue": -round(100 * revenue),
    }


def test_a_corpoworking_site_is_built_and_a_rented_one_pays_its_area():
    rented, alone = ONE_OF_EACH.assign(rented=[False, True, True]), values({"employers_share": 0})
    lines = ledger.entries(rented, figures=alone, years=1)
    town = amounts(lines, site="s2", payer="commune")
    assert town == {"fit-out": 100 * 240 * 1500, "equipment": 100 * 20 * 1200}
    assert amounts(lines, account="rent", site="s2") == {"rent": 100 * 240 * 90}
    assert amounts(lines, account="rent", site="s1") == {"rent": 100 * 12 * 90}
    assert amounts(lines, account="rent", site="s0") == {}


def test_S21_use_ramps_up_over_three_years_from_the_opening():
    sites = ledger.check_sites(
        ONE_OF_EACH.assign(opening_year=[1, 2, 5], status=["candidate", "forced", "existing"])
    )
    share = ledger.ramp_shares(sites, figures=FIGURES, years=4)
    assert share[:, 0].tolist() == [0.35, 0.7, 1, 1]
    assert np.isnan(share[0, 1])
    assert share[1:, 1].tolist() == [0.35, 0.7, 1]
    assert share[:, 2].tolist() == [1, 1, 1, 1]


def test_the_ramp_ends_at_all_users_whatever_its_third_year():
    sites = ledger.check_sites(ONE_OF_EACH)
    share = ledger.ramp_shares(sites, figures=values({"ramp_year_3": 0.9}), years=4)
    assert share[:, 0].tolist() == [0.35, 0.7, 0.9, 1]


def test_S7_without_a_coordinator_the_pay_is_saved_and_the_ramp_stands_still():
    sites = ledger.check_sites(ONE_OF_EACH)
    share = ledger.ramp_shares(sites, figures=FIGURES, years=4, vacancy_months=6)
    halves = [0.35, (0.35 + 0.7) / 2, (0.7 + 1) / 2, 1]
    assert share[:, 0].tolist() == pytest.approx(halves)
    later = ledger.ramp_shares(sites, figures=FIGURES, years=3, vacancy_year=2, vacancy_months=12)
    assert later[:, 0].tolist() == pytest.approx([0.35, 0.7, 0.7])
    lines = ledger.entries(ONE_OF_EACH, figures=FIGURES, years=4, vacancy_year=2, vacancy_months=15)
    paid = lines[lines["account"] == "coordination"].set_index("year")["cents"]
    assert paid.to_dict() == {1: 1_260_000, 3: 945_000, 4: 1_260_000}
    assert set(lines.loc[lines["account"] == "coordination", "commune"]) == {""}


def test_S7_work_is_told_in_fte_hours_and_pay():
    lines = ledger.entries(ONE_OF_EACH, figures=FIGURES, years=2, vacancy_months=3)
    work = ledger.staffing(lines, figures=FIGURES)
    assert work["animation_fte"].tolist() == [1.0, 1.0]
    assert work["coordination_fte"].tolist() == [0.225, 0.3]
    assert work["paid_users_hours"].tolist() == [360, 360]
    assert work.loc[2, ["animation_cents", "coordination_cents", "paid_users_cents"]].tolist() == [
        4_200_000, 1_260_000, 900_000,
    ]  # fmt: skip
    free = ledger.staffing(lines, figures=values({"fte_eur_year": 0}))
    assert free["animation_fte"].tolist() == [0, 0]


def test_seats_and_occupancy_cap_what_users_pay():
    full = network(("mini", "01012", 3, 50.0))
    most = 3 * 0.5 * 5 / 1.0
    seated = ledger.paying_users(
        ledger.check_sites(full), full["users"].to_numpy(), figures=FIGURES
    )
    assert seated.tolist() == [most]
    per_user = ledger.revenue_per_user_eur(FIGURES)
    earned = ledger.running_order(full, figures=FIGURES).loc["s0", "revenue"]
    assert earned == round(100 * most * per_user)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("seats", [0, 1, 3, 15, 30])
def test_investment_is_that_of_the_candidates_to_the_euro(tier, seats):
    lines = ledger.entries(network((tier, "01012", seats, 1.0)), figures=FIGURES, years=1)
    paid = lines.loc[lines["account"].isin(ledger.INVESTMENT), "cents"].sum()
    assert paid == 100 * site_costs(tier, seats=seats)["invest_eur"]


@pytest.mark.parametrize("tier", TIERS)
def test_what_runs_a_site_without_users_or_their_pay_is_that_of_the_candidates(tier):
    alone = values({"paid_users_hours_week": 0})
    row = ledger.running_order(network((tier, "01012", 15, 0.0)), figures=alone).loc["s0"]
    assert -row["balance"] == 100 * site_costs(tier, seats=15)["running_eur"]


def test_existing_sites_cost_no_investment_and_run_as_today_unless_asked():
    sites = ONE_OF_EACH.assign(status="existing")
    lines = ledger.entries(sites, figures=FIGURES, years=2)
    assert set(lines["account"]) == {"coordination"}
    run = ledger.entries(sites, figures=FIGURES, years=2, run_existing=True)
    assert "commune" not in set(run["payer"])
    first, second = (run[run["year"] == year].drop(columns="year") for year in (1, 2))
    assert first.reset_index(drop=True).equals(second.reset_index(drop=True))


# Grants


def test_reconquete_bears_half_of_the_equipment_of_shops_up_to_its_limit():
    sites = network(
        ("mini", "01012", 3, 1.0), ("mini", "01012", 30, 1.0), ("mini", "01012", 3, 1.0),
        ("structuring", "01012", 15, 1.0), kind=["bakery", "cafe", "library", "library"],
    )  # fmt: skip
    lines = ledger.entries(sites, figures=FIGURES, years=1, grants=["reconquete"])
    given = lines[(lines["account"] == "grant") & (lines["payer"] == "state")]
    assert given.set_index("site")["cents"].to_dict() == {"s0": 350_000, "s1": 2_000_000}
    town = lines[(lines["account"] == "grant") & (lines["payer"] == "commune")]
    assert town["cents"].tolist() == [-350_000, -2_000_000]


def test_fabrique_bears_what_structuring_sites_lack_up_to_its_limit_for_three_years():
    sites = ONE_OF_EACH.assign(opening_year=[2, 1, 1])
    lines = ledger.entries(sites, figures=FIGURES, years=6, grants=["fabrique"])
    given = ledger.by_payer(lines[lines["account"] == "grant"])
    assert given.index.tolist() == [2, 3, 4]
    plain = ledger.entries(sites, figures=FIGURES, years=6)
    lack = plain[(plain["site"] == "s0") & (plain["payer"] == "epci")].groupby("year")["cents"]
    assert given["state"].to_dict() == lack.sum().loc[2:4].to_dict()
    assert (given["epci"] == -given["state"]).all()
    four = network(*[("structuring", "01012", 15, 5.0)] * 4)
    most = ledger.entries(four, figures=FIGURES, years=1, grants=["fabrique"])
    assert amounts(most, account="grant", payer="state") == {"grant": 5_000_000}


def test_fabrique_gives_nothing_to_sites_that_lack_nothing():
    rich = values({"price_day_eur": 500})
    lines = ledger.entries(ONE_OF_EACH, figures=rich, years=3, grants=["fabrique"])
    assert "grant" not in set(lines["account"])


def test_no_grant_unless_asked():
    assert "state" not in set(ledger.entries(ONE_OF_EACH, figures=FIGURES)["payer"])


# Views


def test_the_views_tell_the_same_money():
    lines = ledger.entries(ONE_OF_EACH, figures=FIGURES, years=5, grants=ledger.GRANTS)
    total = lines["cents"].sum()
    years, accounts = ledger.by_payer(lines), ledger.by_account(lines)
    assert years["total"].sum() == accounts["total"].sum() == total
    assert accounts.loc[["revenue", "grant"], "total"].tolist() == [0, 0]
    communes = ledger.by_commune(lines)
    assert communes.index.tolist() == ["", "01012", "69019", "69135"]
    assert communes["borne"].sum() == years["commune"].sum()
    granted = lines[(lines["payer"] == "epci") & (lines["account"] == "grant")]["cents"].sum()
    assert communes["lacking"].sum() + granted == years["epci"].sum()
    assert (communes["run"] - communes["earned"] == communes["lacking"]).all()
    assert (communes["invested"] - communes["granted"] == communes["borne"]).all()
    assert ledger.payer_shares(lines)["share"].sum() == pytest.approx(1)


def test_running_order_is_the_fourth_year_of_the_ledger():
    lines = ledger.entries(ONE_OF_EACH, figures=FIGURES, years=4)
    last = lines[(lines["year"] == 4) & lines["payer"].isin(["epci", "employers"])]
    order = ledger.running_order(ONE_OF_EACH, figures=FIGURES)
    assert order.index.tolist() == ["", "s0", "s1", "s2"]
    assert order["balance"].sum() == -last["cents"].sum()
    assert (-order["balance"]).to_dict() == last.groupby("site")["cents"].sum().to_dict()


def test_depreciation_adds_up_to_the_investment_in_a_straight_line():
    sites = ONE_OF_EACH.assign(opening_year=[1, 3, 2], status=["candidate"] * 2 + ["existing"])
    table = ledger.depreciation(sites, figures=FIGURES, years=12)
    assert table.loc[1].tolist() == [99_000_00 // 10, 18_000_00 // 5, 9_900_00 + 3_600_00]
    assert table.loc[3, "furniture_cents"] == 18_000_00 // 5 + 7_000_00 // 5
    assert table[["works_cents", "furniture_cents"]].sum().tolist() == [99_000_00, 25_000_00]
    assert table.loc[11].tolist() == [0, 0, 0]


def test_an_empty_network_costs_nothing():
    nothing = ONE_OF_EACH[:0]
    lines = ledger.entries(nothing, figures=FIGURES, grants=ledger.GRANTS)
    assert lines.columns.tolist() == list(ledger.COLUMNS)
    assert len(lines) == 0
    assert lines["cents"].dtype == np.int64
    for view in (ledger.by_payer, ledger.by_account, ledger.by_commune):
        assert len(view(lines)) == 0
    assert ledger.payer_shares(lines)["cents"].tolist() == [0] * len(PAYERS)
    assert len(ledger.staffing(lines, figures=FIGURES)) == 0
    assert ledger.running_order(nothing, figures=FIGURES)["balance"].tolist() == [0]
    assert ledger.depreciation(nothing, figures=FIGURES, years=2)["total_cents"].sum() == 0
    assert ledger.break_even(nothing, figures=FIGURES)["reached"].tolist() == [True]


# Break-even


def test_S19_the_users_that_each_stance_needs_by_hand():
    per_user = ledger.revenue_per_user_eur(FIGURES)
    service, balance, salary = (
        ledger.break_even(ONE_OF_EACH, figures=FIGURES, stance=stance) for stance in ledger.STANCES
    )
    assert (service["users_needed"] == 0).all()
    assert service["reached"].all()
    assert balance.loc["s1", "users_needed"] == round(720 / (per_user / 2), 2)
    assert balance.loc["s1", "reached"]
    assert balance.loc["s0", "target_eur"] == 21_000 + 4_500 + 180 * 90
    assert balance.loc["s0", "users_needed"] == np.inf  # 64 users, on 15 seats half full
    assert balance.loc["s0", "users_seated"] == 15 * 0.5 * 5
    assert salary.loc["s0", "target_eur"] == 21_000 + 4_500 + 180 * 90 + 42_000
    assert salary.loc["", "target_eur"] == balance.loc["", "target_eur"] + 42_000
    dear = ledger.break_even(ONE_OF_EACH, figures=values({"price_day_eur": 60}))
    assert dear.loc["s0", "users_needed"] == pytest.approx(
        41_700 / (45 * (0.9 * (45 + 2) + 0.1 * 110 * 12 / 52)), abs=0.01
    )


def test_a_salary_may_be_stated():
    found = ledger.break_even(ONE_OF_EACH, figures=FIGURES, stance="salary", salary_eur_year=1000)
    assert found.loc["s1", "target_eur"] == 1720


@EXACT
@given(networks(), st.sampled_from(["balance", "salary"]), st.floats(10, 300))
def test_with_the_users_needed_the_network_breaks_even(sites, stance, price):
    figures = values({"price_day_eur": price})
    found = ledger.break_even(sites, figures=figures, stance=stance)
    needed, expected = found.loc["", ["users_needed", "users_expected"]]
    pay = figures["fte_eur_year"] if stance == "salary" and len(sites) else 0.0
    if expected == 0 or not 0 < needed < np.inf:
        return
    for more, ahead in ((1.001, True), (0.999, False)):
        scaled = sites.assign(users=sites["users"] * (needed / expected) * more)
        left = ledger.running_order(scaled, figures=figures)["balance"].sum() / 100 - pay
        slack = 0.02 / expected * found["users_seated"].iloc[0] * 45 * price + 1
        assert left > -slack if ahead else left < slack


@EXACT
@given(networks(), st.floats(10, 300))
def test_with_the_users_needed_a_site_breaks_even(sites, price):
    figures = values({"price_day_eur": price})
    found = ledger.break_even(sites, figures=figures)
    needed = found["users_needed"].drop("")
    enough = sites.loc[needed.index].assign(users=needed.where(needed < np.inf, 1e6) + 0.01)
    balance = ledger.running_order(enough, figures=figures)["balance"].drop("")
    left = balance.reindex(needed.index)
    assert (left[needed < np.inf] >= -1).all()
    assert (left[needed == np.inf] <= 45 * price * 100 * 0.01 + 100).all()


# Properties


@EXACT
@given(networks(), switches)
def test_payers_add_up_to_the_cent_and_no_commune_pays_a_running_cost(sites, asked):
    lines = ledger.entries(sites, figures=FIGURES, **asked)
    table = ledger.by_payer(lines)
    assert (table[list(PAYERS)].sum(axis=1) == table["total"]).all()
    assert table["total"].sum() == lines["cents"].sum()
    transfers = lines[lines["account"].isin(["revenue", "grant"])]
    assert transfers["cents"].sum() == 0
    spent = lines.drop(transfers.index)
    assert (spent["cents"] > 0).all()
    town = lines.loc[lines["payer"] == "commune", "account"]
    assert set(town) <= {"fit-out", "equipment", "grant"}
    assert set(spent.loc[spent["payer"] == "epci", "account"]).isdisjoint(ledger.INVESTMENT)
    shares = ledger.payer_shares(lines)["share"]
    assert shares.sum() == pytest.approx(1) or lines["cents"].sum() == 0
    assert not lines.duplicated(list(ledger.COLUMNS[:-1])).any()


@EXACT
@given(networks(), switches, st.randoms())
def test_the_order_of_rows_does_not_matter(sites, asked, chance):
    mixed = sites.loc[chance.sample(list(sites.index), len(sites))]
    one, two = (ledger.entries(table, figures=FIGURES, **asked) for table in (sites, mixed))
    assert one.to_csv() == two.to_csv()
    first, second = (ledger.break_even(table, figures=FIGURES) for table in (sites, mixed))
    pd.testing.assert_frame_equal(first, second)


@EXACT
@given(networks(), st.floats(1, 3), st.sampled_from(["users", "prices"]))
def test_more_users_or_higher_prices_never_earn_less(sites, times, what):
    dearer = {k: FIGURES[k] * times for k in FIGURES if k.startswith("price_")}
    more = sites.assign(users=sites["users"] * times) if what == "users" else sites
    figures = values(dearer) if what == "prices" else FIGURES
    before = ledger.running_order(sites, figures=FIGURES)["balance"]
    after = ledger.running_order(more, figures=figures)["balance"]
    assert (after >= before).all()


@EXACT
@given(networks(), switches)
def test_the_ledger_invests_what_every_site_costs_and_nothing_twice(sites, asked):
    lines = ledger.entries(sites, figures=FIGURES, **asked)
    kept = lines[lines["account"].isin(ledger.INVESTMENT)]
    new = sites[(sites["status"] != "existing") & (sites["opening_year"] <= asked["years"])]
    due = sum(site_costs(row.tier, seats=row.seats)["invest_eur"] for row in new.itertuples())
    assert kept["cents"].sum() == 100 * due


# Costs that a site says itself


def test_a_site_that_says_its_costs_by_hand():
    sites = ONE_OF_EACH.assign(
        invest_eur=[50_000.0, 9_000.5, np.nan], running_eur=[12_000.25, 600.0, np.nan]
    )
    lines = ledger.entries(sites, figures=FIGURES, years=4)
    assert amounts(lines, payer="commune", site="s0") == {"fit-out": 5_000_000}
    assert amounts(lines, payer="commune", site="s1") == {"equipment": 900_050}
    last = lines[lines["year"] == 4]
    # 20 users pay 650.856 € each, and 4 of them at the shop: nothing of it goes to the host
    assert amounts(last, payer="epci", site="s0") == {
        "revenue": -1_301_712, "running costs": 1_200_025,
    }  # fmt: skip
    assert amounts(last, payer="epci", site="s1") == {
        "revenue": -260_342, "running costs": 60_000,
    }  # fmt: skip
    plain = ledger.entries(ONE_OF_EACH, figures=FIGURES, years=4)
    same = [one[one["site"] == "s2"].reset_index(drop=True) for one in (lines, plain)]
    pd.testing.assert_frame_equal(*same)
    needed = ledger.break_even(sites, figures=FIGURES)["users_needed"]
    assert needed["s0"] == round(12_000.25 / 650.856, 2)
    assert needed["s1"] == round(600 / 650.856, 2)


@EXACT
@given(networks(), switches, st.integers(0, 10**6), st.integers(0, 10**6))
def test_costs_that_sites_say_are_all_that_is_paid_to_the_cent(sites, asked, invest, running):
    told = sites.assign(invest_eur=invest / 100, running_eur=running / 100)
    lines = ledger.entries(told, figures=FIGURES, **asked)
    new = sites[(sites["status"] != "existing") & (sites["opening_year"] <= asked["years"])]
    kept = lines[lines["account"].isin(ledger.INVESTMENT)]
    assert kept["cents"].sum() == invest * len(new)
    shared = kept["site"].isin(sites.index[sites["tier"] == "corpoworking"])
    assert set(kept.loc[~shared, "payer"]) <= {"commune"}
    assert set(kept.loc[shared, "payer"]) <= {"commune", "employers"}
    run = lines[lines["account"].isin(ledger.RUNNING)]
    assert set(run["account"]) <= {"running costs"}
    ours = sites if asked["run_existing"] else sites[sites["status"] != "existing"]
    opened = np.where(ours["status"] == "existing", 1, ours["opening_year"])
    assert run["cents"].sum() == running * np.maximum(asked["years"] + 1 - opened, 0).sum()


# Refusals


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tier": "kiosk"}, r"tier: one of structuring, mini, corpoworking \(not so in s0, s1"),
        ({"commune": 1012}, "commune: a code, as text"),
        ({"seats": 2.5}, "seats: a whole number"),
        ({"users": np.nan}, "users: a number, 0 to"),
        ({"users": -1}, "users: a number, 0 to 10,000,000"),
        ({"seats": 10_001}, "seats: a whole number, 0 to 10,000"),
        ({"status": "Existing"}, "status: one of existing, forced, candidate"),
        ({"opening_year": 0}, "opening_year: a whole number, 1 or more"),
        ({"rented": "no"}, "rented: True or False"),
        ({"invest_eur": -1}, "invest_eur: euros, 0 to 100,000,000,000, or nothing"),
        ({"running_eur": "much"}, "running_eur: euros, 0 to 100,000,000,000, or nothing"),
    ],
)
def test_sites_that_are_none_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        ledger.entries(ONE_OF_EACH.assign(**change), figures=FIGURES)


def test_faults_of_sites_are_said_all_at_once():
    with pytest.raises(InputError, match=r"seats: .*; users: "):
        ledger.entries(ONE_OF_EACH.assign(seats=-1, users=np.inf), figures=FIGURES)
    with pytest.raises(InputError, match="no column commune, seats"):
        ledger.entries(ONE_OF_EACH[["tier", "users"]], figures=FIGURES)
    twice = pd.concat([ONE_OF_EACH, ONE_OF_EACH])
    with pytest.raises(InputError, match="id: text, each once"):
        ledger.entries(twice, figures=FIGURES)
    with pytest.raises(InputError, match="id: text"):
        ledger.entries(ONE_OF_EACH.set_index(pd.Index([1, 2, 3])), figures=FIGURES)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"years": 0}, "years=0: a whole number, 1 or more"),
        ({"vacancy_months": -1, "vacancy_year": 1.5}, "vacancy_year=1.5: .*; vacancy_months=-1"),
        ({"grants": ["subsidy"]}, "grants: subsidy: a list of fabrique and reconquete"),
        ({"grants": "fabrique"}, "grants: fabrique: a list"),
    ],
)
def test_options_that_are_none_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        ledger.entries(ONE_OF_EACH, figures=FIGURES, **options)


def test_figures_that_are_missing_or_cannot_be_are_refused():
    lacking = {k: v for k, v in FIGURES.items() if k != "seat_m2"} | {"half_day_share": 1.5}
    with pytest.raises(InputError, match=r"no seat_m2; half_day_share=1\.5: a share, 0 to 1"):
        ledger.entries(ONE_OF_EACH, figures=lacking)
    with pytest.raises(InputError, match="fte_eur_year"):
        ledger.entries(ONE_OF_EACH, figures=dict(FIGURES) | {"fte_eur_year": float("nan")})


def test_figures_that_are_no_numbers_or_in_another_unit_are_refused():
    with pytest.raises(InputError, match="fte_eur_year='dear'"):
        ledger.entries(ONE_OF_EACH, figures=dict(FIGURES) | {"fte_eur_year": "dear"})
    with pytest.raises(InputError, match="an amount above 1,000,000,000,000 €"):
        ledger.entries(ONE_OF_EACH, figures=values({"fte_eur_year": 1e300}))


@pytest.mark.parametrize("options", [{"stance": "profit"}, {"salary_eur_year": -1.0}])
def test_a_stance_that_is_none_is_refused(options):
    with pytest.raises(InputError, match="service, balance, salary"):
        ledger.break_even(ONE_OF_EACH, figures=FIGURES, **options)
