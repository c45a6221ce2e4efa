from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import demand, territory
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
