from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from planner import assumptions, demand, observed, territory
from planner._errors import InputError

CODES = ["69001", "69002", "2A004"]


@pytest.fixture(scope="module", params=["liechtenstein", "saone-beaujolais"])
def home(request):
    return territory.read(request.param)


def points(*rows, crs="EPSG:2154"):
    """Return demand points from rows of commune, residents, x, y."""
    communes, people, x, y = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {"commune": list(communes), "residents": list(people)},
        index=[f"p{n}" for n in range(len(rows))],
        geometry=gpd.points_from_xy(x, y),
        crs=crs,
    ).rename_axis("id")


def test_everyone_counts_once(home):
    people = demand.residents(home)
    assert people["residents"].sum() == pytest.approx(home.communes["population"].sum(), abs=1e-6)
    assert people.index.is_monotonic_increasing
    assert people.index.is_unique
    assert (people["residents"] > 0).all()
    hundredths = people["residents"] * 100
    assert np.allclose(hundredths, hundredths.round(), atol=1e-6)


@pytest.mark.parametrize("cell_m", [1, 200.0, 5_000, 100_000])
def test_merged_residents_stay_as_many_in_their_commune(home, cell_m):
    whole, merged = demand.residents(home), demand.residents(home, cell_m=cell_m)
    for part in (whole, merged):
        assert set(part.columns) == {"commune", "residents", "geometry"}
        assert part.crs == home.crs
    sums = [part.groupby("commune")["residents"].sum() for part in (whole, merged)]
    np.testing.assert_allclose(*sums, atol=0.01 * len(whole))
    assert len(merged) <= len(whole)
    assert merged.index.is_unique
    assert merged.index.name == whole.index.name


def test_people_stand_at_their_centre_of_gravity():
    merged = demand.merge_to_grid(
        points(("69001", 1.0, 10, 20), ("69001", 3.0, 50, 60), ("69002", 2.0, 50, 60)), cell_m=100
    )
    assert merged["residents"].tolist() == [4.0, 2.0]
    assert merged["commune"].tolist() == ["69001", "69002"]
    assert merged.geometry.x.tolist() == [40.0, 50.0]
    assert merged.geometry.y.tolist() == [50.0, 60.0]


def test_squares_are_aligned_on_multiples_and_a_border_belongs_to_the_next():
    rows = [("69001", 1.0, x, 0) for x in (-0.1, 0.0, 99.9, 100.0)]
    merged = demand.merge_to_grid(points(*rows), cell_m=100)
    assert merged["residents"].tolist() == [1.0, 2.0, 1.0]


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(CODES),
            st.integers(1, 10_000_00).map(lambda hundredths: hundredths / 100),
            st.floats(-2e6, 8e6),
            st.floats(-2e6, 8e6),
        ),
        min_size=1,
        max_size=12,
    ),
    st.floats(1, 1e6),
    st.randoms(use_true_random=False),
)
def test_merging_keeps_people_and_does_not_depend_on_the_order(rows, cell_m, order):
    frame = points(*rows)
    merged = demand.merge_to_grid(frame, cell_m=cell_m)
    assert merged["residents"].sum() == pytest.approx(frame["residents"].sum())
    assert merged.geometry.is_valid.all()
    west, south, east, north = frame.total_bounds
    xy = merged.geometry
    assert xy.x.between(west - 1e-3, east + 1e-3).all()
    assert xy.y.between(south - 1e-3, north + 1e-3).all()
    shuffled = list(rows)
    order.shuffle(shuffled)
    again = demand.merge_to_grid(points(*shuffled), cell_m=cell_m)
    assert again.index.tolist() == merged.index.tolist()
    np.testing.assert_allclose(again["residents"], merged["residents"])


@pytest.mark.parametrize("cell_m", [0, -1, 0.5, 1e-300, float("nan"), float("inf")])
def test_a_side_that_is_no_side_is_refused(home, cell_m):
    with pytest.raises(InputError, match="cell_m"):
        demand.residents(home, cell_m=cell_m)


@pytest.mark.parametrize("crs", [None, "EPSG:4326"])
def test_G1_a_grid_wants_metres(crs):
    with pytest.raises(InputError, match="CRS in metres"):
        demand.merge_to_grid(points(("69001", 1.0, 4, 46), crs=crs), cell_m=100)


@pytest.mark.parametrize("people", [0.0, 0.004])
@pytest.mark.parametrize("cell_m", [None, 1_000.0])
def test_S6_a_territory_of_nobody_is_refused_by_name(home, people, cell_m):
    nobody = replace(home, residents=home.residents.assign(residents=0.0))
    nobody.residents.iloc[0, nobody.residents.columns.get_loc("residents")] = people
    with pytest.raises(InputError, match=f"{home.title}: no residents"):
        demand.residents(nobody, cell_m=cell_m)


def test_an_empty_square_is_no_demand(home):
    empty = home.residents.assign(residents=0.0)
    empty.iloc[:3, empty.columns.get_loc("residents")] = 5.0
    merged = demand.residents(replace(home, residents=empty), cell_m=50)
    assert merged["residents"].sum() == 15
    assert merged.geometry.is_valid.all()
    assert not merged.geometry.is_empty.any()


# The chain


def villages(*people):
    return pd.DataFrame(
        {"commune": CODES[: len(people)], "residents": list(people)},
        index=[f"p{n}" for n in range(len(people))],
    )


def test_the_chain_by_hand():
    figures = demand.figures_at("central")
    found = demand.chain(villages(1000.0), figures=figures).loc["p0"]
    workers = 1000 * 0.47
    compatible = workers * (0.12 * 0.72 + 0.26 * 0.48 + 0.25 * 0.36 + 0.25 * 0.02)
    independents = workers * (0.09 * 0.33 + 0.03 * 0.03)
    assert found["workers"] == pytest.approx(workers)
    assert found["compatible"] == pytest.approx(compatible)
    assert found["teleworkers"] == pytest.approx(0.6 * compatible)
    assert found["independents"] == pytest.approx(independents)
    assert found["users"] == pytest.approx(0.02 * 0.6 * compatible + 0.05 * independents)


@pytest.mark.parametrize(("level", "expected"), [("low", 43), ("central", 115), ("high", 530)])
def test_the_chain_gives_the_users_that_the_reference_case_was_calibrated_on(level, expected):
    people = demand.residents(territory.read("saone-beaujolais"))
    users = demand.chain(people, figures=demand.figures_at(level))["users"].sum()
    assert users == pytest.approx(expected, rel=0.15)


def test_low_central_and_high_demand_are_in_that_order_at_every_point(home):
    people = demand.residents(home)
    low, central, high = (
        demand.chain(people, figures=demand.figures_at(level))["users"] for level in demand.LEVELS
    )
    assert (low < central).all()
    assert (central < high).all()


def test_a_change_holds_at_every_level():
    for level in demand.LEVELS:
        figures = demand.figures_at(level, {"telework_use_share": 0.05})
        assert figures["telework_use_share"] == 0.05


def test_known_occupations_take_the_place_of_the_assumed_shares():
    people = villages(100.0, 300.0)
    table = pd.DataFrame([dict.fromkeys(demand.OCCUPATIONS, 0.0) | {"cadres": 50.0}], [CODES[0]])
    found = demand.chain(people, figures=demand.figures_at("central"), occupations=table)
    assert found.loc["p0", "workers"] == 50
    assert found.loc["p0", "compatible"] == pytest.approx(36)
    assert found.loc["p1", "workers"] == pytest.approx(300 * 0.47)


def test_occupations_are_spread_over_the_residents_of_the_commune():
    people = villages(100.0, 300.0).assign(commune=CODES[0])
    table = pd.DataFrame([dict.fromkeys(demand.OCCUPATIONS, 40.0)], [CODES[0]])
    found = demand.chain(people, figures=demand.figures_at("central"), occupations=table)
    assert found["workers"].tolist() == pytest.approx([60, 180])


def test_a_survey_multiplies_the_users_of_its_communes_only():
    people = villages(100.0, 100.0)
    figures = demand.figures_at("central")
    plain = demand.chain(people, figures=figures)["users"]
    found = demand.chain(people, figures=figures, multiplier=pd.Series({CODES[1]: 1.5}))["users"]
    assert found.tolist() == pytest.approx([plain.iloc[0], 1.5 * plain.iloc[1]])


@given(
    people=st.lists(st.floats(0, 1e5), min_size=1, max_size=3),
    key=st.sampled_from(
        ["employed_share", "telework_take_up", "telework_use_share", "independent_use_share",
         *(f"{name}_telework" for name in demand.OCCUPATIONS)]
    ),
    more=st.floats(0, 0.2),
)  # fmt: skip
@settings(derandomize=True, deadline=None, database=None, max_examples=100)
def test_more_of_anyone_who_could_come_never_means_fewer_users(people, key, more):
    central = demand.figures_at("central")
    other = demand.figures_at("central", {key: central[key] + more})
    points = villages(*people)
    few = demand.chain(points, figures=central)
    many = demand.chain(points, figures=other)
    assert (many["users"] >= few["users"] - 1e-9).all()
    for found in (few, many):
        assert (found["compatible"] <= found["workers"] + 1e-9).all()
        assert (found >= 0).to_numpy().all()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pd.DataFrame({"cadres": [1.0]}, [CODES[0]]), "no column intermediate"),
        (pd.DataFrame([dict.fromkeys(demand.OCCUPATIONS, -1.0)], [CODES[0]]), "0 or more"),
        (pd.DataFrame([dict.fromkeys(demand.OCCUPATIONS, 1.0)] * 2, [CODES[0]] * 2), "twice"),
    ],
)
def test_occupations_that_are_none_are_refused(table, said):
    with pytest.raises(InputError, match=said):
        demand.chain(villages(10.0), figures=demand.figures_at("central"), occupations=table)


def test_shares_of_occupations_must_add_up():
    with pytest.raises(InputError, match=r"add up to 1\.0800, not 1"):
        demand.chain(villages(10.0), figures=demand.figures_at("central", {"cadres_share": 0.2}))


def test_users_beyond_what_was_observed_are_flagged():
    figures = demand.figures_at("central")
    assert demand.outside_band(114, 45_642, figures=figures) == ""
    assert "au-dessous" in demand.outside_band(10, 45_642, figures=figures)
    assert "au-dessus" in demand.outside_band(530, 45_642, figures=figures)


def test_S13_the_observed_band_is_that_of_the_places_it_names():
    places = observed.observed_places()
    rates = places["users_per_1000"].dropna()
    for end, rate, place in (
        ("low", rates.min(), "La Caale, Marans"),
        ("high", rates.max(), "La Cordée, Morez"),
    ):
        row = assumptions.DEFAULTS[f"observed_users_{end}"]
        assert row.value == row.low == row.high == rate
        assert observed.observed_at(rate) == place
        assert place in row.source
        assert places.loc[place, "year"] == row.year


def test_S13_every_observed_place_has_its_source_and_figures_that_can_be():
    places = observed.observed_places()
    assert places.index.is_unique
    assert len(places) == 7
    assert (places[["territory", "source"]] != "").all(axis=None)
    numbers = places.select_dtypes("number")
    assert ((numbers > 0) | numbers.isna()).all(axis=None)
    assert places["occupancy"].dropna().tolist() == [0.8]
    caale = places.loc["La Caale, Marans"]
    assert caale[["area_m2", "seats", "users", "price_day_eur"]].tolist() == [400, 20, 15, 15]
    seat_m2 = assumptions.DEFAULTS["seat_m2"]
    assert seat_m2.high == (places["area_m2"] / places["seats"]).max()  # La Caale: 20 m² a seat


@given(mean=st.floats(0, 60))
@settings(derandomize=True, deadline=None, database=None, max_examples=100)
def test_seats_suffice_on_the_peak_and_one_less_would_not(mean):
    seats = demand.peak_seats(mean, days_a_week=5, peak_factor=1)
    assert poisson.cdf(seats, mean) >= 0.95 - 1e-12
    assert seats == 0 or poisson.cdf(seats - 1, mean) < 0.95


def test_those_who_work_in_another_departement_telework_more():
    people = villages(1000.0, 1000.0)
    figures = demand.figures_at("central")
    plain = demand.chain(people, figures=figures)
    found = demand.chain(people, figures=figures, far=pd.Series({CODES[0]: 0.5}))
    ratio = (found["teleworkers"] / plain["teleworkers"]).tolist()
    assert ratio == pytest.approx([(0.5 * 0.6 + 0.5 * 0.78) / 0.6, 1.0])
    assert found["independents"].tolist() == plain["independents"].tolist()
