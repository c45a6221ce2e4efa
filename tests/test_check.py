"""`check`: every fault at once, and what a sound territory leaves to estimates."""

import hashlib
import shutil
import sys
from pathlib import Path

import pyogrio
import pytest

from planner import cli, scenarios, territory
from planner._errors import InputError
from planner.territory._model import LAYERS

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def small(tmp_path):
    return Path(shutil.copytree(DATA / "saone-beaujolais", tmp_path / "small"))


def altered(folder, **changes):
    """Rewrite layers of a territory after changing their frames."""
    path = folder / "territory.gpkg"
    frames = {name: pyogrio.read_dataframe(path, layer=name) for name in LAYERS}
    path.unlink()
    for name, frame in frames.items():
        changed = changes[name](frame) if name in changes else frame
        pyogrio.write_dataframe(changed, path, layer=name, driver="GPKG")
    return folder


def registered(folder, name, text):
    """Add a table to a territory and to its register."""
    path = folder / "inputs" / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    row = dict.fromkeys(("what", "source", "licence", "date", "note"), "")
    row |= {"name": name, "file": f"inputs/{name}.csv", "status": "sourced"}
    row["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    register = folder / "territory.toml"
    lines = "\n".join(f'{key} = "{value}"' for key, value in row.items())
    register.write_text(f"{register.read_text('utf-8')}\n[[sources]]\n{lines}\n", "utf-8")
    return folder


def texts(report, kind):
    return [remark.text for remark in report.remarks if remark.kind == kind]


# A sound territory


@pytest.mark.parametrize("name", territory.names())
def test_what_ships_is_sound(name):
    found = scenarios.check(name)
    assert found.sound
    assert found.territory is not None
    register = found.territory.sources
    derived = register[register["status"] == "derived"]
    assert texts(found, "derived") == [
        f"{row.what} : {row.note}" for row in derived.itertuples(index=False)
    ]


def test_what_is_missing_is_said(small):
    missing = texts(territory.check(small), "missing")
    assert [text.split()[:3] for text in missing] == [
        ["Pas", "de", "routes"], ["Pas", "de", "trajets"], ["Pas", "d’emplois", "par"],
        ["Pas", "d’actifs", "par"], ["Pas", "de", "coopératives"],
    ]  # fmt: skip


def test_communes_without_flows_or_jobs_are_named(small):
    registered(small, "flows", "home,work,workers\n69018,69019,4\n")
    registered(small, "jobs", "code,jobs,workers\n69018,1,2\n")
    missing = texts(territory.check(small), "missing")
    assert any(text.startswith("Sans trajets vers le travail : Aigueperse, ") for text in missing)
    assert any(text.endswith(" et 26 autres.") for text in missing)
    assert not any("Beaujeu" in text for text in missing)


def test_residents_are_held_against_the_legal_population(small):
    def fewer(frame):
        rows = frame["commune"] == "69018"
        first = frame[rows].index[0]
        frame.loc[first, "residents"] += 5
        return frame

    doubts = texts(territory.check(altered(small, residents=fewer)), "doubtful")
    assert len(doubts) == 1
    assert doubts[0].endswith("Écarts : Beaujeu (+5).")
    assert "45\N{NARROW NO-BREAK SPACE}647 habitants, pour une population légale de" in doubts[0]
    assert texts(territory.check("saone-beaujolais"), "doubtful") == []


def test_premises_without_a_name_are_counted(small):
    def nameless(frame):
        frame.loc[:2, "name"] = " "
        return frame

    doubts = texts(territory.check(altered(small, premises=nameless)), "doubtful")
    assert doubts == ["Lieux sans nom : 3 sur 42."]


def test_roads_and_those_far_from_them_are_looked_at(tmp_path):
    doubts = texts(scenarios.check("liechtenstein"), "doubtful")
    assert any(text.startswith("Routes coupées à 0,0 km du territoire") for text in doubts)
    assert any("habitants à plus de 1\N{NARROW NO-BREAK SPACE}000 m d’une route" in text
               for text in doubts)  # fmt: skip
    file = tmp_path / "court.toml"
    file.write_text("max_snap_m = 20\n", encoding="utf-8")
    nearer = texts(scenarios.check("liechtenstein", file), "doubtful")
    assert any(text.startswith("Lieux à plus de 20 m d’une route") for text in nearer)


def test_communes_where_nothing_could_host_a_mini_are_named():
    home = territory.read("liechtenstein")
    doubts = texts(scenarios.check("liechtenstein"), "doubtful")
    assert "hors local à confirmer : 1 sur 11 (Ruggell)." in doubts[-1]
    kinds = set(home.premises.loc[home.premises["commune"] == "r41", "kind"])
    assert not kinds & {"bakery", "townhall", "convenience", "library"}


# Every fault at once


def test_all_the_faults_of_all_the_files_are_said(small):
    def spoil(frame):
        frame.loc[0, "residents"] = -4
        frame.loc[1, "commune"] = "00000"
        return frame

    altered(small, residents=spoil, premises=lambda f: f.assign(status="maybe"))
    registered(small, "flows", "home,work,workers\n1001,69019,x\n")
    (small / "inputs" / "premises.csv").unlink()
    found = scenarios.check(small)
    assert not found.sound
    assert found.territory is None
    assert found.remarks == ()
    said = "\n".join(found.faults)
    for part in (
        "territory.gpkg, layer residents, column residents: not a valid number",
        "territory.gpkg, layer residents: 1 rows",
        "territory.gpkg, layer premises, column status: not one of",
        "inputs/premises.csv is missing",
        "inputs/flows.csv (flows): row 2, column “home”: 1001 has four digits",
        "inputs/flows.csv (flows): row 2, column “workers”: “x” is not a number",
    ):
        assert part in said
    assert str(small) not in said
    assert len(found.faults) == 6


def test_a_truncated_geopackage_hides_no_other_file(small):
    path = small / "territory.gpkg"
    path.write_bytes(path.read_bytes()[:5000])
    (small / "inputs" / "communes.csv").write_bytes(b"x")
    found = territory.check(small)
    assert len(found.faults) == 2
    assert found.faults[0].startswith("territory.gpkg: truncated")
    assert "inputs/communes.csv is not the file that was registered" in found.faults[1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = = 1", "territory.toml: not readable as TOML"),
        ("format = 1", "format = 9", "territory.toml: format must be 1"),
        ('licence = ""', "", "territory.toml: [[sources]] rows lack licence"),
    ],
)
def test_a_broken_register_hides_no_fault_of_the_layers(small, old, new, said):
    register = small / "territory.toml"
    register.write_text(register.read_text("utf-8").replace(old, new), encoding="utf-8")
    altered(small, communes=lambda f: f.assign(name=""))
    found = territory.check(small)
    assert found.faults[0].startswith(said)
    assert found.faults[1].startswith("territory.gpkg, layer communes, column name: empty")


def test_more_than_twenty_faults_are_all_said(small):
    rows = "".join(f"69018,{n},x\n" for n in range(69001, 69031))
    registered(small, "flows", f"home,work,workers\n{rows}")
    assert len(territory.check(small).faults) == 30
    with pytest.raises(InputError, match="and 10 more"):
        territory.read(small)


def test_roads_that_cannot_be_read_are_a_fault(tmp_path):
    folder = Path(shutil.copytree(DATA / "liechtenstein", tmp_path / "l"))
    roads, register = folder / "roads.osm.pbf", folder / "territory.toml"
    whole = roads.read_bytes()
    roads.write_bytes(whole[:1000])
    old, new = (hashlib.sha256(part).hexdigest() for part in (whole, whole[:1000]))
    register.write_text(register.read_text("utf-8").replace(old, new), encoding="utf-8")
    found = scenarios.check(folder)
    assert len(found.faults) == 1
    assert "roads.osm.pbf" in found.faults[0]


def test_what_is_no_territory_is_refused_as_ever(tmp_path):
    with pytest.raises(InputError, match="Did you mean liechtenstein"):
        territory.check("lichtenstein")
    with pytest.raises(InputError, match=r"holds no territory\.toml"):
        territory.check(tmp_path)


# The scenario in words


def test_a_scenario_is_explained_beside_its_defaults(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text(
        "mesh_min = 12\npremises_gate = false\ninvest_max_eur = 250000\n"
        'forced = ["fs-570"]\nmini_sites_max = 12\n[assumptions]\nco2_kg_km = 0.5\n',
        encoding="utf-8",
    )
    found = scenarios.check("saone-beaujolais", file)
    assert found.sound
    mesh, co2 = "Maillage : minutes jusqu’à un site", "CO2e par km de voiture, à l’usage"
    beyond = "hors de la plage"
    assert found.scenario == (
        f"{mesh} (mesh_min) : 12 min, au lieu de 10 (sourcé ; de 8 à 15)",
        "invest_max_eur : 250\N{NARROW NO-BREAK SPACE}000, au lieu de rien",
        "premises_gate : non, au lieu de oui",
        "forced : fs-570, au lieu de rien",
        f"{co2} (co2_kg_km) : 0,5 kg CO2e/km, au lieu de 0,192 (sourcé ; de 0,11 à 0,21), {beyond}",
    )


def test_many_scenarios_are_counted_then_explained_each(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text(
        'mesh_min = 12\n[[scenario]]\nname = "A"\n[[scenario]]\nname = "B"\npremises_gate = false\n'
        "sweep.years = [5, 6]\n[scenario.assumptions]\nrebound = 0.5\n",
        encoding="utf-8",
    )
    found = scenarios.check("saone-beaujolais", file)
    assert found.sound
    mesh = "Maillage : minutes jusqu’à un site (mesh_min)"
    rebound = "Effet rebond sur les km évités (rebound) : 0,5 part des km évités, au lieu de 0,31 "
    gate, sourced = "premises_gate : non, au lieu de oui", "(sourcé ; de 0 à 0,5)"
    assert found.scenario == (
        "3 scénarios",
        f"tous : {mesh} : 12 min, au lieu de 10 (sourcé ; de 8 à 15)",
        "« A » : rien d’autre",
        f"« B · years 5 » : {gate} ; {rebound}{sourced}",
        f"« B · years 6 » : {gate} ; years : 6, au lieu de 5 ; {rebound}{sourced}",
    )
    file.write_text("sweep.mesh_min = [10, 12]\n", encoding="utf-8")
    first = scenarios.check("saone-beaujolais", file).scenario
    assert first[:2] == ("2 scénarios", "« s · mesh_min 10 » : les valeurs par défaut")


def test_faults_and_doubts_of_many_scenarios_are_said_once(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text(
        'forced = ["nulle-part"]\nsweep.mesh_min = [10, 12]\nsweep.bourg_min_population = [0, 9]\n',
        encoding="utf-8",
    )
    found = scenarios.check("saone-beaujolais", file)
    assert len(found.faults) == 1
    assert "unknown premises nulle-part" in found.faults[0]
    file.write_text("[sweep]\nmax_snap_m = [1, 1000]\nmini_sites_max = [4, 5]\n", encoding="utf-8")
    far = [
        one for one in texts(scenarios.check("liechtenstein", file), "doubtful") if "m d’une" in one
    ]
    assert len([text for text in far if "à plus de 1 m" in text]) == 2
    file.write_text("[sweep]\nmesh_mn = [1, 1000]\n", encoding="utf-8")
    (fault,) = scenarios.check("liechtenstein", file).faults
    assert "sweep: unknown key mesh_mn; did you mean mesh_min?" in fault


def test_faults_of_a_scenario_stand_beside_those_of_the_territory(small, tmp_path):
    (small / "inputs" / "premises.csv").unlink()
    file = tmp_path / "s.toml"
    file.write_text("mesh_mn = 12\nmini_seats = -1\n", encoding="utf-8")
    said = "\n".join(scenarios.check(small, file).faults)
    for part in ("premises.csv is missing", "did you mean mesh_min?", "mini_seats: "):
        assert part in said


def test_premises_that_the_scenario_names_must_exist(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('forced = ["nulle-part"]\n', encoding="utf-8")
    found = scenarios.check("saone-beaujolais", file)
    assert [fault for fault in found.faults if "unknown premises nulle-part" in fault]


# The command


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["planner", "check", *map(str, words)])
    code = 0
    try:
        cli.main()
    except SystemExit as end:
        code = end.code or 0
    return code, *capsys.readouterr()


def test_the_command_ends_with_zero_when_sound_and_one_when_not(monkeypatch, capsys, small):
    code, said, complaint = call(monkeypatch, capsys, "saone-beaujolais")
    assert (code, complaint) == (0, "")
    assert "Aucun défaut" in said
    assert "hypothèse" in said
    (small / "inputs" / "premises.csv").unlink()
    (small / "inputs" / "communes.csv").unlink()
    code, said, complaint = call(monkeypatch, capsys, small)
    assert (code, complaint) == (1, "")
    assert "2 défauts à corriger." in said
    code, said, complaint = call(monkeypatch, capsys, small / "rien")
    assert (code, said) == (1, "")
    assert complaint.startswith("Erreur : ")


def test_the_command_explains_a_scenario_and_prints_markup_as_text(monkeypatch, capsys, tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('forbidden = ["h-69018"]\nmesh_min = 8.5\n', encoding="utf-8")
    code, said, _ = call(monkeypatch, capsys, "saone-beaujolais", "--scenario", file)
    assert code == 0
    assert "(mesh_min) : 8,5 min, au lieu de 10" in said
    file.write_text(
        "[sweep]\nmini_sites_max = { from = 1, to = 300, step = 1 }\n", encoding="utf-8"
    )
    code, said, _ = call(monkeypatch, capsys, "saone-beaujolais", "--scenario", file)
    assert code == 0
    for part in ("- 300 scénarios", "« s · mini_sites_max 2 » : Mini-coworks", "… et 101 autres."):
        assert part in said
    file.write_text('"[red]" = 1\n', encoding="utf-8")
    code, said, _ = call(monkeypatch, capsys, "saone-beaujolais", "--scenario", file)
    assert code == 1
    assert "[red]" in said
