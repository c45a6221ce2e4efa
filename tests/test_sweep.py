import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner._errors import InputError
from planner.scenarios import Scenario, read_scenario, read_scenarios


@pytest.fixture
def read(tmp_path):
    def reader(text):
        path = tmp_path / "essai.toml"
        path.write_text(text, "utf-8")
        return read_scenarios(path)

    return reader


def test_a_plain_file_is_one_scenario(read, tmp_path):
    (only,) = read("mini_sites_max = 4\n")
    assert only == read_scenario(tmp_path / "essai.toml")
    assert only.name == "essai"


def test_changes_take_the_place_of_the_base_key_by_key(read):
    first, second = read("""
        mini_sites_max = 4
        mesh_min = 8
        [assumptions]
        rebound = 0.1
        [[scenario]]
        name = "A"
        [[scenario]]
        name = "B"
        mini_sites_max = 0
        [scenario.assumptions]
        co2_kg_km = 0.15
    """)
    assert first == Scenario(
        name="A", mini_sites_max=4, mesh_min=8, assumptions=(("rebound", 0.1),)
    )
    assert (second.mini_sites_max, second.mesh_min) == (0, 8)
    assert dict(second.assumptions) == {"rebound": 0.1, "co2_kg_km": 0.15}


def test_a_grid_is_every_combination(read):
    found = read("""
        name = "base"
        [sweep]
        mini_sites_max = [0, 4]
        mesh_min = { from = 8, to = 10, step = 0.5 }
        assumptions.rebound = [0.0, 0.3]
    """)
    values = [(s.mini_sites_max, s.mesh_min, dict(s.assumptions)["rebound"]) for s in found]
    assert values == list(itertools.product((0, 4), (8.0, 8.5, 9.0, 9.5, 10.0), (0.0, 0.3)))
    assert found[3].name == "base · mini_sites_max 0, mesh_min 8,5, rebound 0,3"


def test_a_change_may_have_a_grid_of_its_own(read):
    found = read("""
        sweep.mesh_min = [8, 10]
        [[scenario]]
        name = "A"
        sweep.mini_sites_max = [1, 2, 3]
        [[scenario]]
        name = "B"
    """)
    assert len(found) == 2 * 3 + 2
    assert [one.name for one in found[-2:]] == ["B · mesh_min 8", "B · mesh_min 10"]


@given(st.integers(0, 50), st.integers(0, 20), st.integers(1, 5))
def test_a_range_holds_its_ends_and_steps(start, steps, step):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.toml"
        end = start + steps * step + step - 1
        path.write_text(f"sweep.mini_sites_max = {{ from = {start}, to = {end}, step = {step} }}")
        found = [one.mini_sites_max for one in read_scenarios(path)]
    assert found == list(range(start, end + 1, step))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sweep.mini_sites = [1]", "did you mean mini_sites_max"),
        ("sweep.mini_sites_max = 3", "a list of values"),
        ("sweep.mini_sites_max = []", "a list of values"),
        ("sweep.mini_sites_max = { from = 1, to = 9 }", "a list of values"),
        ("sweep.mini_sites_max = { from = 9, to = 1, step = 1 }", "a list of values"),
        ("sweep.mini_sites_max = { from = 1, to = 9, step = 0 }", "a list of values"),
        ("sweep.mesh_min = { from = 1, to = 9, step = 1e-9 }", "a list of values"),
        ("sweep = 3", "write a table"),
        ("scenario = 3", r"write \[\[scenario\]\]"),
        ("[[scenario]]\nmesh_min = 8", "scenario has no name"),
        ("[[scenario]]\nname = 'A'\n[[scenario]]\nname = 'A'", "one name: A"),
        ("[[scenario]]\nname = 'A'\nmesh = 8", "unknown key mesh"),
        ("sweep.mesh_min = [1]\n[[scenario]]\nname = 'A'\nsweep.mesh_min = [2]", "two grids"),
        ("sweep.mesh_min = [8, 800]", "mesh_min"),
        (
            "\n".join(f"sweep.{key} = {{ from = 1, to = 100, step = 1 }}"
                      for key in ("mini_sites_max", "structuring_sites", "mini_seats")),
            "1,000,000 scenarios",
        ),
    ],
)  # fmt: skip
def test_I12_what_cannot_be_a_scenario_is_refused_by_file_and_key(read, tmp_path, text, said):
    with pytest.raises(InputError, match=said) as caught:
        read(text)
    assert str(tmp_path / "essai.toml") in str(caught.value)
