import contextlib
import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import shipped
from pydantic import ValidationError
from shapely import Point

import planner
from planner import PlannerError, Scenario, read_scenario, run, territory
from planner._errors import Infeasible, InputError
from planner.assumptions import DEFAULTS, table
from planner.cli._summary import STAGES
from planner.demand import OCCUPATIONS
from planner.network import PROFILES
from planner.scenarios import road_lines, with_assumptions, with_studies, with_weights
from planner.scores import given as weighed

NUMBERS = [
    name for name, kind in Scenario.model_fields.items() if kind.annotation in {int, float}
] + ["demand_cell_m"]


@pytest.fixture(scope="module")
def home():
    return territory.read("saone-beaujolais")


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "essai.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_scenario(path)

    return read_text


@pytest.fixture
def refused(read, tmp_path):
    def check(text, *parts):
        with pytest.raises(InputError) as caught:
            read(text)
        for part in (str(tmp_path / "essai.toml"), *parts):
            assert part in str(caught.value)
        return str(caught.value)

    return check


# Reading


def test_an_empty_table_is_all_defaults_under_the_name_of_the_file(read):
    scenario = read("# nothing\n")
    assert scenario == Scenario(name="essai")
    for key in ("mesh_min", "structuring_min", "use_until_min", "mini_sites_max", "walk_kph"):
        assert getattr(scenario, key) == DEFAULTS[key].value


def test_every_key_is_read(read):
    other = {
        "name": "Été", "mesh_min": 8, "structuring_min": 15.5, "use_until_min": 30,
        "structuring_sites": 2, "mini_sites_max": 5, "corpoworking_sites_max": 0,
        "structuring_seats": 8, "mini_seats": 2, "corpoworking_seats": 10,
        "bourg_min_population": 1500, "profile": "car", "max_snap_m": 500, "walk_kph": 4,
        "demand_cell_m": 200, "forced": ["h-69002"], "forbidden": ["h-69012", "01001"],
        "time_limit_s": 5, "gap": 0.01, "objective": "cost", "users_per_1000": 1.5,
        "user_days_a_week": 0.8, "peak_factor": 1.1, "decay": "stepwise", "decay_half_min": 10,
        "decay_slope_min": 2, "decay_steps": [[5.0, 0.9], [12.0, 0.4]], "backup_weight": 0.2,
        "structuring_invest_eur": 90_000, "mini_invest_eur": 6_000,
        "corpoworking_invest_eur": 200_000, "structuring_running_eur": 30_000,
        "mini_running_eur": 700, "corpoworking_running_eur": 40_000, "cost_years": 4,
        "invest_max_eur": 900_000, "running_max_eur": 200_000, "commune_invest_max_eur": 300_000,
        "commune_sites_max": 2, "structuring_spacing_min": 8, "mini_spacing_min": 4,
        "commune_share_min": 0.5, "mesh_share_min": 0.9, "seats_bind": True, "critical_mass": True,
        "inaccessible": ["h-69016"], "premises_gate": False, "studies": ["pareto", "phases"],
        "pareto_points": 7, "alternatives": 3, "alternatives_within": 0.05, "years": 4,
        "year_invest_max_eur": 150_000, "year_hours_max": 1_000, "structuring_opening_hours": 500,
        "mini_opening_hours": 30, "corpoworking_opening_hours": 600,
        "available_year": [["h-69002", 2]], "discount_rate": 0.04, "demand_level": "high",
        "grants": ["fabrique"], "vacancy_months": 3, "employers_share": 0.3,
            "isochrones_min": [6.0, 9.0],
        "assumptions": [["co2_kg_km", 0.15], ["rebound", 0.0]],
        "weights": [["élus", [["habitants", 3.0], ["relais", 1.0]]]],
        "survey": [["69019", [3, 2, 10]]],
    }  # fmt: skip
    assert set(other) == set(Scenario.model_fields)
    text = "\n".join(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in other.items())
    scenario = read(text)
    assert scenario.model_dump(mode="json") == other
    assert scenario.seats == {"structuring": 8, "mini": 2, "corpoworking": 10}


def test_years_of_premises_are_a_table_of_toml(read):
    scenario = read('studies = ["phases"]\n[available_year]\n"h-69012" = 3\n"h-69002" = 2\n')
    assert scenario.available_year == (("h-69002", 2), ("h-69012", 3))


def test_studies_are_asked_for_by_name():
    assert with_studies(Scenario(), ["phases", "pareto"]).studies == ("pareto", "phases")
    assert len(with_studies(Scenario(), ["all"]).studies) == 6
    with pytest.raises(InputError, match="no study front; choose of pareto"):
        with_studies(Scenario(), ["front"])


def test_a_decay_that_rises_is_refused(refused):
    refused("decay_steps = [[5, 0.5], [10, 0.9]]", "shares must not")


def test_what_windows_writes_is_read(read):
    assert read("\ufeffmesh_min = 8\r\nforced = []\r\n").mesh_min == 8


def test_a_scenario_is_frozen_and_hashable():
    scenario = Scenario()
    with pytest.raises(ValidationError):
        scenario.mesh_min = 8.0
    assert hash(scenario) == hash(Scenario())
    assert isinstance(scenario.forced, tuple)


def test_a_plan_says_its_scenario_and_it_can_be_read_again(home):
    scenario = Scenario(mini_sites_max=3, forced=("h-69002",))
    plan = run(home, scenario)
    assert plan.scenario is scenario
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("mesh_minutes", "mesh_min"),
        ("mini_site_max", "mini_sites_max"),
        ("forbiden", "forbidden"),
        ("Profile", "profile"),
        ("time_limit", "time_limit_s"),
    ],
)
def test_I12_an_unknown_key_names_the_nearest(refused, wrong, right):
    refused(f"{wrong} = 1", f"unknown key {wrong}; did you mean {right}?")


def test_I12_a_key_like_no_other_lists_all(refused):
    refused("zzzz = 1", "unknown key zzzz; known: name, mesh_min")


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e308", "-0.5", "1" + "0" * 400])
def test_I12_values_out_of_range_are_refused_by_key(refused, key, value):
    refused(f"{key} = {value}", f"{key}: input should be")


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", ['"10"', "true", "[10]", "{ min = 10 }", "2024-01-01", '"inf"'])
def test_I12_values_of_the_wrong_type_are_refused_by_key(refused, key, value):
    refused(f"{key} = {value}", f"{key}: input should be")


@pytest.mark.parametrize(
    "line",
    [
        'forced = "h-69002"',
        "forced = [69002]",
        "forbidden = [true]",
        "name = 1",
        f'name = "{"x" * 201}"',
        'profile = ["car"]',
        'profile = ""',
    ],
)
def test_I12_texts_of_the_wrong_type_are_refused_by_key(refused, line):
    refused(line, line.split(" ", maxsplit=1)[0])


def test_I12_an_unknown_profile_lists_those_there_are(refused):
    refused('profile = "boat"', "profile: no profile 'boat'; choose one of", *PROFILES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("structuring_sites = 03", "not TOML"),
        ("forced = [01001]", "not TOML"),
        ("mesh_min = 8\nmesh_min = 9", "not TOML"),
        ("mesh_min: 8", "not TOML"),
        ("mesh_min = 8,5", "not TOML"),
        ("mesh_min = 10:30", "not TOML"),
        ('name = "\\ud800"', "not TOML"),
        ("name = 'été'".encode("cp1252"), "in UTF-8"),
        ("mesh_min = 8".encode("utf-16"), "in UTF-8"),
        (b"\x00\x01\x02", "not TOML"),
        ("mini_seats = " + "9" * 5000, "not TOML"),
        ("forced = " + "[" * 5000, "not TOML"),
    ],
)
def test_I12_what_is_no_toml_is_refused(refused, text, said):
    refused(text, said)


def test_I12_all_faults_are_said_at_once(refused):
    message = refused(
        'mesh_min = -1\nprofile = "boat"\nmini_seats = "3"\nmesh = 2\nforced = [1]\n[table]\na = 1',
        "mesh_min: ", "profile: ", "mini_seats: ", "unknown key mesh;", "forced.0: ",
        "unknown key table",
    )  # fmt: skip
    assert "\n" not in message


@pytest.mark.parametrize("name", ["absent.toml", "", "x" * 300, "a\0b"])
def test_a_scenario_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises((InputError, OSError)) as caught:
        read_scenario(tmp_path / name)
    assert str(tmp_path) in str(caught.value)


def test_an_empty_file_is_refused(refused):
    refused("", "is empty")


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(st.binary(max_size=60) | st.text("=[]{}\"'#.\n\\ forced1truenai", max_size=60))
def test_whatever_the_bytes_only_a_planner_error_comes_out(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    with contextlib.suppress(PlannerError):
        read_scenario(path)


# Running


EXTREMES = {
    "no time": Scenario(mesh_min=1e-9, structuring_min=1e-9, use_until_min=1e-9),
    "two hours": Scenario(mesh_min=120, structuring_min=120, use_until_min=120),
    "use is far": Scenario(mesh_min=3, structuring_min=2, use_until_min=9),
    "no site": Scenario(structuring_sites=0, mini_sites_max=0, corpoworking_sites_max=0),
    "every site": Scenario(mini_sites_max=10_000, corpoworking_sites_max=10_000),
    "one square": Scenario(demand_cell_m=100_000, bourg_min_population=0),
    "no walk": Scenario(max_snap_m=1e-9, walk_kph=0.1),
    "no name, no time": Scenario(name="", time_limit_s=1e-9),
}


@pytest.mark.parametrize(
    ("name", "extreme"),
    [
        *(("saone-beaujolais", extreme) for extreme in EXTREMES),
        *(("liechtenstein", extreme) for extreme in ("no time", "no site", "no walk")),
    ],
)
def test_extreme_scenarios_still_give_a_whole_plan(tmp_path, name, extreme):
    plan = run(territory.read(name), EXTREMES[extreme])
    folder = plan.save(tmp_path / "out")
    content = json.loads((folder / "plan.json").read_text("utf-8"))
    assert content["scenario"] == plan.scenario.model_dump(mode="json")
    assert 0 <= plan.indicators["share_mesh"] <= 1


def test_S6_no_site_at_all_is_a_trivial_plan_with_all_its_files(home, tmp_path):
    scenario = Scenario(
        structuring_sites=0, mini_sites_max=0, corpoworking_sites_max=0,
        forbidden=("cw-belleville", "cw-fleurie"),
    )  # fmt: skip
    plan = run(home, scenario)
    assert plan.sites.empty
    assert plan.proven
    assert plan.indicators["covered_mesh"] == 0
    folder = plan.save(tmp_path / "out")
    assert (folder / "sites.csv").read_text("utf-8-sig").count("\n") == 1


def test_S6_no_premises(home):
    bare = replace(home, premises=home.premises.iloc[:0])
    assert run(bare, Scenario(structuring_sites=0)).sites.empty
    with pytest.raises(InputError, match="3 structuring sites asked, 0 candidates"):
        run(bare)


def test_S5_more_sites_than_candidates_is_refused_with_both_numbers(home):
    with pytest.raises(InputError, match=r"50 structuring sites asked, \d+ candidates"):
        run(home, Scenario(structuring_sites=50))


def test_S5_forced_sites_beyond_the_limits_are_named(home):
    with pytest.raises(Infeasible, match="h-69002 can only be mini, at most 0 allowed"):
        run(home, Scenario(forced=("h-69002",), mini_sites_max=0))


def test_forced_and_forbidden_sites_are_obeyed(home):
    free = run(home)
    shut = free.sites.index[free.sites["status"] == "chosen"][0]
    plan = run(home, Scenario(forced=("h-69002",), forbidden=(shut,)))
    assert plan.sites.loc["h-69002", "status"] == "forced"
    assert shut not in plan.sites.index
    assert plan.indicators["covered_mesh"] <= free.indicators["covered_mesh"]


def test_more_sites_or_minutes_never_lower_the_coverage(home):
    reached = [
        run(home, Scenario(mini_sites_max=most, mesh_min=minutes)).indicators["covered_mesh"]
        for most, minutes in [(0, 6), (2, 6), (2, 8), (9, 8), (9, 10)]
    ]
    assert reached == sorted(reached)


def test_the_corpoworking_site_needs_an_activity_zone(home):
    zones = home.premises["kind"] != "activity_zone"
    plan = run(replace(home, premises=home.premises[zones]))
    assert "corpoworking" not in set(plan.sites["tier"])


def test_S8_the_rows_of_the_territory_may_come_in_any_order(home):
    order = np.random.default_rng(3)
    shuffled = replace(
        home,
        **{
            layer: getattr(home, layer).iloc[order.permutation(len(getattr(home, layer)))]
            for layer in ("residents", "premises", "communes")
        },
    )
    one, two = run(home), run(shuffled)
    assert one.sites.drop(columns="geometry").equals(two.sites.drop(columns="geometry"))
    assert one.indicators == two.indicators


def test_progress_tells_every_stage_in_order(home):
    told = []
    run(home, progress=lambda stage, done, total: told.append((stage, done, total)))
    stages = list(dict.fromkeys(stage for stage, *_ in told))
    optional = {"mass", "studies", "files"}
    assert stages == [stage for stage in STAGES if stage not in optional]
    assert all(0 <= done <= total for _, done, total in told)


def test_a_site_without_a_name_is_called_by_its_kind(home):
    nameless = replace(home, premises=home.premises.assign(name=" "))
    names = set(run(nameless).sites["name"])
    assert "Zone d’activités sans nom, Belleville-en-Beaujolais" in names
    assert all(name.strip() for name in names)


def test_every_default_of_a_scenario_is_an_assumption_with_its_range():
    rows = table()
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()
    assert set(rows["status"]) <= {"sourced", "derived", "assumption"}
    assert (rows["source"] != "").all()
    for name, field in Scenario.model_fields.items():
        if name in rows.index and name != "users_per_1000":  # worked out when it is left out
            assert field.default == rows.loc[name, "value"]
    with pytest.raises(TypeError):
        DEFAULTS["mesh_min"] = None


def test_road_lines_have_a_known_class():
    roads = planner.network.read_osm(territory.read("liechtenstein").roads_path)
    lines = road_lines(roads)
    assert set(lines["highway"]) <= set(planner.network.CLASSES)
    assert lines.crs == 4326


def test_N7_roads_cut_at_the_border_are_told():
    assert any(note.startswith("Routes coupées à 0") for note in shipped("liechtenstein").notes)
    assert not any("Routes coupées" in note for note in shipped("saone-beaujolais").notes)


def test_known_occupations_take_the_place_of_the_assumed_mix_by_hand(home):
    """A hundred cadres in each commune: 72 could telework, 43.2 do, 2 % of these come."""
    table = pd.DataFrame(0.0, home.communes.index, list(OCCUPATIONS)).assign(cadres=100.0)
    plan = run(replace(home, occupations=table))
    communes = len(home.communes)
    assert plan.indicators["users_at_door_central"] == pytest.approx(communes * 0.864, abs=0.01)
    assert plan.indicators["users_at_door_low"] == pytest.approx(communes * 0.36, abs=0.01)
    assert not any("Métiers" in note for note in plan.notes)
    assert any("Métiers des actifs supposés, " in n for n in shipped("saone-beaujolais").notes)
    some = run(replace(home, occupations=table.iloc[2:]))
    assert f"Métiers des actifs supposés dans 2 communes sur {communes}" in " ".join(some.notes)


def test_roads_are_kept_where_asked_and_the_plan_is_the_same(tmp_path):
    home = territory.read("liechtenstein")
    first, second = (run(home, cache=tmp_path) for _ in range(2))
    kept = sorted(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert kept == ["minutes", "roads"]
    assert first.indicators == second.indicators == shipped("liechtenstein").indicators


# Assumptions


def test_assumptions_of_a_scenario_are_read_and_reach_the_figures(read):
    scenario = read("[assumptions]\nco2_kg_km = 0.15\nrebound = 0\nmesh_min = 8\nmini_seats = 2\n")
    assert scenario.assumptions == (("co2_kg_km", 0.15), ("rebound", 0.0))
    assert (scenario.mesh_min, scenario.mini_seats) == (8.0, 2)
    assert scenario.changes == {
        "co2_kg_km": 0.15, "rebound": 0.0, "mesh_min": 8.0, "mini_seats": 2.0,
    }  # fmt: skip
    assert scenario.figures["co2_kg_km"] == 0.15
    assert scenario.figures["mini_seats"] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[assumptions]\nco2_kg = 1\n", "did you mean co2_kg_km"),
        ("[assumptions]\nrebound = -1\n", "rebound"),
        ("[assumptions]\nrebound = 'x'\n", "assumptions"),
        ("mesh_min = 9\n[assumptions]\nmesh_min = 8\n", "mesh_min: in the scenario and in"),
        ("[assumptions]\nmini_seats = 2.5\n", "mini_seats"),
    ],
)
def test_assumptions_that_are_none_are_refused(read, text, said):
    with pytest.raises(InputError, match=said):
        read(text)


def test_a_spreadsheet_changes_the_scenario_but_never_against_it(tmp_path):
    path = tmp_path / "h.xlsx"
    base = Scenario(name="base", mesh_min=8, assumptions=(("rebound", 0.1),))
    changed = with_assumptions(base, {"co2_kg_km": 0.1, "peak_factor": 1.5}, path=path)
    assert (changed.peak_factor, changed.mesh_min) == (1.5, 8)
    assert dict(changed.assumptions) == {"co2_kg_km": 0.1, "rebound": 0.1}
    for key in ("mesh_min", "rebound"):
        with pytest.raises(InputError, match=f"{key}: the scenario says another figure"):
            with_assumptions(base, {key: 0.5}, path=path)


def test_assumptions_move_users_and_costs():
    home = territory.read("liechtenstein")
    plain = run(home, Scenario(mini_sites_max=3))
    more = run(
        home,
        Scenario(
            mini_sites_max=3,
            assumptions=(("telework_use_share", 0.04), ("mini_place_eur", 2000.0)),
        ),
    )
    assert more.indicators["users"] > 1.5 * plain.indicators["users"]
    assert more.indicators["invest_eur"] == plain.indicators["invest_eur"] + 3 * 1000
    assert plain.indicators["users_low"] < plain.indicators["users"]
    assert plain.indicators["users"] < plain.indicators["users_high"]
    low = run(home, Scenario(mini_sites_max=3, demand_level="low"))
    assert low.indicators["users"] == low.indicators["users_low"]
    said = more.assumptions().set_index("clé")
    assert said.loc["telework_use_share", "statut"] == "modifié"


# Workshops


def test_weights_of_groups_are_tables_of_toml(read):
    scenario = read(
        '[weights."élus"]\nrelais = 1\nhabitants = 3\n[weights.usagers]\nservices = 2\n'
    )
    assert scenario.weights == (
        ("usagers", (("services", 2.0),)),
        ("élus", (("habitants", 3.0), ("relais", 1.0))),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[weights."élus"]\nwifi = 1\n', "no criterion wifi; known: habitants"),
        ('[weights."élus"]\nhabitants = 0\n', "one above 0"),
        ("[weights]\nelus = 3\n", "weights"),
    ],
)
def test_weights_that_weigh_nothing_are_refused(read, text, said):
    with pytest.raises(InputError, match=said):
        read(text)


def test_candidates_are_ranked_by_what_groups_weigh(home):
    plan = run(home, Scenario(studies=("scores",), weights=(("élus", (("habitants", 1.0),)),)))
    rows = plan.studies["classement"].rows
    assert rows["rang"].tolist() == list(range(1, len(rows) + 1))
    assert rows["habitants"].is_monotonic_decreasing
    assert rows["note"].tolist() == rows["note, élus"].tolist()
    assert set(plan.sites.index) <= set(rows["identifiant"])
    chosen = set(rows.loc[rows["dans le plan"] == "oui", "identifiant"])
    assert chosen == set(plan.sites.index)


def test_S16_the_parts_of_a_community_are_counted_by_hand_and_written(home):
    """Three cooperatives at a candidate's door, and an association out of anybody's reach."""
    place = home.premises.geometry.loc["h-69018"]
    far = Point(place.x + 200_000, place.y)
    known = gpd.GeoDataFrame(
        {"name": "", "kind": ["scop", "scic", "cae", "association"], "commune": "69018"},
        geometry=[place, place, place, far],
        index=["1", "2", "3", "4"],
        crs=home.crs,
    )
    study = Scenario(studies=("scores",), structuring_min=0.001, structuring_sites=0)
    rows = run(replace(home, establishments=known), study).studies["classement"].rows
    row = rows.set_index("identifiant").loc["h-69018"]
    cooperatives, associations = (
        next(name for name in rows if name.startswith(f"{part} à "))
        for part in ("coopératives", "associations")
    )
    assert row[[cooperatives, associations]].tolist() == [3, 0]
    assert row["communauté"] >= round(0.4 * 3 / 5, 3)
    assert rows[cooperatives].sum() <= 3 * len(rows)
    plain = run(home, study).studies["classement"]
    assert not any("coopératives" in name for name in plain.rows)
    assert "Sirene n’a pas été lu" in plain.note


def test_judgements_of_a_workshop_become_weights():
    weights = weighed({"élus": {"habitants": 3, "relais": 1}})
    scenario = with_weights(Scenario(mesh_min=8), weights)
    assert scenario.mesh_min == 8
    assert scenario.studies == ("scores",)
    assert scenario.weights == (("élus", (("habitants", 0.75), ("relais", 0.25))),)
    with pytest.raises(InputError, match="no criterion wifi"):
        with_weights(Scenario(), weighed({"élus": {"wifi": 1}}))


def test_commuters_to_another_departement_raise_the_users_expected(home):
    flows = pd.DataFrame({"home": ["69019"], "work": ["01053"], "workers": [100.0]})
    plain, more = run(home), run(replace(home, flows=flows))
    assert more.indicators["users_at_door_central"] > plain.indicators["users_at_door_central"]
