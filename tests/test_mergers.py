"""Communes nouvelles: Deux-Grosnes (69135, once seven communes), Belleville (69019, once two)."""

from importlib import resources
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from fixtures_fr import SIRENE, UNITS, as_csv, jobs, mobpro

from planner import territory
from planner._errors import InputError
from planner.sources import cog, employment, osm, sirene
from planner.sources import mobpro as commuting
from planner.sources.tables import OCCUPATIONS
from planner.territory._mergers import boundaries_to_today, to_today
from planner.territory._model import LAYERS, content_digest

INPUTS = Path(__file__).parent.parent / "data" / "saone-beaujolais" / "inputs"
DEUX_GROSNES = {
    "69015": "Avenas", "69150": "Ouroux", "69185": "Saint-Christophe",
    "69210": "Saint-Jacques-des-Arrêts", "69224": "Saint-Mamert", "69251": "Trades",
}  # fmt: skip


def tables(folder, **changes):
    """Return the inputs of Saône-Beaujolais, some of them with lines changed."""
    paths = {path.stem: path for path in INPUTS.glob("*.csv")}
    for name, change in changes.items():
        lines = change(paths[name].read_text(encoding="utf-8").splitlines())
        paths[name] = folder / f"{name}.csv"
        paths[name].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def built(folder, **changes):
    return territory.build(folder / "x", title="Saône-Beaujolais", **tables(folder, **changes))


def old_cells(lines):
    """Give half of the cells of Deux-Grosnes to Ouroux, and one of Belleville's to Saint-Jean."""
    mine = [n for n, line in enumerate(lines) if ",69135," in line]
    for n in mine[::2]:
        lines[n] = lines[n].replace(",69135,", ",69150,")
    n = next(n for n, line in enumerate(lines) if ",69019," in line)
    lines[n] = lines[n].replace(",69019,", ",69211,")
    return lines


def old_communes(lines):
    """Part Deux-Grosnes in Monsols, where its centre is, and Ouroux; people are those of both."""
    n = next(n for n, line in enumerate(lines) if line.startswith("69135,"))
    code, _, people, *rest = lines[n].split(",", 3)
    monsols = ",".join([code, "Monsols", str(int(people) - 400), *rest])
    ouroux = "69150,Ouroux,400,,,4.58,46.22,"
    return [*lines[:n], ouroux, monsols, *lines[n + 1 :]]


def same_layers(one, other):
    return all(
        content_digest(getattr(one, layer)) == content_digest(getattr(other, layer))
        for layer in LAYERS
    )


def notes(home):
    return home.sources.set_index("name")["note"]


# The table


def test_I11_deux_grosnes_and_belleville_are_in_the_table():
    found = cog.communes()
    assert {code for code, head in found.heads.items() if head == "69135"} == set(DEUX_GROSNES)
    assert {code: found.parts[code] for code in DEUX_GROSNES} == DEUX_GROSNES
    assert (found.names["69135"], found.parts["69135"]) == ("Deux-Grosnes", "Monsols")
    assert {code for code, head in found.heads.items() if head == "69019"} == {"69211"}
    assert found.parts["69211"] == "Saint-Jean-d'Ardières"
    assert found.names["69019"] == "Belleville-en-Beaujolais"


def test_I11_no_code_of_today_is_moved_and_no_move_has_a_second():
    found = cog.communes()
    assert len(found.heads) == 4240
    assert not set(found.heads) & set(found.heads.values())
    assert set(found.heads.values()) == set(found.names)
    size = (resources.files("planner") / "assets" / "merged-communes.csv").read_bytes()
    assert len(size) < 155_000


# Inputs of other years


def test_I11_cells_of_an_older_year_give_the_territory_of_now_and_are_counted(tmp_path):
    home = built(tmp_path, residents=old_cells)
    assert same_layers(home, territory.read("saone-beaujolais"))
    said = notes(home)["residents"]
    assert "lignes, " in said
    assert "communes regroupées depuis (69150 Ouroux dans 69135 Deux-Grosnes, 69211 " in said
    assert "communes regroupées" not in notes(territory.read("saone-beaujolais"))["residents"]


def test_I11_communes_of_an_older_year_with_cells_of_now_are_one_again(tmp_path):
    home = built(tmp_path, communes=old_communes)
    assert same_layers(home, territory.read("saone-beaujolais"))
    told = "1 ligne, 400 habitants : communes regroupées depuis (69150 Ouroux dans 69135 Deux-"
    assert told in notes(home)["communes"]


def test_I11_communes_and_cells_both_of_an_older_year(tmp_path):
    home = built(tmp_path, communes=old_communes, residents=old_cells)
    assert same_layers(home, territory.read("saone-beaujolais"))


def test_I11_premises_of_an_older_year_are_in_the_commune_of_now(tmp_path):
    home = built(
        tmp_path, premises=lambda lines: [line.replace(",69019,", ",69211,") for line in lines]
    )
    assert same_layers(home, territory.read("saone-beaujolais"))
    assert "69211 Saint-Jean-d'Ardières dans 69019" in notes(home)["premises"]


def test_I11_populations_are_summed_by_hand():
    rows = pd.DataFrame(
        {
            "code": ["69251", "", "69135", "69150"],
            "name": ["Trades", "Vaduz", "Monsols", "Ouroux"],
            "population": [130, 5229, 956, 330],
            "year": "2015",
            "source": "x",
        }
    )
    frame, note = to_today("populations", rows)
    assert frame["code"].tolist() == ["", "69135"]
    assert frame["name"].tolist() == ["Vaduz", "Deux-Grosnes"]
    assert frame["population"].tolist() == [5229, 1416]
    assert frame["population"].dtype == "int64"
    assert note == (
        "2 lignes, 460 habitants : communes regroupées depuis (69150 Ouroux dans 69135 "
        "Deux-Grosnes, 69251 Trades dans 69135 Deux-Grosnes)."
    )


def test_I11_without_the_part_that_kept_its_code_the_most_populous_says_where():
    rows = pd.DataFrame(
        {"code": ["69251", "69150"], "name": ["Trades", "Ouroux"], "population": [130, 330],
         "lon": [4.55, 4.6], "lat": [46.2, 46.3], "point_source": ""}
    )  # fmt: skip
    frame, _ = to_today("communes", rows)
    assert frame[["code", "population", "lon", "lat"]].to_numpy().tolist() == [
        ["69135", 460, 4.6, 46.3]
    ]


def test_I11_a_whole_beside_its_part_is_refused_as_it_would_count_twice():
    rows = pd.DataFrame(
        {"code": ["69135", "69251"], "name": ["Deux-Grosnes", "Trades"], "population": [1946, 130]}
    )
    with pytest.raises(InputError, match=r"Deux-Grosnes already holds 69251 Trades.*twice"):
        to_today("populations", rows)


def test_I11_contours_of_an_older_year_are_united():
    rows = gpd.GeoDataFrame(
        {"name": ["Belleville", "Saint-Jean"], "population": [8000, 4000], "lon": [4.7, 4.8],
         "lat": 46.1, "point_source": "mairie"},
        geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)],
        index=pd.Index(["69019", "69211"], name="code"), crs=4326,
    )  # fmt: skip
    frame, _ = to_today("contours", rows)
    assert frame.index.tolist() == ["69019"]
    assert frame.loc["69019", ["population", "lon"]].tolist() == [12000, 4.7]
    assert frame.geometry.iloc[0].equals(shapely.box(0, 0, 2, 1))
    assert frame.crs == rows.crs


def test_I11_boundaries_of_an_older_extract_are_united():
    extract = osm.read(INPUTS.parent.parent / "liechtenstein" / "roads.osm.pbf")
    same, note = boundaries_to_today(extract)
    assert same is extract
    assert note == ""
    old = extract.boundaries.copy()
    old["code"] = ["69135", "69150", *old["code"].iloc[2:]]
    now, note = boundaries_to_today(extract._replace(boundaries=old))
    frame = now.boundaries
    assert len(frame) == len(old) - 1
    assert frame.index.name == old.index.name
    one = frame[frame["code"] == "69135"].iloc[0]
    assert one["name"] == "Deux-Grosnes"
    assert one["centre"] == old["centre"].iloc[0]
    assert one["geometry"].equals(shapely.union_all(old.geometry.iloc[:2]))
    assert note.startswith("1 ligne : communes regroupées depuis (69150 Ouroux dans 69135")


def test_I11_flows_and_jobs_kept_as_files_are_summed_where_they_are_read(tmp_path):
    flows, work = tmp_path / "f.csv", tmp_path / "j.csv"
    flows.write_text("home,work,workers\n69251,69019,2.5\n69135,69211,4\n69135,75056,1\n")
    work.write_text("code,jobs,workers\n69019,10,20\n69211,5,6\n")
    kinds = tmp_path / "o.csv"
    kinds.write_text(f"code,{','.join(OCCUPATIONS)}\n69251,1,2,3,4,5,6\n69135,1,1,1,1,1,1\n")
    inputs = tables(tmp_path) | {"flows": flows, "jobs": work, "occupations": kinds}
    home = territory.build(tmp_path / "x", title="X", **inputs)
    assert home.occupations.index.tolist() == ["69135"]
    assert home.occupations.loc["69135"].tolist() == [2, 3, 4, 5, 6, 7]
    told = home.flows[["home", "work", "workers"]].to_numpy().tolist()
    assert told == [["69135", "69019", 6.5], ["69135", "75056", 1.0]]
    assert home.flows[["work_lon", "work_lat"]].isna().all(axis=None)  # not known, and no sum
    assert home.jobs.loc["69019", ["jobs", "workers"]].tolist() == [15.0, 26.0]
    assert home.jobs.index.tolist() == ["69019"]
    assert "2 lignes, 6 actifs : communes" in notes(home)["flows"]  # 6,5 to the nearest even
    assert "1 ligne, 5 emplois : communes" in notes(home)["jobs"]
    assert territory.read(tmp_path / "x").digest == home.digest


def test_I11_national_files_of_an_older_year_are_read_for_the_communes_of_now(tmp_path):
    path = tmp_path / "t.csv"
    rows = [dict(row) for row in jobs()]
    rows[0]["CODGEO"], rows[1]["CODGEO"] = "69019", "69211"
    path.write_bytes(as_csv(rows))
    frame, note = employment.read(path, ["69019"])
    assert frame[["jobs", "workers"]].to_numpy().tolist() == [[330.5, 165.25]]
    assert frame["code"].tolist() == ["69019"]
    assert note == "1 code de commune regroupée depuis, remplacé par celui de la commune de 2026."
    rows = [row | {"COMMUNE": "69211"} for row in mobpro()]
    path.write_bytes(as_csv(rows))
    found = commuting.read(path, ["69019"])
    assert set(found.frame["home"]) == {"69019"}
    assert "codes de communes regroupées depuis" in found.note


def test_I11_establishments_of_an_older_year_stand_in_the_commune_of_now(tmp_path):
    belleville = gpd.GeoDataFrame(
        {"lon": [4.75], "lat": [46.11]}, geometry=[shapely.box(4.7, 46.0, 4.8, 46.2)],
        index=pd.Index(["69019"], name="code"), crs=4326,
    )  # fmt: skip
    stock, units = tmp_path / "stock.csv", tmp_path / "units.csv"
    old = {"codeCommuneEtablissement": "69211"}
    stock.write_bytes(as_csv([row | old for row in SIRENE], separator=","))
    units.write_bytes(as_csv(UNITS, separator=","))
    found = sirene.read(stock, belleville, units=units).frame
    assert set(found["commune"]) == {"69019"}
    assert set(found["lon"]) == {4.75}


# Codes known neither way


def test_I11_a_few_residents_of_unknown_communes_are_left_out_and_counted(tmp_path):
    row = "CRS3035RES1000mN2500000E3887000,3887000,2500000,15.0,69998,0.5"

    def with_stranger(lines):
        own = lines[0].split(",")
        told = dict(zip("idcar_1km x y residents_2019 commune share_inside".split(),
                        row.split(","), strict=True))  # fmt: skip
        return [*lines, ",".join(told.get(name.strip(), "") for name in own)]

    home = built(tmp_path, residents=with_stranger)
    assert same_layers(home, territory.read("saone-beaujolais"))
    assert (
        "1 carreaux de communes inconnues écartés : 69998 (8\N{NO-BREAK SPACE}habitants)."
        in notes(home)["layer-residents"]
    )


def test_I11_many_residents_of_unknown_communes_are_refused_with_their_number(tmp_path):
    def lost(lines):
        return [line.replace(",69018,", ",69998,") for line in lines]

    with pytest.raises(InputError, match=r"commune 69998 \(15 cells, \d+ residents\)"):
        built(tmp_path, residents=lost)


# All the faults of all the files


def test_the_faults_of_several_files_are_said_at_once(tmp_path):
    def broken(lines):
        return [*lines, "1001,Perdue"]

    with pytest.raises(InputError) as caught:
        built(tmp_path, communes=broken, premises=broken)
    said = str(caught.value)
    assert "the input files: " in said
    for name in ("communes.csv", "premises.csv"):
        assert f"{tmp_path / name}" in said
