import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from instances import shipped

from planner import dossier
from planner._errors import InputError
from planner.maps._words import KINDS, TIERS
from planner.plan import FILES, FORMAT

NAMES = ["liechtenstein", "saone-beaujolais"]
FORMULAS = ["=1+1", "+33 4", "-2", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]
BOTH = """
import sys
from planner import cli
folder = sys.argv[1]
for name in ("liechtenstein", "saone-beaujolais"):
    sys.argv = ["planner", "plan", name, "--out", f"{folder}/{name}"]
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            raise
"""

SHOWS_TIMES = [name for name in FILES if name != "hypotheses.xlsx"]


@pytest.fixture(params=NAMES)
def plan(request):
    return shipped(request.param)


@pytest.fixture
def estimated():
    return shipped("saone-beaujolais")


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


def content(folder):
    return json.loads((folder / "plan.json").read_text("utf-8"), parse_constant=pytest.fail)


def rows(folder, name):
    raw = (folder / name).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    text = raw.decode("utf-8-sig")
    assert text.count("\r\n") == text.count("\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def number(cell):
    """Read a number as a French spreadsheet does: a point is no decimal mark."""
    assert re.fullmatch(r"-?\d+(,\d+)?", cell), cell
    return float(cell.replace(",", "."))


# The value


def test_a_plan_is_frozen_and_short_to_print(plan):
    with pytest.raises(FrozenInstanceError):
        plan.title = "other"
    assert len(repr(plan)) < 2_500


def test_headlines_are_in_french(plan):
    figures = {figure.label: figure for figure in plan.figures()}
    for label in (
        "Habitants à 10\u00a0min d’un site",
        "Habitants à 20\u00a0min d’un site structurant",
    ):
        assert re.fullmatch(r"\d\d,\d\u00a0%", figures[label].value)
    assert figures["Sites du réseau"] == ("Sites du réseau", str(len(plan.sites)), "")
    assert len(figures) == 5


def test_ranges_say_what_they_are_due_to():
    roads = shipped("liechtenstein").figures()[0].doubt
    assert re.fullmatch(r"de \d\d,\d.% à \d\d,\d.% selon les vitesses supposées", roads)
    crow = shipped("saone-beaujolais").figures()[0].doubt
    assert crow.endswith("pour 44 à 50\u00a0km/h à vol d’oiseau")


def test_less_than_one_inhabitant_is_not_none(estimated):
    def outside(people):
        other = replace(estimated, indicators=estimated.indicators | {"residents_outside": people})
        return next(f.value for f in other.figures() if f.label.startswith("Habitants à plus de"))

    texts = [outside(people) for people in (0.0, 0.04, 1.0, 12.4)]
    assert texts == ["0", "moins d’un habitant", "1", "12"]


def test_S4_a_plan_that_is_not_proven_says_by_how_much(plan, tmp_path):
    gap = {"mesh": 0.034, "structuring": 0.0, "users": 0.01}
    unproven = replace(plan, certificate=replace(plan.certificate, proven=False, gap=gap))
    assert unproven.proof == "Optimum non prouvé : écart d’au plus 3,4\u00a0%"
    folder = unproven.save(tmp_path / "out")
    assert unproven.proof in (folder / "carte.html").read_text("utf-8").replace("&nbsp;", "\u00a0")
    assert content(folder)["proof"] == unproven.proof
    assert content(folder)["proven"] is False
    assert plan.proof.startswith("Optimum prouvé")
    assert "sans le solveur" in plan.proof


def test_sites_say_what_they_are(plan):
    assert plan.sites.index.is_monotonic_increasing
    assert set(plan.sites["tier"]) <= set(TIERS)
    assert set(plan.sites["kind"]) <= set(KINDS)
    assert set(plan.sites["status"]) <= {"chosen", "existing", "forced"}
    assert plan.sites["commune_name"].notna().all()
    for frame in (plan.sites, plan.communes, plan.isochrones, plan.outside):
        assert frame.crs == 4326


def test_caveats_reach_the_map(plan):
    page = plan.map().replace("&nbsp;", "\u00a0")
    assert f"Sources et limites ({len(plan.sources)})" in page
    assert "aucun n’est vérifié" in page


def test_hosts_to_find_are_said_to_be_in_every_output(estimated, tmp_path):
    folder = estimated.save(tmp_path / "out")
    told = {
        row["statut"] for row in rows(folder, "sites.csv") if "confirmer" in row["type de lieu"]
    }
    assert told == {"proposé, local à confirmer"}
    page = (folder / "carte.html").read_text("utf-8")
    assert json.dumps("proposé, local à confirmer").strip('"') in page


# The files


def test_a_saved_plan_is_whole(plan, tmp_path):
    folder = plan.save(tmp_path / "deep" / "out")
    assert sorted(files_of(folder)) == sorted(FILES)
    told = content(folder)
    assert told["format"] == FORMAT
    assert told["territory"]["digest"] == plan.digest
    assert re.fullmatch(r"[0-9a-f]{64}", plan.digest)
    assert told["scenario"] == plan.scenario.model_dump(mode="json")
    assert told["certificate"]["value"] == dict(plan.certificate.value)
    goals = ["mesh", "structuring", "users", "cost", "ids"]
    assert told["certificate"]["gap"] == dict.fromkeys(goals, 0)
    assert [stage["name"] for stage in told["stages"]] == [s.name for s in plan.stages]
    assert [site["id"] for site in told["sites"]] == list(plan.sites.index)
    assert [place["id"] for place in told["communes"]] == list(plan.communes.index)
    assert told["attribution"] == list(plan.attribution)
    assert told["sources"] == plan.sources.to_dict("records")
    for site in told["sites"]:
        assert 4 < site["lon"] < 10
        assert 45 < site["lat"] < 48


def test_outputs_hold_no_path_no_date_and_no_duration(plan, tmp_path):
    folder = plan.save(tmp_path / "out")
    text = (folder / "plan.json").read_text("utf-8")
    assert str(Path.home()) not in text
    assert str(tmp_path) not in text
    assert "seconds" not in text


def test_tables_open_in_a_french_spreadsheet(plan, tmp_path):
    folder = plan.save(tmp_path / "out")
    sites = rows(folder, "sites.csv")
    assert [row["identifiant"] for row in sites] == list(plan.sites.index)
    assert {row["niveau"] for row in sites} <= {look.one for look in TIERS.values()}
    for row, (_, site) in zip(sites, plan.sites.iterrows(), strict=True):
        assert int(row["habitants à 10\u00a0min du site"]) == round(site["residents_mesh"])
        assert number(row["longitude"]) == pytest.approx(site.geometry.x, abs=1e-6)
        assert int(row["places (hypothèse)"]) == site["seats"]
    communes = rows(folder, "communes.csv")
    assert [row["code"] for row in communes] == list(plan.communes.index)
    assert sum(int(row["population"]) for row in communes) == plan.communes["population"].sum()
    for row in communes:
        share = row["part à 10\u00a0min d’un site (%)"]
        assert re.fullmatch(r"\d+,\d", share)
        assert 0 <= number(share) <= 100
        assert int(row["habitants à 10\u00a0min d’un site"]) >= 0


def test_O4_formulas_are_text_in_every_column_of_text(estimated, tmp_path):
    hostile = (FORMULAS * len(estimated.sites))[: len(estimated.sites)]
    columns = ("name", "kind", "commune_name", "commune", "status")
    sites = estimated.sites.assign(**dict.fromkeys(columns, hostile))
    sites.index = [f"={n}" for n in range(len(sites))]
    places = estimated.communes.assign(name="=1+1")
    renamed = dict(zip(estimated.sites.index, sites.index, strict=True))
    areas = estimated.isochrones.assign(site=estimated.isochrones["site"].map(renamed))
    folder = replace(estimated, sites=sites, communes=places, isochrones=areas).save(tmp_path / "o")
    for name in ("sites.csv", "communes.csv"):
        for row in rows(folder, name):
            for cell in row.values():
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert content(folder)["sites"][0]["name"] == "=1+1"


def test_names_with_separators_quotes_and_lines_stay_in_their_cell(estimated, tmp_path):
    odd = 'a;b"c\nd\u2028e, f'
    folder = replace(estimated, sites=estimated.sites.assign(name=odd)).save(tmp_path / "out")
    raw = (folder / "sites.csv").read_bytes().decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(raw, newline=""), delimiter=";"))
    assert {row["nom"] for row in table} == {odd}
    assert len(table) == len(estimated.sites)


def test_a_commune_where_nobody_lives_has_an_empty_share(estimated, tmp_path):
    places = estimated.communes.copy()
    places.loc[places.index[0], ["share_mesh", "share_structuring"]] = np.nan
    folder = replace(estimated, communes=places).save(tmp_path / "out")
    assert rows(folder, "communes.csv")[0]["part à 10\u00a0min d’un site (%)"] == ""
    assert content(folder)["communes"][0]["share_mesh"] is None


def test_estimates_say_so_in_every_output(estimated, tmp_path):
    folder = estimated.save(tmp_path / "out")
    for name in SHOWS_TIMES:
        assert "temps estimés" in (folder / name).read_text("utf-8-sig").lower(), name
    for name in ("sites.csv", "communes.csv"):
        assert {row["temps"] for row in rows(folder, name)} == {"temps estimés"}
    times = content(folder)["travel_times"]
    assert (times["estimated"], times["label"]) == (True, "temps estimés")
    assert any("Temps estimés" in note for note in content(folder)["notes"])


def test_times_on_roads_never_say_that_they_are_estimates(tmp_path):
    folder = shipped("liechtenstein").save(tmp_path / "out")
    for name in SHOWS_TIMES:
        if name != "carte.html":  # where the style for it is always there
            text = (folder / name).read_text("utf-8-sig").lower()
            assert "temps estimé" not in text, name
    assert "≈ Temps estimés" not in (folder / "carte.html").read_text("utf-8")


def test_S8_two_processes_write_the_same_bytes(tmp_path):
    running = [
        subprocess.Popen(
            [sys.executable, "-c", BOTH, str(tmp_path / seed)],
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": f"UTC+{seed[0]}"},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for seed in ("1", "4242")
    ]  # fmt: skip
    for process in running:
        _, complaint = process.communicate(timeout=300)
        assert process.returncode == 0, complaint
    first, second = (files_of(tmp_path / seed) for seed in ("1", "4242"))
    assert sorted(first) == sorted(
        f"{name}/{file}" for name in NAMES for file in (*FILES, *dossier.FILES)
    )
    assert [name for name in first if first[name] != second.get(name)] == []
    for name in NAMES:
        here = files_of(shipped(name).save(tmp_path / "here" / name))
        assert {f"{name}/{file}": raw for file, raw in here.items()}.items() <= first.items()


# The folder


def test_O5_an_earlier_plan_is_replaced_and_other_files_stay(estimated, tmp_path):
    folder = shipped("liechtenstein").save(tmp_path / "out")
    (folder / "notes.txt").write_text("mine")
    assert estimated.save(folder) == folder
    assert content(folder)["territory"]["name"] == "saone-beaujolais"
    assert sorted(files_of(folder)) == sorted([*FILES, "notes.txt"])


FOREIGN = {
    "another file": ("notes.txt", "mine"),
    "no json": ("plan.json", "{"),
    "another json": ("plan.json", '{"format": "other"}'),
    "a list": ("plan.json", "[1]"),
    "text": ("plan.json", '"planner-plan-1"'),
    "not utf-8": ("plan.json", "\udcff"),
    "deep": ("plan.json", "[" * 100_000),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_O5_a_folder_that_holds_something_else_is_refused(estimated, tmp_path, case):
    name, text = FOREIGN[case]
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    before = files_of(tmp_path)
    with pytest.raises(InputError, match="no plan; give another folder"):
        estimated.save(tmp_path)
    assert files_of(tmp_path) == before
    estimated.save(tmp_path, overwrite=True)
    assert set(FILES) <= set(files_of(tmp_path))


def test_O5_a_folder_named_plan_json_is_something_else(estimated, tmp_path):
    (tmp_path / "plan.json").mkdir()
    with pytest.raises(InputError, match="no plan"):
        estimated.save(tmp_path)
    with pytest.raises(InputError, match="could not be written"):
        estimated.save(tmp_path, overwrite=True)
    assert (tmp_path / "plan.json").is_dir()
    assert not list(tmp_path.glob(".*"))


def test_O5_the_data_of_a_territory_is_not_written_over(estimated):
    data = Path(__file__).parent.parent / "data" / "saone-beaujolais"
    before = files_of(data)
    with pytest.raises(InputError, match="no plan"):
        estimated.save(data)
    assert files_of(data) == before


def test_O5_a_file_is_no_folder(estimated, tmp_path):
    path = tmp_path / "out"
    path.write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="is a file"):
            estimated.save(path, overwrite=overwrite)
    with pytest.raises(InputError, match="could not be written"):
        estimated.save(path / "below")
    assert path.read_text() == "mine"


def test_O5_links(estimated, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    folder, link = tmp_path / "real", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    estimated.save(link)
    (folder / "carte.html").unlink()
    (folder / "carte.html").symlink_to(mine)
    estimated.save(link)
    assert mine.read_text() == "mine"
    assert not (folder / "carte.html").is_symlink()
    (tmp_path / "lost").symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError, match="could not be written"):
        estimated.save(tmp_path / "lost")


def test_O5_a_name_that_no_system_takes_is_an_error_and_writes_nothing(estimated, tmp_path):
    with pytest.raises(OSError, match="too long"):
        estimated.save(tmp_path / ("x" * 300))
    assert files_of(tmp_path) == {}


@pytest.mark.parametrize("fault", ["write 0", "write 3", "rename 0", "rename 1", "rename 3"])
def test_O6_a_write_that_fails_leaves_whole_files_and_no_other(
    estimated, tmp_path, monkeypatch, fault
):
    step, count = fault.split()
    folder = replace(estimated, title="Avant").save(tmp_path / "out")
    old = files_of(folder)
    method = {"write": "write_bytes", "rename": "replace"}[step]
    whole, left = getattr(Path, method), [int(count)]

    def full(self, *args):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return whole(self, *args)

    monkeypatch.setattr(Path, method, full)
    with pytest.raises(InputError, match=r"out: could not be written .*No space left"):
        estimated.save(folder)
    monkeypatch.undo()
    now = files_of(folder)
    assert sorted(now) == sorted(FILES)
    new = files_of(estimated.save(tmp_path / "new"))
    for name in FILES:
        assert now[name] in (old[name], new[name])
    if step == "write" or count == "0":
        assert now == old
    assert now["plan.json"] == old["plan.json"]


def test_O6_a_plan_that_cannot_be_drawn_writes_nothing(estimated, tmp_path, monkeypatch):
    def broken(_scene):
        raise InputError("The map cannot be drawn.")

    monkeypatch.setattr("planner.plan._plan.maps.plan_map", broken)
    with pytest.raises(InputError, match="drawn"):
        estimated.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


# The real map


def test_S10_the_pieces_of_a_map_are_those_of_its_page(plan):
    page, pieces = plan.map(), plan.map_pieces()
    for piece in (pieces.element, pieces.legend, *pieces.tables, *pieces.scripts, *pieces.styles):
        assert piece in page


@pytest.mark.browser
def test_the_map_of_liechtenstein_shows_every_site_with_its_popup(browser, tmp_path):
    plan = shipped("liechtenstein")
    folder = plan.save(tmp_path / "out")
    browser.open(folder / "carte.html")
    seen = browser.execute_script(
        """
        const marks = [...document.querySelectorAll(".leaflet-marker-icon.site")];
        return marks.map((mark) => {
          mark.click();
          const popup = [...document.querySelectorAll(".leaflet-popup")].pop();
          const told = [...popup.querySelectorAll("dd")].map((dd) => dd.textContent);
          const name = popup.querySelector("h3").textContent;
          popup.querySelector(".leaflet-popup-close-button").click();
          return [name, told[0], mark.className.match(/site-(\\w+)/)[1]];
        });
        """
    )
    sites = content(folder)["sites"]
    wanted = [[site["name"], site["commune_name"], site["tier"]] for site in sites]
    assert sorted(seen) == sorted(wanted)
    headline = browser.execute_script("return document.body.innerText")
    assert "Optimum prouvé" in headline
    assert "OpenStreetMap" in headline
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith(("file:", "data:"))] == []


def test_people_know_their_site_and_add_up_to_the_coverage(estimated):
    people = estimated.people
    by_commune = people[people["inside"]].groupby("commune")["residents"].sum()
    told = estimated.communes["covered_mesh"]
    assert by_commune.reindex(told.index).fillna(0).to_numpy() == pytest.approx(told, abs=0.01)
    assert (people["minutes_fast"] <= people["minutes"]).all()
    assert (people["minutes"] <= people["minutes_slow"]).all()
    assert set(people["site"]) - {""} <= set(estimated.sites.index)
    assert (np.isinf(people["minutes"]) == (people["site"] == "")).all()
    inside = people["minutes"] <= estimated.scenario.mesh_min + 1e-6
    assert (inside == people["inside"]).all()


def test_candidates_left_out_say_why_and_what_they_would_bring(estimated):
    left = estimated.left_out
    assert len(left)
    assert not set(left.index) & set(estimated.sites.index)
    assert left["why"].str.len().gt(10).all()
    nothing = left["gain"].round() == 0
    assert left.loc[nothing, "why"].str.contains("déjà d’un site").all()
    assert left.loc[~nothing, "why"].str.contains("de plus").all()
    assert left["gain"].max() <= estimated.indicators["residents_outside"] + 0.01
