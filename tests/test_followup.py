import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from planner._errors import InputError
from planner.assumptions import DEFAULTS, values
from planner.followup import follow_up, read_attendance

HEAD = "site;mois;journees;ouverture\n"
USERS = pd.Series({"h-1": 20.0, "h-2": 8.0, "h-3": 0.0})


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "suivi.csv"
        path.write_text(HEAD + text, encoding="utf-8")
        return read_attendance(path)

    return read_text


def test_a_forecast_by_hand_with_ramp_up_by_year_since_the_opening(read):
    found = follow_up(
        read("h-1;2027-01;20,5;2027-01\nh-1;2028-01;50;2027-01\nh-2;2030-06;30;2027-01\n"),
        USERS, figures=values(),
    )  # fmt: skip
    a_month = 1.0 * 45 / 12
    assert found.sites.loc["h-1", "forecast"] == pytest.approx(20 * a_month * (0.35 + 0.70))
    assert found.sites.loc["h-2", "forecast"] == pytest.approx(8 * a_month)
    assert found.sites.loc["h-1", "days"] == 70.5
    assert found.ratio == pytest.approx(100.5 / (20 * a_month * 1.05 + 8 * a_month))
    assert found.low < found.ratio < found.high


def test_a_site_is_under_its_forecast_only_beyond_chance(read):
    few, some = (
        follow_up(read(f"h-2;2027-01;{days};2027-01\n"), USERS, figures=values()).sites
        for days in (4, 6)
    )
    mean = 8 * 0.35 * 45 / 12
    assert poisson.cdf(4, mean) < 0.05 < poisson.cdf(6, mean)
    assert few.loc["h-2", "alert"]
    assert not some.loc["h-2", "alert"]


def test_take_up_is_estimated_anew_for_the_next_scenario(read):
    found = follow_up(read("h-2;2030-01;15;2027-01\n"), USERS, figures=values())
    assert found.ratio == pytest.approx(0.5)
    assert found.changes() == {"telework_use_share": 0.01, "independent_use_share": 0.025}
    assert values(found.changes())["telework_use_share"] == 0.01
    other = values({"telework_use_share": 0.04})
    assert found.changes(other)["telework_use_share"] == 0.02


def test_what_is_seen_as_forecast_leaves_take_up_as_it_is(read):
    found = follow_up(read("h-2;2030-01;30;2027-01\n"), USERS, figures=values())
    assert found.changes() == {
        key: DEFAULTS[key].value for key in ("telework_use_share", "independent_use_share")
    }


@given(days=st.integers(0, 400))
@settings(derandomize=True, deadline=None, database=None, max_examples=60)
def test_the_interval_is_that_of_a_poisson_count(days):
    seen = pd.DataFrame(
        {"site": ["h-1"], "month": ["2030-01"], "days": [float(days)], "opened": "2027-01"}
    )
    found = follow_up(seen, USERS, figures=values())
    mean = float(found.sites.loc["h-1", "forecast"])
    assert poisson.cdf(days, found.high * mean) == pytest.approx(0.05, abs=1e-6)
    if days:
        assert poisson.sf(days - 1, found.low * mean) == pytest.approx(0.05, abs=1e-6)


def test_the_order_of_rows_does_not_matter(read):
    rows = ["h-1;2027-01;20;2027-01\n", "h-1;2027-02;30;2027-01\n", "h-2;2027-03;9;2027-02\n"]
    one, two = (
        follow_up(read("".join(order)), USERS, figures=values()) for order in (rows, rows[::-1])
    )
    pd.testing.assert_frame_equal(one.sites, two.sites)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("h-1;janvier;3;2027-01\n", "row 2, mois 'janvier'"),
        ("h-1;2027-13;3;2027-01\n", "write the month as 2027-03"),
        ("h-1;2026-12;3;2027-01\n", "row 2: the month 2026-12 is before the opening"),
        ("h-1;2027-01;3;2027-01\nh-1;2027-01;4;2027-01\n", "row 3: h-1 2027-01 is there already"),
        ("h-1;2027-03;3;2027-01\nh-1;2027-04;4;2027-02\n", "opened in 2027-01, not in 2027-02"),
        ("h-1;2027-01;-3;2027-01\n", "journees"),
        ("h-1;2027-01;beaucoup;2027-01\n", "journees"),
        ("", "suivi.csv"),
    ],
)
def test_attendance_that_is_none_is_refused(read, rows, said):
    with pytest.raises(InputError, match=said):
        read(rows)


def test_sites_that_are_not_of_the_plan_are_named(read):
    with pytest.raises(InputError, match="does not open: x"):
        follow_up(read("x;2027-01;3;2027-01\n"), USERS, figures=values())
    with pytest.raises(InputError, match="forecasts nobody"):
        follow_up(read("h-3;2027-01;3;2027-01\n"), USERS, figures=values())
