"""Who works where, how far it is, and what that asks of sites."""

import math
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from roadmaps import draw

from planner import InputError, Scenario, commuting, demand, run, territory
from planner.assumptions import values

FIGURES = values()
EXACT = settings(derandomize=True, deadline=None, database=None, max_examples=60)


@pytest.fixture(scope="module")
def home():
    return territory.read("saone-beaujolais")


@pytest.fixture
def drawn():
    return draw(
        """
        A----B----C
        """,
        {"ABC": "residential"},
        metres=1_000.0,
    )


def communes(drawn, *letters, side_m=2_000.0):
    """Return square communes around nodes of a drawn map."""
    points = drawn.places(*letters).to_crs(2154)
    shapes = [shapely.box(p.x, p.y, p.x + side_m, p.y + side_m) for p in points.geometry]
    lon, lat = zip(*(drawn.node[letter] for letter in letters), strict=True)
    columns = {"centre_lon": lon, "centre_lat": lat}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=2154, index=list(letters))


def outside(drawn, **places):
    rows = {name: drawn.node.get(place, place)
            for name, place in places.items()}  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=["lon", "lat"], dtype=float)


def test_S17_ways_by_road_and_estimated_beyond_the_roads_by_hand(drawn, tmp_path):
    roads = drawn.read(tmp_path)
    lon, lat = drawn.node["A"]
    places = commuting.centres(
        communes(drawn, "A", "B"), outside(drawn, C="C", loin=(lon, lat - 0.9), nulle=(np.nan, 45))
    )
    assert places.index.tolist() == ["A", "B", "C", "loin"]
    ways = commuting.ways(places, figures=FIGURES, roads=roads)
    road = ways.loc[[("A", "B"), ("A", "C"), ("B", "C")]]  # at 36 km/h: 5 km in 8 min 20
    assert road["minutes"].tolist() == pytest.approx([50 / 6, 100 / 6, 50 / 6], abs=0.01)
    assert road["km"].tolist() == pytest.approx([5, 10, 5], abs=0.01)
    assert not road["estimated"].any()
    crow = 6371.009 * math.radians(0.9)
    far = ways.loc[("A", "loin")]
    assert far["estimated"]
    assert far["km"] == pytest.approx(crow * 1.35, rel=1e-4)
    assert far["minutes"] == pytest.approx(crow * 60 / 47, rel=1e-4)
    within = 2 / 3 * math.sqrt(4 / math.pi)  # of 4 km²
    assert ways.loc[("A", "A"), "km"] == pytest.approx(within * 1.35)
    assert ways.loc[("A", "A"), "minutes"] == pytest.approx(within * 60 / 47)
    assert ways.loc[("A", "A"), "estimated"]
    crowded = commuting.ways(places, figures=FIGURES)
    assert crowded["estimated"].all()
    assert crowded.loc[("A", "C"), "km"] == pytest.approx(13.5, rel=1e-3)


def test_roads_that_do_not_join_leave_no_way_and_no_kilometres(tmp_path):
    oneway = draw(
        "A----B----C", {"AB": "residential", "BC": {"highway": "residential", "oneway": "yes"}},
        metres=1_000.0,
    )  # fmt: skip
    roads = oneway.read(tmp_path)
    places = commuting.centres(communes(oneway, "A", "B"), outside(oneway, C="C"))
    ways = commuting.ways(places, figures=FIGURES, roads=roads, max_snap_m=5_500.0)
    assert np.isfinite(ways["minutes"]).all()  # C is walked to from B: the road there is a trap
    table = commuting.commuters(
        pd.DataFrame({"home": ["A"] * 2, "work": ["B", "C"], "workers": [1.0, 3.0]}),
        ways.assign(minutes=[9.0, 9.0, math.inf] * 2, km=[5.0, 5.0, math.nan] * 2),
    )
    assert commuting.far_minutes_share(table, far_min=30).to_dict() == {"A": 0.75}
    assert commuting.work_km(table, figures=FIGURES).to_dict() == {"A": 5.0}


def test_S17_far_by_minutes_and_by_departement_where_work_has_no_position(drawn):
    codes = {"A": "69019", "B": "69264"}
    own = communes(drawn, "A", "B").rename(index=codes)
    flows = pd.DataFrame(
        {"home": ["69019"] * 4 + ["01053"], "work": ["69019", "69123", "69001", "99999", "69019"],
         "workers": [40.0, 30.0, 20.0, 10.0, 500.0]}
    )  # fmt: skip
    lon, lat = drawn.node["A"]
    places = commuting.centres(own, outside(drawn, **{"69123": (lon, lat - 0.45)}))
    found = commuting.commuters(flows, commuting.ways(places, figures=FIGURES))
    assert found["workers"].sum() == 100  # those who live elsewhere are not the territory's
    assert found["minutes"].isna().tolist() == [False, False, True, True]
    # 50 km to Lyon is 64 minutes; 69001 is in the département, abroad is not.
    assert commuting.far_minutes_share(found, far_min=30).to_dict() == {"69019": 0.4}
    assert commuting.far_minutes_share(found, far_min=90).to_dict() == {"69019": 0.1}
    lyon = found["km"][1]
    inside = found["km"][0]
    expected = (40 * 0.6 * inside + 30 * 0.78 * lyon) / (40 * 0.6 + 30 * 0.78)
    assert commuting.work_km(found, figures=FIGURES)["69019"] == pytest.approx(expected)
    near = values({"commute_max_km": 20})
    assert commuting.work_km(found, figures=near)["69019"] == pytest.approx(inside)
    with pytest.raises(InputError, match="workers: every row needs a number"):
        commuting.commuters(flows.assign(workers=-1.0), commuting.ways(places, figures=FIGURES))


@given(
    st.lists(
        st.tuples(st.floats(0, 500), st.floats(0, 120)), min_size=1, max_size=8
    ),
    st.floats(1, 60), st.floats(0, 60),
)  # fmt: skip
@EXACT
def test_S17_the_far_share_is_a_share_and_falls_as_far_is_farther(rows, far_min, more):
    workers, minutes = zip(*rows, strict=True)
    table = pd.DataFrame({"home": "69019", "work": "69123", "workers": workers, "minutes": minutes})
    near, far = (
        commuting.far_minutes_share(table, far_min=limit)["69019"]
        for limit in (far_min, far_min + more)
    )
    assert 0 <= far <= near <= 1 + 1e-12


def test_another_departement_by_hand():
    rows = [("69019", "69019", 60.0), ("69019", "01053", 30.0), ("69019", "99999", 10.0),
            ("2A004", "2B033", 5.0), ("97411", "97414", 5.0), ("97411", "97209", 5.0),
            ("01001", "01001", 0.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["home", "work", "workers"]).assign(minutes=np.nan)
    share = commuting.far_minutes_share(table, far_min=30)
    assert share.to_dict() == {"01001": 0.0, "2A004": 1.0, "69019": 0.4, "97411": 0.5}


def matrix(minutes):
    """Return ways from a dense table of minutes, homes a, b, ... being the first places."""
    names = [chr(ord("a") + n) for n in range(minutes.shape[1])]
    pairs = pd.MultiIndex.from_product([names[: minutes.shape[0]], names], names=["home", "work"])
    return pd.DataFrame({"minutes": minutes.ravel()}, index=pairs), names


sizes = st.tuples(st.integers(1, 3), st.integers(0, 3))


@given(sizes, st.data(), st.floats(0, 0.3))
@EXACT
def test_S17_gravity_keeps_every_worker_and_grows_where_jobs_do(size, data, per_min):
    homes, places = size[0], sum(size)
    number = st.floats(1, 1_000)
    minutes = np.array(data.draw(st.lists(st.floats(0, 120), min_size=homes * places,
                                          max_size=homes * places)))  # fmt: skip
    ways, names = matrix(minutes.reshape(homes, places))
    jobs = pd.Series(data.draw(st.lists(number, min_size=places, max_size=places)), names)
    workers = pd.Series(data.draw(st.lists(number, min_size=homes, max_size=homes)), names[:homes])
    found = commuting.gravity(jobs, workers, ways, per_min=per_min)
    sums = found.groupby("home")["workers"].sum()
    assert sums.to_dict() == pytest.approx(workers.to_dict())
    one = data.draw(st.sampled_from(names))
    more = commuting.gravity(jobs.where(jobs.index != one, 2 * jobs), workers, ways,
                             per_min=per_min)  # fmt: skip
    to = [table.groupby("work")["workers"].sum().get(one, 0.0) for table in (found, more)]
    assert to[1] >= to[0] * (1 - 1e-9)


def test_gravity_refuses_workers_without_a_job_and_what_is_no_number():
    ways, names = matrix(np.array([[5.0, math.inf]]))
    jobs, workers = pd.Series([0.0, 50.0], names), pd.Series([10.0], names[:1])
    with pytest.raises(InputError, match="no job within reach of the workers of a"):
        commuting.gravity(jobs, workers, ways, per_min=0.1)
    with pytest.raises(InputError, match=r"jobs: a number, 0 or more \(not so in b"):
        commuting.gravity(pd.Series([0.0, -1.0], names), workers, ways, per_min=0.1)
    with pytest.raises(InputError, match="per_min=-1"):
        commuting.gravity(jobs, workers, ways, per_min=-1)


# In a plan

LYON = {"work_lon": 4.835, "work_lat": 45.758}


def flows_of(home, *, far):
    """Return flows: of 100 workers of every commune, so many in Lyon, the rest at home."""
    rows = []
    for code in home.communes.index:
        rows.append({"home": code, "work": code, "workers": 100.0 - far})
        rows.append({"home": code, "work": "69123", "workers": float(far)} | LYON)
    return pd.DataFrame(rows)


def test_S17_S15_flows_raise_users_give_a_base_community_and_the_way_to_work(home):
    plain = run(home, Scenario(mini_sites_max=2))
    plan = run(replace(home, flows=flows_of(home, far=40)), Scenario(mini_sites_max=2))
    assert plain.sites["base_community"].isna().all()
    able = demand.chain(demand.residents(home), figures=FIGURES)["compatible"].sum()
    base = plan.sites["base_community"]
    assert (base > 0).all()
    assert base.max() <= 0.4 * able + 0.01
    assert plan.indicators["users_at_door_central"] > plain.indicators["users_at_door_central"]
    assert any("Flux domicile-travail inconnus" in note for note in plain.notes)
    (note,) = [note for note in plan.notes if note.startswith("Employeur éloigné")]
    assert "à vol d’oiseau pour 100 % ; dans un autre département pour 0 %" in note
    assert "selon les flux de chaque commune" in plan.accounts["mobilite"].note
    assert "supposé médian" in plain.accounts["mobilite"].note
    way = [one.accounts["mobilite"].rows["km évités par an"][0] for one in (plain, plan)]
    assert way[1] > 1.5 * way[0]  # nearer 30 km than 13


def test_S17_without_flows_jobs_around_give_estimated_ones_and_the_plan_says_so(home):
    codes = home.communes.index
    jobs = pd.DataFrame({"jobs": 200.0, "workers": 500.0, "lon": np.nan, "lat": np.nan}, codes)
    closed = run(replace(home, jobs=jobs), Scenario(mini_sites_max=1))
    assert any("faute d’emplois hors du territoire" in note for note in closed.notes)
    assert closed.sites["base_community"].isna().all()
    jobs.loc["69123"] = [300_000.0, 200_000.0, 4.835, 45.758]
    around = run(replace(home, jobs=jobs), Scenario(mini_sites_max=1))
    assert any("modèle gravitaire, faute de MOBPRO" in note for note in around.notes)
    assert (around.sites["base_community"] > 0).all()


def test_S5_the_corpoworking_goes_where_employers_are(home):
    zones = home.premises[home.premises["kind"] == "activity_zone"]
    one = zones.iloc[0]
    east = one.geometry.x + 9_000
    second = zones.iloc[[0]].assign(geometry=[shapely.Point(east, one.geometry.y)])
    premises = pd.concat([zones.iloc[[0]].set_axis(["z1"]), second.set_axis(["z2"])])
    rest = home.premises[home.premises["kind"] != "activity_zone"]
    place = replace(home, premises=gpd.GeoDataFrame(pd.concat([rest, premises])).sort_index())
    scenario = Scenario(  # nobody lives at a zone's door: users alone decide between the two
        mini_sites_max=0, structuring_sites=0, mesh_min=0.01, studies=("scores",)
    )
    there = gpd.GeoSeries(premises.geometry, crs=home.crs).to_crs(4326)
    users = 400_000 * 0.38 * 0.005
    for zone in ("z1", "z2"):
        jobs = pd.DataFrame(
            {"jobs": 0.0, "workers": 500.0, "lon": np.nan, "lat": np.nan}, home.communes.index
        )
        jobs.loc["71270"] = [400_000.0, 1.0, there[zone].x, there[zone].y]
        plan = run(replace(place, jobs=jobs), scenario)
        assert plan.proven
        opened = plan.sites[plan.sites["tier"] == "corpoworking"]
        assert opened.index.tolist() == [zone]
        door = Scenario().decay_curve.share(np.zeros(1))[0]
        assert opened.loc[zone, "employer_users"] == pytest.approx(users * door, abs=0.01)
        assert opened.loc[zone, "users"] < users / 4  # residents, told apart
        assert plan.sites.drop(zone)["employer_users"].isna().all()
        ranking = plan.studies["classement"].rows.set_index("identifiant")["employeurs"]
        assert ranking.idxmax() == zone
        assert ranking.drop(["z1", "z2"]).eq(0).all()
        own = plan.indicators["users"]
        assert plan.certificate.value["users"] == pytest.approx(own + users * door, abs=0.02)


def test_criteria_that_are_not_known_are_left_out_or_refused(home):
    weights = (("élus", (("noyau", 1.0),)),)
    few = {"mini_sites_max": 1, "studies": ("scores",)}
    rows = run(home, Scenario(**few)).studies["classement"].rows
    assert "noyau" not in rows
    assert "employeurs" not in rows
    with pytest.raises(InputError, match="noyau cannot be scored: the territory has no flows"):
        run(home, Scenario(**few, weights=weights))
    known = run(replace(home, flows=flows_of(home, far=10)), Scenario(**few, weights=weights))
    assert known.studies["classement"].rows["noyau"].iloc[0] > 0
