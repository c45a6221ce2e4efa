import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyogrio
import pytest
from instances import shipped
from typer.testing import CliRunner

from planner import cli, coverage, dossier, scenarios
from planner._errors import TimeLimit
from planner.plan import FILES, forecast
from planner.spreadsheets import read_assumptions
from planner.territory._model import LAYERS

DATA = Path(__file__).parent.parent / "data"
PLANNER = [sys.executable, "-c", "from planner.cli import main; main()"]
SLEEPER = """
import sys, time
from planner import cli, scenarios
def run(*args, progress, **options):
    progress("minutes", 0, 1)
    print("ready", file=sys.stderr, flush=True)
    time.sleep(60)
scenarios.run = run
cli.main()
"""


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Return a function that runs the command line here: exit code, what it said, its complaint."""
    monkeypatch.chdir(tmp_path)

    def main(*words):
        monkeypatch.setattr(sys, "argv", ["planner", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return main


@pytest.fixture
def refused(call, tmp_path):
    """Return a function that expects one message, exit code 1 and no new file."""

    def check(*words, said=(), lines=1):
        before = sorted(tmp_path.rglob("*"))
        code, out, complaint = call(*words)
        assert code == 1
        assert out == ""
        assert complaint.startswith("Erreur : ")
        assert complaint.endswith("\n")
        assert lines is None or complaint.count("\n") == lines, complaint
        assert "Traceback" not in complaint
        for part in said:
            assert part in complaint
        assert sorted(tmp_path.rglob("*")) == before
        return complaint

    return check


@pytest.fixture
def scenario(tmp_path):
    def write(text, name="essai.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def copy(tmp_path):
    def territory(name):
        return Path(shutil.copytree(DATA / name, tmp_path / "territoires" / name))

    return territory


def truncated(folder, *, registered):
    """Cut the roads of a territory in two; the register may have been made of what is left."""
    roads, register = folder / "roads.osm.pbf", folder / "territory.toml"
    raw = roads.read_bytes()
    roads.write_bytes(raw[: len(raw) // 2])
    if registered:
        old, new = (hashlib.sha256(part).hexdigest() for part in (raw, raw[: len(raw) // 2]))
        register.write_text(register.read_text("utf-8").replace(old, new), encoding="utf-8")


# What works


def test_a_plan_with_all_defaults_goes_beside_one(call, tmp_path):
    code, out, complaint = call("plan", "saone-beaujolais")
    assert (code, complaint) == (0, "")
    folder = tmp_path / "plan-saone-beaujolais"
    assert sorted(path.name for path in folder.iterdir()) == sorted((*FILES, *dossier.FILES))
    words = out.replace("\u00a0", " ")
    for part in ("Saône-Beaujolais", "Optimum prouvé", "Temps estimés", "Secondes", "carte.html"):
        assert part in words
    plan = shipped("saone-beaujolais")
    assert all(value.replace("\u00a0", " ") in words for _, value, _ in plan.figures())
    for part in ("Habitants à 10 min", "(temps estimés)", "plusieurs sites", "km/h à vol d’oiseau"):
        assert part in " ".join(words.replace("│", " ").split())
    assert re.search(r"lecture des routes \d+,\d\d", words)
    assert call("plan", "saone-beaujolais")[0] == 0


def test_the_default_territory_is_liechtenstein(call, tmp_path, monkeypatch):
    monkeypatch.setattr(scenarios, "run", lambda home, *_, **__: shipped(home.name))
    assert call("plan")[0] == 0
    assert (tmp_path / "plan-liechtenstein" / "carte.html").exists()


def test_a_scenario_names_its_folder_safely(call, scenario, tmp_path):
    path = scenario('name = "../Été / n° 1"\nmini_sites_max = 2')
    assert call("plan", "saone-beaujolais", "--scenario", path)[0] == 0
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["essai.toml", "plan-saone-beaujolais-ete-n-1"]


def test_runner_and_main_agree(tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(cli.app, ["plan", "saone-beaujolais", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "Optimum prouvé" in done.output
    assert (out / "plan.json").exists()


@pytest.mark.parametrize("name", ["liechtenstein", "saone-beaujolais"])
def test_build_makes_a_territory_from_local_files_that_plan_reads(call, tmp_path, name):
    source = DATA / name
    words = [f"--{path.stem}={path}" for path in sorted((source / "inputs").glob("*.csv"))]
    if (source / "roads.osm.pbf").exists():
        words.append(f"--pbf={source / 'roads.osm.pbf'}")
    folder = tmp_path / "nouveau"
    code, out, complaint = call("build", folder, "--title", "Pays [neuf] :smile:", *words)
    assert (code, complaint) == (0, "")
    assert "Pays [neuf] :smile: : " in out.replace("\n", " ")
    assert (folder / "territory.gpkg").exists()
    code, out, _ = call("plan", folder, "--out", tmp_path / "plan")
    assert code == 0
    assert "Pays [neuf] :smile:" in out
    code, _, complaint = call("build", folder, "--title", "Pays", *words)
    assert code == 1
    assert "already holds a territory" in complaint


# What is refused: one message, exit code 1, nothing written


def test_a_scenario_that_is_not_there(refused):
    refused("plan", "--scenario", "absent.toml", "--out", "o", said=["not found: absent.toml"])


def test_an_unknown_territory_suggests_the_nearest(refused):
    refused("plan", "lichtenstein", "--out", "o", said=["Did you mean liechtenstein?"])
    refused("plan", "SAONE", "--out", "o", said=["saone-beaujolais"])


@pytest.mark.parametrize("registered", [False, True])
def test_truncated_roads(refused, copy, registered):
    folder = copy("liechtenstein")
    truncated(folder, registered=registered)
    said = ["roads.osm.pbf", *(["truncated"] if registered else [])]
    refused("plan", folder, "--out", "o", said=said, lines=1 if registered else 2)


@pytest.mark.parametrize("text", ["", "not a map", "<osm></osm>"])
def test_roads_that_are_no_map(refused, tmp_path, text):
    roads = tmp_path / "roads.osm.pbf"
    roads.write_text(text)
    refused(
        "build", "new", "--title", "T", f"--pbf={roads}",
        f"--populations={DATA / 'liechtenstein/inputs/populations.csv'}",
        f"--sources={DATA / 'liechtenstein/inputs/sources.csv'}",
        said=["roads.osm.pbf"], lines=None,
    )  # fmt: skip


def test_G1_a_territory_without_crs(refused, copy):
    folder = copy("saone-beaujolais")
    register = folder / "territory.toml"
    text = register.read_text("utf-8")
    register.write_text(text.replace('crs = "EPSG:2154"\n', ""), encoding="utf-8")
    refused("plan", folder, "--out", "o", said=["crs is missing, and is never guessed"], lines=2)


# The test writes such a layer itself, and pyogrio warns of it as it should.
@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
def test_G1_a_layer_without_crs(refused, copy):
    folder = copy("saone-beaujolais")
    path = folder / "territory.gpkg"
    frames = {name: pyogrio.read_dataframe(path, layer=name) for name in LAYERS}
    path.unlink()
    for name, frame in frames.items():
        bare = frame.set_crs(None, allow_override=True) if name == "residents" else frame
        pyogrio.write_dataframe(bare, path, layer=name, driver="GPKG")
    refused("plan", folder, "--out", "o", said=["layer residents: no CRS"], lines=2)


def test_S5_more_sites_than_candidates(refused, scenario):
    path = scenario("structuring_sites = 300")
    refused(
        "plan", "saone-beaujolais", "--scenario", path, "--out", "o",
        said=["300 structuring sites asked, ", "Ask for fewer sites"],
    )  # fmt: skip


def test_S5_forced_sites_that_clash(refused, scenario):
    path = scenario('forced = ["h-69002"]\nmini_sites_max = 0')
    refused("plan", "saone-beaujolais", "--scenario", path, "--out", "o", said=["h-69002 can only"])


def test_I12_a_scenario_with_faults(refused, scenario):
    path = scenario("mesh_minutes = 10\nbackup_weight = nan")
    refused(
        "plan", "--scenario", path, "--out", "o", said=["did you mean mesh_min?", "backup_weight: "]
    )


@pytest.mark.parametrize("odd", ["\\u001b[2J", "[red]x[/]", ":smile:", "\\u202e", "\\\\", "{x}"])
def test_odd_characters_are_shown_and_give_the_terminal_no_orders(refused, scenario, odd):
    path = scenario(f'forced = ["a{odd}b"]')
    complaint = refused("plan", "saone-beaujolais", "--scenario", path, "--out", "o")
    shown = odd.replace("\\\\", "\\")
    if odd.startswith("\\u"):
        assert "\x1b" not in complaint
        assert "\u202e" not in complaint
        shown = "\ufffd" + ("[2J" if "1b" in odd else "")
    assert f"unknown premises a{shown}b" in complaint


def test_a_long_message_stays_on_one_line(refused, tmp_path):
    deep = tmp_path / "/".join(["dossier avec des espaces"] * 8)
    refused("plan", deep, "--out", "o", said=[str(deep)])


def test_O5_a_folder_that_holds_something_else(refused, call, tmp_path):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "notes.txt").write_text("mine")
    refused("plan", "saone-beaujolais", "--out", "o", said=["holds something that is no plan"])
    assert call("plan", "saone-beaujolais", "--out", "o", "--overwrite")[0] == 0
    assert (tmp_path / "o" / "notes.txt").read_text() == "mine"


def test_O5_the_folder_of_the_territory_itself(refused, copy):
    folder = copy("saone-beaujolais")
    refused("plan", folder, "--out", folder, said=["holds something that is no plan"])


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300])
def test_O5_a_folder_that_cannot_be(refused, tmp_path, name):
    (tmp_path / "file").write_text("mine")
    refused("plan", "saone-beaujolais", "--out", name, said=[name[:20]])


def test_O6_a_full_disk(refused, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    Path("o").mkdir()
    refused("plan", "saone-beaujolais", "--out", "o", said=["o: could not be written", "No space"])


# Exit codes


def test_S4_a_plan_that_is_not_proven_ends_with_three_and_says_so(call, monkeypatch, tmp_path):
    solve = coverage.solve

    def hurried(*args, **options):
        solution = solve(*args, **options)
        mesh, *others = solution.stages
        mesh = replace(mesh, bound=mesh.value * 1.25, proven=False)
        return replace(solution, stages=(mesh, *others))

    monkeypatch.setattr(coverage, "solve", hurried)
    code, out, complaint = call("plan", "saone-beaujolais", "--out", "o")
    assert (code, complaint) == (3, "")
    doubt = "Optimum non prouvé : écart d’au plus 20,0 %"
    assert doubt in out.replace("\u00a0", " ")
    for name in ("carte.html", "plan.json"):
        text = (tmp_path / "o" / name).read_text("utf-8").replace("\u00a0", " ")
        assert doubt in text.replace("&nbsp;", " "), name


def test_S4_no_time_for_a_first_plan(refused, monkeypatch):
    def late(*_, **__):
        raise TimeLimit("time ran out before a first plan was found; raise time_limit_s.")

    monkeypatch.setattr(coverage, "solve", late)
    refused("plan", "saone-beaujolais", "--out", "o", said=["raise time_limit_s"])


def test_S3_a_lying_solver_writes_nothing(refused, monkeypatch):
    solve = coverage.solve

    def liar(*args, **options):
        solution = solve(*args, **options)
        return replace(solution, tier=solution.tier.iloc[:-1])

    monkeypatch.setattr(coverage, "solve", liar)
    refused("plan", "saone-beaujolais", "--out", "o", said=["does not stand up to its own inputs"])


@pytest.mark.parametrize(
    "words",
    ["fly", "plan --nothing", "plan a b", "plan --scenario", "build", "--x", "scenario new"],
)
def test_usage_errors_end_with_two(call, words, tmp_path):
    code, out, complaint = call(*words.split())
    assert code == 2
    assert out == ""
    assert complaint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"], ["scenario", "new", "--help"]])
def test_help(call, words):
    code, out, complaint = call(*words)
    assert (code, complaint) == (0, "")
    assert "--help" in out


@pytest.mark.parametrize("fault", [MemoryError, OverflowError, RuntimeError, RecursionError])
def test_what_libraries_say_of_hostile_files_is_one_line(refused, monkeypatch, fault):
    def broken(*_, **__):
        raise fault("too\nmuch")

    monkeypatch.setattr(scenarios, "run", broken)
    refused("plan", "saone-beaujolais", "--out", "o")


def test_ctrl_c_ends_with_130_and_without_a_traceback(call, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(scenarios, "run", interrupted)
    code, _, complaint = call("plan", "saone-beaujolais", "--out", "o")
    assert code == 130
    assert "Traceback" not in complaint
    assert not (tmp_path / "o").exists()


# As a process


def test_help_answers_at_once_and_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['planner', 'plan', '--help']\nfrom planner.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "heavy = {'geopandas', 'numba', 'pandas', 'numpy', 'scipy', 'highspy', 'folium', 'osmium'}"
        "\nassert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 0, done.stderr
    assert "--scenario" in done.stdout


def test_a_refusal_reaches_any_terminal(tmp_path):
    done = subprocess.run(
        [*PLANNER, "plan", "Saône", "--scenario", "été.toml", "--out", "o"],
        cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == b""
    assert re.fullmatch(rb"Erreur : scenario not found: .*\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_summary_reaches_any_terminal(tmp_path):
    done = subprocess.run(
        [*PLANNER, "plan", "saone-beaujolais", "--out", "o"],
        cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"carte.html" in done.stdout


def test_ctrl_c_stops_a_run_that_is_under_way(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER, "plan", "saone-beaujolais", "--out", "o"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        said, complaint = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said == ""
    assert "Traceback" not in complaint
    assert list(tmp_path.iterdir()) == []


# Scenario files


def test_a_new_scenario_reads_as_the_defaults_and_never_takes_the_place_of_another(
    call, refused, tmp_path
):
    path = tmp_path / "essais" / "base.toml"
    code, said, complaint = call("scenario", "new", path)
    assert (code, complaint) == (0, "")
    assert said == f"Écrit : {path}\n"
    assert scenarios.read_scenarios(path) == (scenarios.Scenario(name="base"),)
    path.write_text("mine", encoding="utf-8")
    refused("scenario", "new", path, said=["exists already", "--overwrite"])
    assert path.read_text("utf-8") == "mine"
    words = ("scenario", "new", path, "--territory", "saone-beaujolais", "--overwrite")
    assert call(*words)[0] == 0
    assert scenarios.read_scenario(path).name == "Saône-Beaujolais"
    assert [entry.name for entry in path.parent.iterdir()] == ["base.toml"]
    refused("scenario", "new", "b.toml", "--territory", "saone", said=["saone-beaujolais"])
    refused("scenario", "new", path.parent, said=["exists already"])
    refused("scenario", "new", path.parent, "--overwrite", lines=None)


def test_the_schema_goes_to_the_screen_or_to_a_file(call, refused, tmp_path):
    code, said, complaint = call("scenario", "schema")
    assert (code, complaint) == (0, "")
    assert said == scenarios.schema_text()
    assert call("scenario", "schema", "s.json")[0] == 0
    assert (tmp_path / "s.json").read_bytes() == said.encode("utf-8")
    refused("scenario", "schema", "s.json", said=["s.json exists already"])
    assert call("scenario", "schema", "s.json", "--overwrite")[0] == 0


def test_the_schema_is_utf_8_on_any_terminal(tmp_path):
    done = subprocess.run(
        [*PLANNER, "scenario", "schema"],
        cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.decode("utf-8"))["title"] == "Scénario de planner"


# Follow-up


def test_attendance_is_held_against_the_plan_and_take_up_goes_into_the_next_one(call, tmp_path):
    shipped("saone-beaujolais").save(tmp_path / "plan")
    users = shipped("saone-beaujolais").sites["users"]
    site = users.idxmax()
    seen = round(0.5 * users[site] * 45 / 12, 1)
    rows = f"site;mois;journees;ouverture\n{site};2031-02;{str(seen).replace('.', ',')};2027-01\n"
    (tmp_path / "suivi.csv").write_text(rows, encoding="utf-8")
    code, said, complaint = call("follow", "plan", "suivi.csv", "--out", "h.xlsx")
    assert (code, complaint) == (0, "")
    assert "50\N{NO-BREAK SPACE}% de la prévision" in said
    assert "telework_use_share = 0,01" in said
    changes = read_assumptions(tmp_path / "h.xlsx")
    assert changes["telework_use_share"] == pytest.approx(0.01, rel=0.02)
    code, said, _ = call("plan", "saone-beaujolais", "--assumptions", "h.xlsx", "--out", "next")
    assert code == 0
    again, _ = forecast(tmp_path / "next")
    assert again.sum() == pytest.approx(users.sum() / 2, rel=0.05)


def test_follow_refuses_a_folder_that_holds_no_plan(refused, tmp_path):
    (tmp_path / "suivi.csv").write_text("site;mois;journees;ouverture\n", encoding="utf-8")
    refused("follow", "rien", "suivi.csv", said=["plan.json"])
    (tmp_path / "plan").mkdir()
    for content in ("{", "[]", '{"format": "other"}', '{"format": "planner-plan-1"}'):
        (tmp_path / "plan" / "plan.json").write_text(content, encoding="utf-8")
        refused("follow", "plan", "suivi.csv", said=["no plan of this version"])
