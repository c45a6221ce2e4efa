"""The file to start from and the schema of scenario files: both say what the reader takes."""

import copy
import json
import re
import tomllib
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import territory
from planner._errors import InputError
from planner.assumptions import DEFAULTS
from planner.scenarios import (
    Scenario,
    new_scenario,
    read_scenario,
    read_scenarios,
    schema,
    schema_text,
)
from planner.scenarios._schema import key_schemas
from planner.scenarios._words import WORDS
from planner.scores import CRITERIA

DEFAULT = re.compile(r"^# (?=\w+ = |\[\w+\]$)", re.MULTILINE)
EXAMPLE = re.compile(r"^## ", re.MULTILINE)
VALID = jsonschema.Draft202012Validator(schema())
TABLES = {"available_year", "assumptions", "weights", "survey"}


@pytest.fixture
def read(tmp_path):
    def reader(text):
        path = tmp_path / "essai.toml"
        path.write_text(text, "utf-8")
        return read_scenarios(path)

    return reader


@pytest.fixture(scope="module")
def home():
    return territory.read("saone-beaujolais")


# The words


def test_every_key_is_described_once_in_a_french_sentence():
    assert set(WORDS) == set(Scenario.model_fields)
    assert len({word.sentence for word in WORDS.values()}) == len(WORDS)
    for word in WORDS.values():
        assert re.fullmatch(r"[A-ZÉ].+\.", word.sentence), word
    sections = [word.section for word in WORDS.values()]
    assert sorted(set(sections), key=sections.index) == [
        "Service et temps", "Demande", "Sites et places", "Coûts et budgets", "Règles", "Locaux",
        "Temps de trajet", "Calcul", "Études", "Phasage", "Budget et aides",
        "Ateliers et enquêtes", "Autres hypothèses",
    ]  # fmt: skip
    assert sections == sorted(sections, key=sections.index)


def test_every_choice_is_said_in_the_sentence_of_its_key():
    for key, shape in key_schemas().items():
        for choice in shape.get("enum", shape.get("items", {}).get("enum", [])):
            assert choice in WORDS[key].sentence, (key, choice)


# The file to start from


def test_the_file_reads_as_the_defaults(read):
    (only,) = read(new_scenario())
    assert only == Scenario(name="essai")


def test_with_every_default_taken_out_of_its_comment_it_is_the_default_scenario(read):
    text = DEFAULT.sub("", new_scenario())
    assert read(text) == (Scenario(),)
    told = set(tomllib.loads(text))
    without = {key for key in Scenario.model_fields if getattr(Scenario(), key) is None}
    assert told == set(Scenario.model_fields) - without
    assert all(f"\n## {key} = " in text for key in without)


def test_its_examples_are_scenarios_too(read):
    text = EXAMPLE.sub("", DEFAULT.sub("", new_scenario()))
    found = read(text)
    assert len(found) == 2 * 2 * 3
    first = found[0]
    assert first.name == "sans mini-cowork · structuring_sites 2, use_until_min 20"
    assert all(getattr(first, key) is not None for key in Scenario.model_fields)
    assert dict(first.assumptions) == {
        key: row.value for key, row in DEFAULTS.items() if key not in Scenario.model_fields
    }
    assert not list(VALID.iter_errors(tomllib.loads(text)))


def test_a_territory_gives_its_name_and_some_of_its_premises(read, home):
    text = new_scenario(home)
    (only,) = read(text)
    assert only == Scenario(name="Saône-Beaujolais")
    assert '"fs-570"' in text
    assert "Lieux possibles, corpoworking : " in text
    assert all(len(line) <= 100 for line in text.splitlines() if line.startswith("# "))


@settings(derandomize=True, deadline=None, database=None, max_examples=20)
@given(title=st.text(min_size=1, max_size=300))
def test_I12_no_name_of_a_territory_can_write_a_key(title, home):
    premises = home.premises.assign(name=title)
    text = new_scenario(replace(home, title=title, premises=premises))
    assert set(tomllib.loads(text)) == {"name"}
    assert Scenario.model_validate(tomllib.loads(text)) == Scenario(
        name=tomllib.loads(text)["name"]
    )


def test_ranges_units_and_sources_are_said():
    text = new_scenario()
    for part in (
        "# Plus de 0, au plus 120. Fourchette : de 15 à 25 (sourcé : pré-étude Coop-connect, 2019)",
        "# structuring_min = 20.0  # min\n",
        '# Au choix : "low", "central", "high".\n# demand_level = "central"\n',
        "## co2_kg_km = 0.192  # kg CO2e/km\n",
        "# Au moins 0, moins de 1.\n# gap = 0.0  # part\n",
    ):
        assert part in text


# The schema


def test_the_schema_is_one_and_the_same_bytes_every_time():
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(schema_text()) == schema()
    assert schema_text() == json.dumps(
        copy.deepcopy(schema()), ensure_ascii=False, indent=1, sort_keys=True
    ) + "\n"  # fmt: skip
    for key in Scenario.model_fields:
        assert WORDS[key].sentence in schema()["$defs"][key]["description"]


GOOD = [
    "",
    "mesh_min = 8\nmini_sites_max = 4",
    'forced = ["fs-570"]\nstudies = ["pareto", "phases"]\ndecay_steps = [[5, 1], [10, 0.5]]',
    "[assumptions]\nco2_kg_km = 0.1\nmini_seats = 2\nusers_per_1000 = 3",
    '[available_year]\n"fs-570" = 2\n[survey]\n69018 = [1, 2, 3]',
    '[weights."élus"]\nhabitants = 3\n"communauté" = 1.5',
    "sweep.mesh_min = [8, 10.5]\nsweep.mini_sites_max = { from = 0, to = 4, step = 2 }",
    "sweep.assumptions.rebound = [0]\nsweep.assumptions.car_share = {from = 0, to = 1, step = 1}",
    'sweep.forced = [["fs-570"], []]\nsweep.objective = ["service", "cost"]',
    "sweep.survey.69018 = [[1, 2, 3], [4, 5, 6]]\nsweep.available_year.fs-570 = [1, 2]",
    'sweep.weights."élus"."communauté" = [1, 2]\nsweep.seats_bind = [true, false]',
    "sweep.assumptions = [{ rebound = 0.1 }, { rebound = 0.2 }]",
    "[[scenario]]\nname = 'A'\n[[scenario]]\nname = 'B'\nsweep.gap = [0]\nassumptions.rebound = 1",
]
BAD = [
    "mesh = 8",
    "mesh_min = 0",
    "mesh_min = 121",
    "mesh_min = '8'",
    "mini_seats = 1.5",
    "seats_bind = 1",
    "profile = 'train'",
    "objective = 'joy'",
    "studies = ['tout']",
    "forced = 'fs-570'",
    "isochrones_min = [1, 2, 3, 4, 5, 6, 7]",
    "decay_steps = [[5, 1, 2]]",
    "assumptions.co2 = 0.1",
    "assumptions.co2_kg_km = -1",
    "assumptions.mesh_min = 500",
    "weights.A.joie = 1",
    "weights.A = {}",
    "survey.69018 = [1, 2]",
    "survey.69018 = [1, 2, -3]",
    "available_year.fs-570 = 'tôt'",
    "sweep.mesh = [8]",
    "sweep.mesh_min = []",
    "sweep.mesh_min = 8",
    "sweep.mesh_min = [8, 800]",
    "sweep.mesh_min = { from = 1, to = 9 }",
    "sweep.mesh_min = { from = 1, to = 9, step = 0 }",
    "sweep.mesh_min = { from = 0, to = 9, step = 1 }",
    "sweep.mini_seats = { from = 1, to = 3, step = 0.5 }",
    "sweep.name = ['A', 'B']",
    "sweep.assumptions.co2 = [0.1]",
    "sweep.assumptions = {}",
    "sweep = 3",
    "scenario = 3",
    "scenario = []",
    "[[scenario]]\nmesh_min = 8",
    "[[scenario]]",
    "[[scenario]]\nsweep.mesh_min = [8, 9]",
    "[[scenario]]\nname = 'A'\nmesh = 8",
    "[[scenario]]\nname = 'A'\nsweep.mesh = [8]",
    "[[scenario]]\nname = 'A'\n[[scenario.scenario]]\nname = 'B'",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_the_reader_takes_the_schema_takes(read, text):
    assert not list(VALID.iter_errors(tomllib.loads(text)))
    assert read(f"{text}\n")


@pytest.mark.parametrize("text", BAD)
def test_what_the_reader_refuses_the_schema_refuses(read, text):
    assert list(VALID.iter_errors(tomllib.loads(text)))
    with pytest.raises(InputError):
        read(text)


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-2, 200),
    st.sampled_from([10**5 + 1, 10**8 + 1, 10**11 + 1]),
    st.floats(-1, 130).filter(lambda number: number != int(number)),
    st.sampled_from(["", "car", "service", "stepwise", "high", "pareto", "x" * 201]),
    st.sampled_from([*CRITERIA, "fabrique"]),
)


@settings(derandomize=True, deadline=None, database=None, max_examples=500)
@given(
    st.sampled_from(sorted(set(Scenario.model_fields) - TABLES - {"decay_steps"})),
    st.one_of(SCALARS, st.lists(SCALARS, max_size=7)),
)
def test_schema_and_scenario_agree_on_the_values_of_every_key(key, value):
    try:
        Scenario.model_validate({key: value})
    except ValueError:
        taken = False
    else:
        taken = True
    assert VALID.is_valid({key: value}) == taken


# What the reader says of keys


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mesh_mn = 8", "unknown key mesh_mn; did you mean mesh_min?"),
        ("[sweeps]\nmesh_min = [8]", "unknown key sweeps; did you mean sweep?"),
        ("[[scenarios]]\nname = 'A'", "unknown key scenarios; did you mean scenario?"),
        ("[sweep]\nmini_sites = [1]", "sweep: unknown key mini_sites; did you mean mini_sites_max"),
        ("[sweep]\nassumptions.rebond = [1]", "sweep: assumptions: unknown key 'rebond'; did you"),
        (
            "[[scenario]]\nname = 'A'\nmesh_mn = 8",
            "scenario A: unknown key mesh_mn; did you mean mesh_min?",
        ),
        (
            "[[scenario]]\nname = 'A'\n[[scenario]]\nname = 'B'\nsweep.mesh_mn = [8]",
            "scenario B, sweep: unknown key mesh_mn; did you mean mesh_min?",
        ),
        ("[assumptions]\nco2_kg_m = 1", "unknown key 'co2_kg_m'; did you mean co2_kg_km?"),
        ("name = 3\nsweep.mesh_min = [8, 9]", "name: "),
    ],
)
def test_I12_an_unknown_key_is_said_with_its_place_and_the_nearest(read, text, said):
    with pytest.raises(InputError) as caught:
        read(text)
    assert said in str(caught.value)


def test_I12_all_the_faults_of_a_file_are_said_each_once(read, tmp_path):
    with pytest.raises(InputError) as caught:
        read("""
            mesh_mn = 8
            mini_seats = -1
            sweep.structuring_mn = [1, 2]
            sweep.use_until_min = [20, 2000, 3000]
            sweep.gap = 3
            [[scenario]]
            name = "A"
            premises_gat = false
            [[scenario]]
            mini_seats = 3
        """)
    path = str(tmp_path / "essai.toml")
    grid = "a list of values, or { from = 4, to = 12, step = 2 } of at most 1000 steps; not 3."
    assert [fault.removeprefix(f"{path}: ") for fault in caught.value.faults] == [
        "sweep.gap: " + grid,
        "scenario 2 has no name; give it one.",
        "mini_seats: input should be greater than or equal to 1.",
        "unknown key mesh_mn; did you mean mesh_min?.",
        "scenario A: unknown key premises_gat; did you mean premises_gate?.",
        "sweep: unknown key structuring_mn; did you mean structuring_min?.",
        "sweep: use_until_min: input should be less than or equal to 120.",
    ]


def test_where_one_scenario_is_asked_a_file_of_many_says_so(tmp_path):
    path = tmp_path / "s.toml"
    for text in ("sweep.mesh_min = [8, 9]", "[[scenario]]\nname = 'A'"):
        path.write_text(text, "utf-8")
        with pytest.raises(InputError, match="several scenarios, where one is asked for"):
            read_scenario(path)
