"""Plans on disk, compared: what is read, who is dominated, what drives the differences."""

import io
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import Scenario, dossier, runs, territory
from planner._errors import InputError
from planner._language import speaking
from planner.batch import batch
from planner.compare import KEYS, measures
from planner.runs import Runs
from planner.scenarios import run

HOME = "saone-beaujolais"
GRID = tuple(
    Scenario(name=f"{large} et {mini}", structuring_sites=large, mini_sites_max=mini)
    for large, mini in itertools.product((1, 3), (2, 6))
)
COMMAND = str(Path(sys.executable).with_name("planner"))


@pytest.fixture(scope="module")
def lot(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "lot"
    batch([HOME], GRID, out=out)
    return out


def table(**columns) -> Runs:
    """Return runs of one territory with these measures, all others 0."""
    count = len(next(iter(columns.values())))
    frame = pd.DataFrame({"digest": ["d"] * count, **dict.fromkeys(KEYS, 0.0), **columns})
    frame.index = pd.Index([f"r{i}" for i in range(count)], name="name")
    return Runs(table=frame, settings=pd.DataFrame(index=frame.index))


def test_a_batch_is_read_as_a_table_of_what_plans_say(lot):
    found = runs.read([lot])
    assert list(found.settings) == ["structuring_sites", "mini_sites_max"]
    assert found.table["scenario"].to_list() == sorted(one.name for one in GRID)
    for name, row in found.table.iterrows():
        plan = json.loads((lot / name / "plan.json").read_text("utf-8"))
        assert row["share_mesh"] == pytest.approx(plan["indicators"]["share_mesh"], abs=1e-6)
        assert row["sites"] == len(plan["sites"])
        assert row["least_share"] == pytest.approx(
            min(one["share_mesh"] for one in plan["communes"]), abs=1e-6
        )
        assert row["epci_eur"] == pytest.approx(-plan["indicators"]["balance_eur"])
    assert len(set(found.table["digest"])) == 1
    again = runs.read(sorted(path.parent for path in lot.glob("*/plan.json"))[::-1])
    pd.testing.assert_frame_equal(again.table, found.table)


def test_plans_saved_by_planner_plan_and_runs_stand_together(lot, tmp_path):
    alone = run(territory.read(HOME), Scenario(name="seul", mini_sites_max=0))
    folder = alone.save(tmp_path / "plan")
    found = runs.read([lot, folder])
    assert set(found.table["scenario"]) == {*(one.name for one in GRID), "seul"}
    assert found.settings.loc["plan", "mini_sites_max"] == 0


def test_folders_with_one_name_are_told_apart(lot, tmp_path):
    names = sorted(path.parent for path in lot.glob("*/plan.json"))
    for where, source in zip("ab", names, strict=False):
        (tmp_path / where / "plan").mkdir(parents=True)
        (tmp_path / where / "plan" / "plan.json").write_bytes((source / "plan.json").read_bytes())
    found = runs.read([tmp_path / "a" / "plan", tmp_path / "b" / "plan"])
    assert sorted(found.table.index) == ["a/plan", "b/plan"]


@settings(deadline=None)  # a busy machine is no defect
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=9))
def test_who_is_dominated_is_what_looking_at_every_pair_says(rows):
    share, invest, epci = (list(map(float, column)) for column in zip(*rows, strict=True))
    found = runs.with_dominance(table(share_mesh=share, invest_eur=invest, epci_eur=epci))
    points = [(a, -b, -c) for a, b, c in rows]
    for place, mine in enumerate(points):
        beats = [
            i for i, other in enumerate(points)
            if other != mine and all(x >= y for x, y in zip(other, mine, strict=True))
        ]  # fmt: skip
        row = found.iloc[place]
        assert bool(row["frontier"]) == (not beats)
        assert row["dominated_by"] == (f"r{min(beats)}" if beats else "")


def test_territories_are_not_held_against_each_other_and_what_is_not_known_is_not_judged():
    found = table(share_mesh=[0.9, 0.1, 0.5], invest_eur=[1.0, 2.0, np.nan], epci_eur=[1.0] * 3)
    found.table.loc["r1", "digest"] = "other"
    judged = runs.with_dominance(found)
    assert judged.loc["r1", "frontier"]
    assert pd.isna(judged.loc["r2", "frontier"])
    # A criterion that no run of a territory knows counts for nothing there.
    found.table["invest_eur"] = np.nan
    judged = runs.with_dominance(found)
    assert judged.loc["r2", "dominated_by"] == "r0"


def test_criteria_can_be_chosen_and_strange_ones_are_refused():
    found = table(share_mesh=[0.9, 0.1], users=[1.0, 5.0])
    assert runs.with_dominance(found, {"users": 1})["dominated_by"].to_list() == ["r1", ""]
    for wrong in ({"nothing": 1}, {"users": 2}, {}):
        with pytest.raises(InputError, match="criteria"):
            runs.with_dominance(found, wrong)


@settings(deadline=None)  # a busy machine is no defect
@given(
    st.lists(st.integers(-5, 5), min_size=2, max_size=4),
    st.lists(st.integers(-5, 5), min_size=2, max_size=4),
)
def test_on_a_grid_of_sums_the_settings_explain_everything(first, second):
    cells = list(itertools.product(range(len(first)), range(len(second))))
    found = table(users=[float(first[i] + second[j]) for i, j in cells])
    asked = pd.DataFrame({"a": [i for i, _ in cells], "b": [j for _, j in cells]},
                            index=found.table.index)  # fmt: skip
    drive = runs.drivers(Runs(table=found.table, settings=asked))
    shares = drive[drive["measure"] == "users"].set_index("setting")["share"]
    if len(set(first)) == len(set(second)) == 1:
        assert shares.isna().all()
    else:
        assert shares.sum() == pytest.approx(1.0, abs=1e-6)
        expected = np.var(first) / (np.var(first) + np.var(second))
        assert shares["a"] == pytest.approx(expected, abs=1e-6)


def test_territories_of_any_size_stand_side_by_side_in_what_drives():
    found = table(users=[10.0, 20.0, 1010.0, 1020.0])
    found.table["digest"] = ["small", "small", "large", "large"]
    asked = pd.DataFrame({"a": [0, 1, 0, 1]}, index=found.table.index)
    drive = runs.drivers(Runs(table=found.table, settings=asked)).set_index("measure")
    assert drive.loc["users", "share"] == pytest.approx(1.0)
    assert (drive.loc["users", "lowest"], drive.loc["users", "highest"]) == (-5.0, 5.0)
    assert (drive.loc["users", "at_lowest"], drive.loc["users", "at_highest"]) == ("0", "1")


def test_the_workbook_and_the_parquet_say_the_same_twice(lot):
    found = runs.read([lot])
    contents, again = runs.files(found), runs.files(runs.read([lot]))
    assert contents == again
    assert set(contents) == set(runs.FILES)
    flat = pd.read_parquet(io.BytesIO(contents["comparaison.parquet"]))
    assert flat["name"].to_list() == found.table.index.to_list()
    assert flat["share_mesh"].to_list() == found.table["share_mesh"].to_list()
    assert set(flat["setting_mini_sites_max"]) == {"2", "6"}
    book = openpyxl.load_workbook(io.BytesIO(contents["comparaison.xlsx"]))
    assert book.sheetnames == ["Comparaison", "Réglages", "Ce qui explique"]
    sheet = book["Comparaison"]
    head = next(r for r in sheet.iter_rows(values_only=True) if r[0] == "Territoire")
    rows = [r for r in sheet.iter_rows(values_only=True) if r[0] == "Saône-Beaujolais"]
    assert head[2] == "Habitants à 10 min d’un site"
    assert [row[2] for row in rows] == pytest.approx(found.table["share_mesh"].to_list())
    verdicts = [row[head.index("Dominance")] for row in rows]
    judged = runs.with_dominance(found)
    assert [v.startswith("★") for v in verdicts] == judged["frontier"].to_list()


def test_without_pyarrow_the_table_is_a_csv(lot, monkeypatch):
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        contents = runs.files(runs.read([lot]))
    assert list(contents) == ["comparaison.xlsx", "comparaison.csv"]
    flat = pd.read_csv(io.BytesIO(contents["comparaison.csv"]))
    assert len(flat) == len(GRID)


def test_english_names_are_english(lot):
    with speaking("en"):
        book = openpyxl.load_workbook(io.BytesIO(runs.files(runs.read([lot]))["comparaison.xlsx"]))
    assert book.sheetnames == ["Comparison", "Settings", "Drivers"]


def test_minutes_that_differ_are_said_as_a_range(tmp_path):
    asked = [Scenario(name="huit", mesh_min=8), Scenario(name="douze", mesh_min=12)]
    batch([HOME], asked, out=tmp_path / "lot")
    names = [one.label for one in runs.labels(runs.read([tmp_path / "lot"]))]
    assert names[0] == "Habitants à 8 à 12 min d’un site"


def test_measures_and_their_keys_agree():
    assert tuple(one.key for one in measures(mesh="10", far="20")) == KEYS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "no plan of this version"),
        (b'{"format": "planner-plan-1"}', "no plan of this version"),
        (b'{"format": "planner-plan-1", "measures": {}, "territory": [], "scenario": {}}',
         "no plan of this version"),
        (b"[" * 100_000, "no plan of this version"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused_by_name(lot, tmp_path, content, said):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "plan.json").write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        runs.read([lot, tmp_path / "bad"])
    assert "bad" in str(error.value)


def test_folders_that_hold_no_plan_are_refused(lot, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        runs.read([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no plan"):
        runs.read([tmp_path / "empty"])
    with pytest.raises(InputError, match="1 plan to compare"):
        runs.read([next(path.parent for path in lot.glob("*/plan.json"))])
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "lot.json").write_text(
        '{"runs": [{"run": "../../etc", "state": "done"}]}'
    )
    with pytest.raises(InputError, match="holds no plan"):
        runs.read([tmp_path / "batch"])


def test_a_batch_is_in_the_comparer_tab_and_only_of_the_same_territory(lot):
    found = runs.read([lot])
    plan = run(territory.read(HOME), GRID[0])
    page = dossier.page(plan, runs=found)
    assert page == dossier.page(plan, runs=runs.read([lot]))
    assert "Le lot de scénarios" in page
    assert "(ce dossier)" in page
    judged = runs.with_dominance(found)
    assert page.count(">★ non dominé<") == int(judged["frontier"].sum())
    other = Runs(table=found.table.assign(digest="x"), settings=found.settings)
    with pytest.raises(InputError, match="none of these runs is of Saône-Beaujolais"):
        dossier.page(plan, runs=other)


def test_the_command_compares_and_says_what_it_wrote(lot, tmp_path):
    done = subprocess.run(
        [COMMAND, "compare", str(lot), "--out", str(tmp_path / "c"), "--better", "users",
         "--better=-invest_eur"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "non dominé" in done.stdout
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "comparaison.parquet", "comparaison.xlsx",
    ]  # fmt: skip
    wrong = subprocess.run(
        [COMMAND, "compare", str(lot), "--out", str(tmp_path / "d"), "--better", "joy"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert wrong.returncode == 1
    assert "joy" in wrong.stderr
    assert not (tmp_path / "d").exists()
