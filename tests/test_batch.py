"""Batches: nothing finished is lost or done twice, and one failure takes nothing along."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from region import epci

from planner import Scenario, territory
from planner._errors import InputError
from planner.batch import _memory as memory
from planner.batch import batch, size
from planner.batch._store import is_done, open_store
from planner.scenarios import Shared, run

HOME = "saone-beaujolais"  # estimated times: a run takes half a second
FEW = tuple(Scenario(name=f"mini {n}", mini_sites_max=n) for n in (2, 4, 6, 8))
COMMAND = str(Path(sys.executable).with_name("planner"))
KILLED = """
import sys
from planner import Scenario
from planner.batch import batch

scenarios = [Scenario(name=f"mini {n}", mini_sites_max=n) for n in (2, 4, 6, 8)]
print("begin", flush=True)
batch(["saone-beaujolais"], scenarios, out=sys.argv[1],
      progress=lambda run, stage, done, total: print(run, stage, done, flush=True))
print("end", flush=True)
"""


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a batch; the cache is no result."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".cache" not in path.relative_to(folder).parts
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a batch that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "lot"
    assert batch([HOME], FEW, out=out).failed.empty
    return out


@pytest.mark.parametrize("seed", range(5))
def test_R1_a_batch_killed_at_any_point_ends_as_one_that_was_not(whole, seed, tmp_path):
    out = tmp_path / "lot"
    draw = np.random.default_rng(seed)
    steps = draw.integers(1, 120)  # of the lines that the batch prints, start and end of stages
    with subprocess.Popen([sys.executable, "-c", KILLED, str(out)], stdout=subprocess.PIPE) as run:
        for _ in range(steps):
            line = run.stdout.readline()
            if not line or line == b"end\n":
                break
        time.sleep(draw.random() / 50)
        run.send_signal(signal.SIGKILL)
    done = sorted(path.parent.name for path in out.glob("*/run.json"))
    before = {name: (out / name / "run.json").stat().st_mtime_ns for name in done}
    again = batch([HOME], FEW, out=out)
    assert again.failed.empty
    kept = again.runs.index[again.runs["state"] == "kept"]
    assert sorted(kept) == done
    after = {name: (out / name / "run.json").stat().st_mtime_ns for name in done}
    assert before == after  # not even written again
    assert tree(out) == tree(whole)


def test_R1_a_truncated_run_is_done_again_and_others_are_not(whole, tmp_path):
    out = tmp_path / "lot"
    batch([HOME], FEW, out=out)
    first, second, third, _ = sorted(path.parent for path in out.glob("*/run.json"))
    (first / "carte.html").write_bytes((first / "carte.html").read_bytes()[:-10])
    (second / "sites.csv").unlink()
    (third / "run.json").write_bytes((third / "run.json").read_bytes()[:-40])
    again = batch([HOME], FEW, out=out)
    states = again.runs["state"].to_dict()
    assert {states[path.name] for path in (first, second, third)} == {"done"}
    assert list(states.values()).count("kept") == 1
    assert tree(out) == tree(whole)


def test_R1_what_changed_is_done_again(tmp_path):
    home = epci(tmp_path / "home", seed=3, communes=4)
    asked = [Scenario(name="a", structuring_sites=0), Scenario(name="b", structuring_sites=0,
                                                               mini_sites_max=2)]  # fmt: skip
    first = batch([home_path := tmp_path / "home"], asked, out=tmp_path / "lot")
    assert first.failed.empty
    changed = [asked[0], asked[1].model_copy(update={"mini_sites_max": 3})]
    second = batch([home_path], changed, out=tmp_path / "lot")
    assert second.runs["state"].to_list() == ["kept", "done"]
    # The territory itself: one resident fewer, as QGIS would write it.
    other = epci(tmp_path / "other" / "home", seed=4, communes=4)
    assert other.digest != home.digest
    third = batch([tmp_path / "other" / "home"], asked, out=tmp_path / "lot")
    assert third.runs["state"].to_list() == ["done", "done"]
    assert len(list((tmp_path / "lot").glob("*/run.json"))) == 5


def test_R2_one_that_fails_leaves_the_others_and_says_why(tmp_path):
    many = [Scenario(name=f"mini {n}", mini_sites_max=n) for n in range(1, 20)]
    bad = Scenario(name="impossible", forced=("nowhere",))
    told = []
    found = batch(
        [HOME], [*many[:7], bad, *many[7:]], out=tmp_path / "lot",
        progress=lambda *step: told.append(step),
    )  # fmt: skip
    assert len(found.runs) == 20
    ended = [run for run, stage, done, total in told if run and stage == "files" and done == total]
    assert sorted(ended) == sorted(found.runs.index)  # whoever shows a bar can take it away
    assert found.failed["scenario"].to_list() == ["impossible"]
    assert "nowhere" in found.failed["why"].iloc[0]
    assert len(list((tmp_path / "lot").glob("*/run.json"))) == 19
    told = json.loads((tmp_path / "lot" / "lot.json").read_text("utf-8"))["runs"]
    assert [one["state"] for one in told].count("failed") == 1
    assert (
        next(one for one in told if one["state"] == "failed")["why"]
        == (found.failed["why"].iloc[0])
    )


def test_R2_the_command_ends_with_an_error_and_says_which(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('[[scenario]]\nname = "bon"\n[[scenario]]\nname = "mauvais"\nforced = ["x"]\n')
    done = subprocess.run(
        [COMMAND, "batch", HOME, str(file), "--out", str(tmp_path / "lot")],
        capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "1 calculés, 1 en échec" in done.stdout
    assert "mauvais" in done.stdout


def test_R2_a_territory_that_cannot_be_read_fails_alone(tmp_path):
    (tmp_path / "vide").mkdir()
    found = batch([tmp_path / "vide", HOME], FEW[:1], out=tmp_path / "lot")
    assert found.runs["state"].to_list() == ["failed", "done"]
    assert "vide" in found.failed["why"].iloc[0]


def test_R2_two_territories_of_one_name_that_cannot_be_read_are_both_told(tmp_path, monkeypatch):
    for place in "ab":
        (tmp_path / place / "vide").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    found = batch(["a/vide", "b/vide"], FEW[:1], out="lot")
    assert found.runs["state"].to_list() == ["failed", "failed"]


def test_R2_a_defect_of_ours_fails_one_run_only(tmp_path, monkeypatch):
    whole = run.__globals__["accounts"]

    def broken(case, *rest, **options):
        if case.scenario.name == "mini 4":
            raise ZeroDivisionError("a defect")
        return whole(case, *rest, **options)

    monkeypatch.setitem(run.__globals__, "accounts", broken)
    found = batch([HOME], FEW, out=tmp_path / "lot")
    assert found.failed["why"].to_list() == ["ZeroDivisionError: a defect"]
    assert (found.runs["state"] == "done").sum() == 3


def test_R3_a_batch_that_would_not_fit_is_refused_with_the_estimate(tmp_path):
    with pytest.raises(InputError, match=r"would take about .* GiB .*demand points × .*candidate"):
        batch([HOME], FEW, out=tmp_path / "lot", memory_bytes=200 << 20)
    assert not (tmp_path / "lot").exists()


def test_R3_the_estimate_grows_with_what_there_is():
    home = territory.read("liechtenstein")
    base = size(home, Scenario())
    assert size(home, Scenario(demand_cell_m=500)).points < base.points
    assert size(home, Scenario(demand_cell_m=500)).bytes < base.bytes
    assert size(home, Scenario(use_until_min=60)).pairs >= base.pairs
    with pytest.raises(InputError, match="12 runs at a time"):
        memory.refuse_too_large(
            dict.fromkeys("abcdefghijkl", base), workers=12, memory_bytes=1 << 31
        )
    memory.refuse_too_large({"a": base}, workers=1, memory_bytes=1 << 31)
    assert 1 << 28 < memory.free_bytes() < 1 << 62


def test_a_second_batch_with_one_scenario_changed_computes_one(tmp_path):
    changed = (*FEW[:3], FEW[3].model_copy(update={"mini_seats": 4}))
    batch([HOME], FEW, out=tmp_path / "lot")
    found = batch([HOME], changed, out=tmp_path / "lot")
    assert found.runs["state"].to_list() == ["kept", "kept", "kept", "done"]
    assert len(found.seconds) == 1


def test_a_run_of_a_batch_is_the_plan_that_planner_plan_writes(whole, tmp_path):
    alone = run(territory.read(HOME), FEW[0], shared=Shared(territory.read(HOME)))
    folder = alone.save(tmp_path / "alone")
    name = next(path.name for path in whole.iterdir() if "mini-2" in path.name)
    both = tree(whole / name)
    record = json.loads(both.pop("run.json"))
    assert both == tree(folder)
    assert record["scenario"]["mini_sites_max"] == 2
    assert set(record["files"]) == set(both)
    assert record["territory"]["digest"] == alone.digest
    assert set(record["inputs"].values()) <= set(alone.sources["sha256"])


def test_runs_do_not_depend_on_their_order(whole, tmp_path):
    batch([HOME], FEW[::-1], out=tmp_path / "lot")
    assert tree(tmp_path / "lot") == tree(whole)


def test_a_url_of_fsspec_holds_the_same_runs(whole):
    url = "memory://batch-test/lot"
    first = batch([HOME], FEW[:2], out=url)
    assert first.failed.empty
    again = batch([HOME], FEW[:2], out=url)
    assert again.runs["state"].to_list() == ["kept", "kept"]
    files = fsspec.filesystem("memory")
    for name in again.runs.index:
        here = {
            Path(path).name: files.cat_file(path) for path in files.find(f"/batch-test/lot/{name}")
        }
        assert here == {path.name: path.read_bytes() for path in (whole / name).iterdir()}
    # Cut short: the record is there, a file is not.
    files.rm(f"/batch-test/lot/{again.runs.index[0]}/sites.csv")
    assert batch([HOME], FEW[:2], out=url).runs["state"].to_list() == ["done", "kept"]


def test_what_cannot_be_a_batch_is_refused(tmp_path):
    for options, said in (
        ({"territories": []}, "no territory"),
        ({"territories": [HOME, HOME]}, "territory given twice"),
        ({"scenarios": [FEW[0], FEW[0]]}, "scenario given twice"),
        ({"workers": 0}, "workers=0"),
    ):
        with pytest.raises(InputError, match=said):
            batch(**{"territories": [HOME], "scenarios": FEW, "out": tmp_path / "x", **options})
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(InputError, match="is a file"):
        batch([HOME], FEW, out=file)
    with pytest.raises(InputError, match="nosuch"):
        batch([HOME], FEW, out="nosuch://bucket/lot")
    assert not (tmp_path / "x").exists()


def test_a_territory_that_changes_under_a_batch_is_said_so(tmp_path):
    epci(tmp_path / "home", seed=5, communes=2)
    asked = [Scenario(name=f"m{n}", structuring_sites=0, mini_sites_max=n) for n in (1, 2)]

    def changing(run, stage, done, _total):
        if (run, stage, done) == ("", "territories", 2):
            toml = tmp_path / "home" / "territory.toml"
            toml.write_text(toml.read_text("utf-8").replace("EPCI 5", "EPCI 6"), "utf-8")

    found = batch([tmp_path / "home", HOME], asked, out=tmp_path / "lot", progress=changing)
    assert found.runs["state"].to_list() == ["failed", "failed", "done", "done"]
    assert found.failed["why"].str.contains("changed while the batch was running").all()


def test_a_record_from_elsewhere_is_not_believed(tmp_path):
    store = open_store(tmp_path)
    for content in (b"", b"[]", b"null", b'{"format": "other"}', b"{" * 100_000,
                    b'{"format": "planner-run-1", "digest": "d"}',
                    b'{"format": "planner-run-1", "digest": "d", "files": {}}',
                    b'{"format": "planner-run-1", "digest": "d", "files": {"a": ""}}'):  # fmt: skip
        store.write("r/run.json", content)
        assert not is_done(store, "r", digest="d")


def test_seconds_and_shares_are_told_and_not_written(tmp_path):
    found = batch([HOME], FEW[:2], out=tmp_path / "lot")
    assert {"optimum", "files", "minutes"} <= set(found.seconds)
    assert (found.seconds.sum(axis=1) > 0).all()
    assert 0 <= found.shared_seconds <= float(found.seconds.sum().sum())
    assert isinstance(found.runs, pd.DataFrame)
    for content in tree(tmp_path / "lot").values():
        assert b'"seconds"' not in content


@pytest.mark.parametrize("workers", [1, 2])
def test_R1_ctrl_c_leaves_what_was_done_and_the_next_batch_goes_on(whole, workers, tmp_path):
    file, out = tmp_path / "s.toml", tmp_path / "lot"
    file.write_text("".join(f'[[scenario]]\nname = "mini {n}"\nmini_sites_max = {n}\n'
                            for n in (2, 4, 6, 8)), "utf-8")  # fmt: skip
    words = [COMMAND, "batch", HOME, str(file), "--out", str(out), "--workers", str(workers)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as lot:
        until = time.monotonic() + 120
        while not any(out.glob("*/run.json")) and lot.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        lot.send_signal(signal.SIGINT)
        _, complaint = lot.communicate(timeout=120)
    if lot.returncode:  # it may have been over before
        assert lot.returncode == 130, complaint
        assert "Traceback" not in complaint
    done = sorted(path.parent.name for path in out.glob("*/run.json"))
    again = batch([HOME], FEW, out=out)
    assert sorted(again.runs.index[again.runs["state"] == "kept"]) == done
    assert tree(out) == tree(whole)
