"""`planner fetch` from end to end, against a server on this machine that speaks every protocol."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fixtures_fr import (
    MIDDLE,
    NORTH,
    SIREN,
    SOUTH,
    TITLE,
    WEST,
    as_csv,
    as_json,
    bpe,
    centres,
    communes,
    jobs,
    osm_xml,
    replies,
    servers,
    square,
)
from servers import HTML, Reply, serving

from planner import InputError, NetworkError, cli, network, territory
from planner.sources import osm, osm_crop
from planner.sources._http import Polite

QUICK = Polite(tries=2, pause_s=0.0)
PLANNER = [sys.executable, "-c", "from planner.cli import main; main()"]


@pytest.fixture
def server():
    with serving() as one:
        answer(one)
        yield one


def answer(server, **changes):
    every = {path: [Reply(body)] for path, body in replies().items()}
    server.replies = every | {f"/{name}".replace("__", "/"): r for name, r in changes.items()}


@pytest.fixture
def fetch(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def fetching(out="chez-nous", **options):
        options = {"servers": servers(server.address), "polite": QUICK} | options
        return territory.fetch(SIREN, out, **options)

    return fetching


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_territory_is_made_from_open_data(fetch, server):
    home = fetch()
    assert home.title == TITLE
    assert list(home.communes.index) == ["01900", "01901"]
    assert list(home.communes["population"]) == [800, 200]
    sums = home.residents.groupby("commune")["residents"].sum()
    assert dict(sums.round(6)) == {"01900": 800, "01901": 200}
    assert len(home.residents) > 300
    assert home.crs.to_epsg() == 2154
    kinds = home.premises.groupby("commune")["kind"].apply(sorted)
    every = "bakery convenience coworking france_services host_to_confirm townhall"
    assert list(kinds["01900"]) == every.split()
    assert list(kinds["01901"]) == ["cafe", "coworking", "host_to_confirm", "restaurant"]
    statuses = home.premises.set_index("name")["status"]
    assert statuses["Le Relais, coworking"] == "existing"
    assert statuses["La Fabrique"] == "to_confirm"
    assert home.flows["workers"].sum() == pytest.approx(261.625)
    assert home.jobs["jobs"].to_dict() == {"01900": 310.5, "01901": 20.0, "69123": 9e5}
    assert home.jobs.loc["69123", ["lon", "lat"]].tolist() == [4.8357, 45.7676]
    assert home.jobs.loc[["01900", "01901"], ["lon", "lat"]].isna().all(axis=None)
    placed = home.flows.set_index(["home", "work"])["work_lon"]
    assert placed["01900", "69123"] == 4.8357
    assert placed.drop(["69123"], level="work").isna().all()
    assert home.establishments["kind"].tolist() == ["scop", "scic", "association"]
    assert home.establishments.crs == home.crs
    assert home.occupations.loc["01901", ["cadres", "workers"]].tolist() == [2.0, 1.5]
    assert "Chez le voisin" not in set(home.premises["name"])
    assert network.read_osm(home.roads_path).start.size == 3
    rows = home.sources.set_index("name")
    assert set(rows.loc[["contours", "roads", "residents"], "status"]) == {"sourced"}
    assert set(rows.loc[["contours", "roads", "residents"], "date"]) == {"2026-11-25"}
    assert "imputés par l’Insee : 22 %" in rows["note"]["residents"]
    assert "Licence Ouverte" in rows["licence"]["contours"]
    assert "© les contributeurs OpenStreetMap (ODbL)" in home.attribution
    (query,) = [fields["data"][0] for path, fields, _ in server.asked if path == "/overpass"]
    assert "building" not in query


def test_a_territory_fetched_can_be_planned_and_built_again_from_itself(fetch, tmp_path):
    import planner

    home = fetch()
    plan = planner.run(home, planner.Scenario(mini_sites_max=2, structuring_sites=0))
    assert plan.proven
    folder = tmp_path / "chez-nous"
    inputs = folder / "inputs"
    names = {path.stem: path for path in inputs.iterdir()}
    territory.build(tmp_path / "again", title=TITLE, pbf=home.roads_path, **names)
    assert files_of(tmp_path / "again") == files_of(folder)


def test_a_second_fetch_asks_nothing_and_gives_the_same_bytes(fetch, server, tmp_path):
    fetch()
    asked = len(server.asked)
    fetch("ailleurs")
    assert len(server.asked) == asked
    assert files_of(tmp_path / "ailleurs") == files_of(tmp_path / "chez-nous")
    fetch()  # the same territory is there already: nothing to do
    answer(server)
    (tmp_path / "planner-cache" / f"communes-{SIREN}.json").write_bytes(
        as_json(communes(population=900))
    )
    changed = fetch("change")  # the cached file is not what was stored: asked again
    assert changed.communes["population"].sum() == 1000


def test_G4_a_contour_that_was_mended_is_counted_in_the_register(fetch, tmp_path):
    knot = square(WEST, SOUTH, MIDDLE, NORTH)
    corner = knot["coordinates"][0].pop()
    knot["coordinates"][0] += [[WEST, SOUTH + 1e-5], [WEST + 1e-5, SOUTH], corner]
    path = tmp_path / "communes.json"
    path.write_bytes(as_json(communes(contour=knot)))
    home = fetch(files={"communes": path})
    note = home.sources.set_index("name").loc["layer-communes", "note"]
    assert "Contours qui se recoupaient, réparés : 1 (surface changée de 0" in note
    assert home.communes.is_valid.all()


def test_another_territory_in_the_way_is_refused_unless_overwritten(fetch, tmp_path):
    fetch()
    path = tmp_path / "communes.json"
    path.write_bytes(as_json(communes(population=900)))
    with pytest.raises(InputError, match="--overwrite"):
        fetch(files={"communes": path})
    home = fetch(files={"communes": path}, overwrite=True)
    assert home.communes["population"].sum() == 1100
    (tmp_path / "plein").mkdir()
    (tmp_path / "plein" / "a.txt").write_text("a")
    with pytest.raises(InputError, match="something else than a territory"):
        fetch("plein")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(osm_xml(remark="runtime error: Query timed out")), "answered in part: runtime"),
        (Reply(osm_xml()[:-300]), "the answer is cut"),
        (Reply(HTML), "web page"),
        (Reply(status=429), "HTTP 429"),
        (Reply(b'<osm version="0.6"></osm>'), "no road in this box"),
    ],
)
def test_N1_N2_without_whole_roads_there_is_no_territory(fetch, server, reply, said):
    answer(server, overpass=[reply])
    with pytest.raises(NetworkError, match=said) as caught:
        fetch()
    assert "--pbf" in str(caught.value)
    assert not Path("chez-nous").exists()
    assert not list(Path("planner-cache").glob("osm-*"))
    answer(server)
    assert len(fetch().communes) == 2


def test_N2_a_busy_server_is_waited_for(fetch, server):
    waited = []
    busy = Reply(status=429, headers=(("Retry-After", "7"),))
    answer(server, overpass=[busy, Reply(osm_xml()[:900], cut=True), Reply(osm_xml())])
    fetch(polite=Polite(pause_s=1.0, sleep=waited.append))
    assert waited == [7.0, 2.0]


@pytest.mark.parametrize("reply", [Reply(status=503), Reply(HTML), Reply(b"PK\x03\x04 no")])
def test_without_the_grid_residents_are_estimated_and_the_register_says_so(fetch, server, reply):
    answer(server, **{"filosofi.zip": [reply]})
    home = fetch()
    row = home.sources.set_index("name").loc["residents"]
    assert row["status"] == "assumption"
    assert "Grille Filosofi : non obtenu" in row["note"]
    assert "bâtiments d’OpenStreetMap" in row["note"]
    assert list(home.residents.groupby("commune")["residents"].sum()) == [800, 200]
    assert all(i.startswith("w") for i in home.residents.index)
    assert any("way[building]" in str(f) or "wr[building]" in str(f) for _, f, _ in server.asked)


def test_without_optional_sources_the_register_says_each_that_is_missing(fetch, server):
    whole = fetch("tout")
    gone = ("BPE24.zip", "third.csv", "fs.csv", "mobpro.zip", "jobs.zip", "units.csv")
    answer(server, **{name: [Reply(status=503)] for name in gone})
    home = fetch("peu", cache="autre")
    assert home.establishments is None
    assert home.flows is home.jobs is home.occupations is None
    assert set(home.premises["kind"]) == {"bakery", "cafe", "host_to_confirm"}
    rows = home.sources.set_index("name")
    assert set(
        rows.loc[["premises", "establishments", "flows", "jobs", "occupations"], "status"]
    ) == {"assumption"}
    for part in ("BPE", "Tiers-lieux", "France services"):
        assert f"{part}" in rows["note"]["premises"]
    assert rows["note"]["premises"].count("non obtenu (no answer (HTTP 503))") == 3
    assert "(Sirene) : non obtenu" in rows["note"]["establishments"]
    assert "MOBPRO" in rows["note"]["flows"]
    assert "autre" not in " ".join(rows["note"])  # where files lie is nobody's business
    assert whole.digest != home.digest


def test_I11_workplaces_without_a_centre_are_named_with_their_workers(fetch, server):
    home = fetch()
    assert "sans position" not in home.sources.set_index("name")["note"]["flows"]
    few = [one for one in centres() if one["code"] != "69123"]
    answer(server, centres=[Reply(as_json(few))])
    home = fetch("peu", cache="autre")
    note = home.sources.set_index("name")["note"]["flows"]
    assert "Communes de travail sans position (250 actifs) : 69123." in note
    assert list(home.jobs.index) == ["01900", "01901"]


@pytest.mark.parametrize("reply", [Reply(status=503), Reply(b'[{"code": "69123"}]'), Reply(HTML)])
def test_without_centres_flows_and_jobs_stay_and_the_register_says_so(fetch, server, reply):
    answer(server, centres=[reply])
    home = fetch()
    assert home.flows["work_lon"].isna().all()
    assert list(home.jobs.index) == ["01900", "01901"]
    notes = home.sources.set_index("name")["note"]
    for name in ("flows", "jobs"):
        assert "Centres des communes de travail : non obtenu" in notes[name]
    assert "Communes du territoire seulement" in notes["jobs"]


def test_jobs_without_occupations_are_taken_and_the_register_says_what_is_missing(fetch, tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_bytes(as_csv([{k: v for k, v in row.items() if "_CS" not in k} for row in jobs()]))
    home = fetch(files={"jobs": path})
    assert home.occupations is None
    assert list(home.jobs["jobs"]) == [310.5, 20.0, 9e5]
    row = home.sources.set_index("name").loc["occupations"]
    assert row["status"] == "assumption"
    assert "Métiers des actifs : non obtenu" in row["note"]


def test_without_addresses_sirene_is_not_asked_for_and_the_register_says_so(fetch, server):
    fewer = {n: url for n, url in servers(server.address).items() if not n.startswith("sirene")}
    home = fetch(servers=fewer)
    assert home.establishments is None
    note = home.sources.set_index("name")["note"]["establishments"]
    assert note == (
        "Coopératives et associations (Sirene) : non obtenu (several gigabytes, not asked for "
        "without an address)."
    )


def test_one_premises_in_two_lists_counts_once(fetch, server):
    rows = [*bpe(), {"AN": 2024, "DEP": "01", "DEPCOM": "01900", "TYPEQU": "B207"}]
    rows[-1] |= {"NOMRS": "BOULANGERIE OEUF", "LONGITUDE": 4.8131, "LATITUDE": 46.2161}
    answer(server, **{"BPE24.zip": [Reply(as_csv(rows))]})
    home = fetch()
    assert list(home.premises["kind"]).count("bakery") == 1
    note = home.sources.set_index("name")["note"]["layer-premises"]
    assert "1 d’entre eux écartés : déjà dans OpenStreetMap" in note


def test_files_given_by_hand_need_no_network(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = replies()
    paths = {}
    for name, source in (
        ("communes", f"/epcis/{SIREN}/communes"),
        ("filosofi", "/filosofi.zip"),
        ("region.osm", "/overpass"),
        ("bpe", "/BPE24.zip"),
        ("third-places", "/third.csv"),
        ("france-services", "/fs.csv"),
        ("sirene", "/sirene.zip"),
        ("sirene-units", "/units.csv"),
        ("sirene-places", "/places.csv"),
        ("mobpro", "/mobpro.zip"),
        ("jobs", "/jobs.zip"),
        ("centres", "/centres"),
    ):
        paths[name] = tmp_path / name
        paths[name].write_bytes(given[source])
    pbf = paths.pop("region.osm")
    home = territory.fetch(SIREN, files=paths, pbf=pbf, servers=servers("http://127.0.0.1:9"))
    assert (tmp_path / f"epci-{SIREN}").is_dir()
    assert home.title == f"EPCI {SIREN}"
    rows = home.sources.set_index("name")
    assert "Fichier fourni : region.osm" in rows["note"]["roads"]
    assert "Fichier fourni : filosofi" in rows["note"]["residents"]
    assert not server.asked
    assert home.flows is not None
    for name in sorted(set(paths) - {"communes", "centres"}):
        before = paths[name].read_bytes()
        paths[name].write_bytes(b"code;nom\n01001;a\n")
        with pytest.raises(InputError, match=f"{name}: not a"):
            territory.fetch(SIREN, "b", files=paths, pbf=pbf)
        paths[name].write_bytes(before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"files": {"filosofy": "a"}}, "filosofy is no source. Known: communes, filosofi"),
        ({"files": {"osm": "a"}}, "are given as pbf"),
        ({"files": {"filosofi": "absent.zip"}}, "filosofi not found: absent.zip"),
        ({"servers": {"osm": "ftp://a"}}, "begins with https://"),
        ({"servers": {"x": "https://a"}}, "x is no source"),
        ({"buffer_km": -1}, "buffer_km=-1"),
        ({"buffer_km": float("nan")}, "buffer_km=nan"),
        ({"pbf": "absent.osm.pbf"}, "not found: absent.osm.pbf"),
    ],
)
def test_arguments_are_checked(fetch, tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        fetch(**options)
    assert not (tmp_path / "chez-nous").exists()


# The crop


@pytest.fixture
def region(tmp_path):
    path = tmp_path / "region.osm"
    path.write_bytes(osm_xml())
    return path


def test_a_crop_keeps_roads_of_the_outer_box_and_places_of_the_inner(region, tmp_path):
    box = (4.80, 46.20, 4.83, 46.23)
    out = osm_crop.crop(region, tmp_path / "a.osm.pbf", inner=box, outer=(4.79, 46.2, 4.87, 46.23))
    found = osm.read(out)
    assert list(found.premises["name"]) == ["Boulangerie <b>Œuf</b>"]
    assert len(found.buildings) == 5  # one on the border
    assert network.read_osm(out).start.size == network.read_osm(region).start.size
    osm_crop.crop(out, tmp_path / "b.osm.pbf", inner=box, outer=(4.79, 46.2, 4.87, 46.23))
    assert (tmp_path / "a.osm.pbf").read_bytes() == (tmp_path / "b.osm.pbf").read_bytes()
    alone = osm_crop.crop(region, tmp_path / "c.osm.pbf", inner=box, outer=box)
    whole_way = network.read_osm(alone)  # kept with its nodes outside
    assert whole_way.start.size == network.read_osm(region).start.size


def test_a_crop_elsewhere_or_of_a_damaged_file_is_refused(region, tmp_path):
    far = (5.8, 45.2, 5.9, 45.3)
    with pytest.raises(InputError, match=r"no road in the box 5\.80, 45\.20"):
        osm_crop.crop(region, tmp_path / "a.osm.pbf", inner=far, outer=far)
    with pytest.raises(InputError, match="west, south, east, north"):
        osm_crop.crop(region, tmp_path / "a.osm.pbf", inner=far, outer=(5, 46, 4, 47))
    region.write_bytes(osm_xml()[:-500])
    with pytest.raises(InputError, match="truncated"):
        osm_crop.crop(region, tmp_path / "a.osm.pbf", inner=far, outer=far)
    assert [path.name for path in tmp_path.iterdir()] == ["region.osm"]


def test_N3_a_damaged_crop_in_the_cache_is_made_again(fetch, tmp_path):
    fetch()
    (path,) = (tmp_path / "planner-cache").glob("roads-*.osm.pbf")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    fetch("encore")
    assert path.read_bytes() == whole


# The command line


def command(server, *words):
    pairs = " ".join(f"{name}={url}" for name, url in servers(server.address).items())
    env = os.environ | {"PLANNER_SERVERS": pairs}
    return subprocess.Popen(
        [*PLANNER, "fetch", SIREN, *words],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def test_the_command_makes_the_territory_and_says_what_is_estimated(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer(server, **{"filosofi.zip": [Reply(HTML)]})
    out, complaint = (process := command(server)).communicate(timeout=120)
    assert (process.returncode, complaint) == (0, "")
    assert "CC du Col : 2 communes" in out
    assert "Grille Filosofi : non obtenu" in out
    assert territory.read(tmp_path / "cc-du-col").title == TITLE


def test_the_command_refuses_in_one_line(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server.replies = {}
    out, complaint = (process := command(server)).communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert complaint.startswith("Erreur : http://127.0.0.1")
    assert complaint.count("\n") == 1
    assert "epci-200067817.json" in complaint


@pytest.mark.parametrize("words", [["--file", "filosofi"], ["--server", "=x"]])
def test_pairs_are_checked(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["planner", "fetch", SIREN, *words])
    with pytest.raises(SystemExit):
        cli.main()
    assert "SOURCE=VALEUR" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the run is killed by SIGKILL")
def test_R1_killed_anywhere_and_run_again_it_ends_the_same(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def done(name):
        process = command(server, "--out", name, "--cache", f"cache-{name}")
        assert process.communicate(timeout=120)[1] == ""
        assert process.returncode == 0
        return files_of(tmp_path / name)

    expected = done("temoin")
    asked = len(server.asked)
    points = [(number, 0.0) for number in range(1, asked + 1)]  # while a file is on its way
    points += [(asked, wait) for wait in (0.1, 0.3, 0.6)]  # while the territory is made
    for number, (stop, wait) in enumerate(points):
        server.asked.clear()
        process = command(server, "--out", f"t{number}", "--cache", f"cache-t{number}")
        while len(server.asked) < stop and process.poll() is None:
            time.sleep(0.005)
        time.sleep(wait)
        process.kill()
        process.communicate()
        assert done(f"t{number}") == expected
        assert not list((tmp_path / f"cache-t{number}").glob("*.corrupt"))
