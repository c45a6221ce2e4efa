"""The lists and tables of publishers: BPE, third places, France services, MOBPRO, jobs."""

import io

import pandas as pd
import pytest
from fixtures_fr import (
    FRANCE_SERVICES,
    SIRENE,
    STATE_LIST,
    THIRD_PLACES,
    TYPES,
    UNITS,
    as_csv,
    as_json,
    as_zip,
    bpe,
    communes,
    jobs,
    mobpro,
    sirene_places,
)

from planner import InputError
from planner.sources import (
    api_geo,
    employment,
    france_services,
    sirene,
    third_places,
)
from planner.sources import bpe as shops
from planner.sources import mobpro as commuting
from planner.sources.tables import OCCUPATIONS, read_establishments, read_occupations, read_premises

CODES = ["01900", "01901"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    path = tmp_path_factory.mktemp("communes") / "communes.json"
    path.write_bytes(as_json(communes()))
    return api_geo.read(path)


@pytest.fixture
def read(shapes, tmp_path):
    def reading(module, content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        tabular = module in {commuting, employment}
        return module.read(path, CODES if tabular else shapes)

    return reading


# BPE


@pytest.mark.parametrize("shape", ["plain", "zip", "list", "parquet"])
def test_shops_and_services_of_the_communes(read, shape):
    content, name = as_csv(bpe()), "BPE24.csv"
    if shape == "zip":
        content, name = as_zip(BPE24__csv=content, lisez_moi__txt=b"?"), "BPE24.zip"
    if shape == "list":
        codes = as_csv(TYPES, encoding="cp1252")
        content, name = as_zip(BPE24__csv=content, Varmod__csv=codes), "BPE24.zip"
    if shape == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow reads Parquet: an extra of the package")
        made = io.BytesIO()
        frame = pd.DataFrame(bpe())
        for column in ("LONGITUDE", "LATITUDE"):
            frame[column] = pd.to_numeric(frame[column])
        frame.to_parquet(made)
        content, name = made.getvalue(), "BPE24.parquet"
    found = read(shops, content, name)
    assert list(found.frame["kind"]) == ["townhall", "restaurant", "convenience"]
    assert list(found.frame["commune"]) == ["01900", "01901", "01900"]
    assert list(found.frame["name"]) == ["LE N°1", "LE N°3", "LE N°0"]
    assert set(found.frame["source"]) == {"Insee, BPE 2024"}
    assert "3 lieux ; 1 sans position, écartés (LE N°4) ; 1 loin" in found.note


@pytest.mark.parametrize("comma", [False, True])
def test_old_editions_are_in_lambert_with_a_decimal_comma(read, comma):
    old = read(shops, as_csv(bpe(2021), comma=comma, encoding="cp1252"))
    new = read(shops, as_csv(bpe()))
    assert list(old.frame["id"]) == list(new.frame["id"])
    assert list(old.frame["name"]) == ["Mairie", "Restaurant", "Épicerie"]
    assert set(old.frame["source"]) == {"Insee, BPE 2021 (position : Bonne)"}


def test_a_code_means_what_the_list_of_its_edition_says():
    assert shops.kind_of("B201", edition=2024, labels={"B201": "Poissonnerie"}) == ""
    assert shops.kind_of("B105", edition=2025, labels={}) == "general"
    labels = {"B105": "Supermarché et magasin multi-commerce", "B104": "Hypermarché"}
    assert shops.kind_of("B105", edition=2025, labels=labels) == "general"
    assert shops.kind_of("B104", edition=2025, labels=labels) == "supermarket"
    assert shops.kind_of("B201", edition=0, labels={}) == ""
    assert shops.kind_of("B203", edition=2024, labels={}) == ""
    assert {kind for kind, _, _ in shops.CODES.values()} <= set(shops.NAMES)
    assert {kind for _, kind in shops.LABELS} == set(shops.NAMES)


def test_two_establishments_at_one_place_keep_their_own_ids(read):
    rows = [*bpe(), bpe()[0]]
    ids = list(read(shops, as_csv(rows)).frame["id"])
    assert len(set(ids)) == len(ids) == 4
    assert sorted(i.endswith("-2") for i in ids) == [False, False, False, True]
    assert list(read(shops, as_csv(rows[::-1])).frame["id"]) == ids


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"LONGITUDE": "est"}, r"row 2, column “LONGITUDE”: “est” is not a number"),
        ({"NOMRS": "CafÃ© du Col"}, "accents were damaged"),
    ],
)
def test_I4_I5_a_faulty_row_is_refused(read, changes, said):
    rows = bpe()
    rows[0] |= changes
    with pytest.raises(InputError, match=said):
        read(shops, as_csv(rows))


def test_G2_a_position_on_no_map_is_left_out_and_said(read):
    rows = bpe()
    rows[0] |= {"LONGITUDE": 1e9}
    found = read(shops, as_csv(rows))
    assert len(found.frame) == 2
    assert "2 loin de leur commune, écartés (LE N°0, LE N°5)" in found.note


def test_I9_a_table_without_positions_says_what_to_take(read):
    rows = [{key: row[key] for key in ("DEPCOM", "TYPEQU", "AN")} for row in bpe()]
    with pytest.raises(InputError, match="LONGITUDE and LATITUDE, or LAMBERT_X"):
        read(shops, as_csv(rows))
    with pytest.raises(InputError, match=r"not a BPE table\. Columns missing: depcom"):
        read(shops, as_csv(mobpro()))


# Third places, France services


def test_third_places_of_both_lists(read):
    for rows, separator in ((THIRD_PLACES, ","), (STATE_LIST, ";")):
        found = read(third_places, as_csv(rows, separator=separator))
        assert [name.split(",")[0] for name in found.frame["name"]] == ["Le Relais", "La Fabrique"]
        assert list(found.frame["commune"]) == CODES
        assert list(found.frame["status"]) == ["existing", "to confirm"]


def test_france_services(read, tmp_path):
    found = read(france_services, as_csv(FRANCE_SERVICES, separator=","))
    assert found.frame.to_dict("records") == [
        {
            "id": "fs-570",
            "name": "France services de Bourg",
            "kind": "france_services",
            "commune": "01900",
            "lon": 4.8121,
            "lat": 46.2161,
            "status": "candidate",
            "source": france_services.SOURCE,
        }
    ]
    found.frame.to_csv(tmp_path / "premises.csv", index=False)
    assert len(read_premises(tmp_path / "premises.csv")) == 1


@pytest.mark.parametrize("module", [shops, third_places, france_services, commuting, employment])
def test_G6_I9_what_is_another_table_is_refused(read, tmp_path, module):
    for content in (b"a;b\n1;2\n", as_zip(a__csv=b"a;b\n"), b"\0\1\2", b"PK\x03\x04nothing"):
        with pytest.raises(InputError, match=r"table\.csv"):
            read(module, content)
        with pytest.raises(InputError, match=r"table\.csv"):
            module.check(tmp_path / "table.csv")


# Cooperatives and associations


@pytest.fixture
def stock(tmp_path):
    def written(establishments=SIRENE, units=UNITS, places=None):
        given = {"etab.csv": establishments, "units.csv": units, "places.csv": places}
        for name, rows in given.items():
            if rows is not None:
                (tmp_path / name).write_bytes(as_csv(rows, separator=","))
        return tmp_path / "etab.csv", {
            name: tmp_path / f"{name}.csv"
            for name in ("units", "places")
            if given[f"{name}.csv"] is not None
        }

    return written


def test_S16_cooperatives_and_associations_that_are_open_in_the_communes(shapes, stock, tmp_path):
    path, options = stock(places=sirene_places())
    found = sirene.read(path, shapes, **options)
    assert found.frame[["id", "name", "kind", "commune"]].to_numpy().tolist() == [
        ["00100000100011", "Menuiserie du Col", "scop", "01900"],
        ["00100000200011", "SCIC Bois d’Œuvre", "scic", "01901"],
        ["00100000300011", "Foyer rural", "association", "01901"],
    ]
    assert found.frame.loc[0, ["lon", "lat"]].tolist() == pytest.approx([4.8115, 46.2165], abs=1e-6)
    assert found.frame.loc[2, ["lon", "lat"]].tolist() == [4.845, 46.215]
    assert found.frame.loc[2, "source"] == "Insee, Sirene (centre de la commune)"
    assert "3 lieux. 1 sans position, placés au centre de leur commune." in found.note
    assert "SCIC et CAE reconnues par leur nom seulement" in found.note
    found.frame.drop(columns="status").to_csv(tmp_path / "ours.csv", index=False)
    assert read_establishments(tmp_path / "ours.csv")["id"].tolist() == found.frame["id"].tolist()


def test_without_positions_all_stand_at_the_centres(shapes, stock):
    path, options = stock()
    found = sirene.read(path, shapes, **options)
    assert found.frame["source"].str.endswith("(centre de la commune)").all()
    assert "3 sans position" in found.note


def test_G6_I9_what_is_no_sirene_is_refused_and_faults_are_told_by_row(shapes, stock):
    path, options = stock(units=[{"siren": "001000001", "nom": "a"}])
    with pytest.raises(InputError, match=r"stock of legal units.*categoriejuridiqueunitelegale"):
        sirene.read(path, shapes, **options)
    path, options = stock(places=[{"siret": "00100000100011", "x": "ici", "y": 1}])
    with pytest.raises(InputError, match="row 2, column “x”: “ici” is not a number"):
        sirene.read(path, shapes, **options)


def test_establishments_of_a_table_are_refused_by_row(tmp_path):
    path = tmp_path / "establishments.csv"
    path.write_text("id;name;kind;commune;lon;lat\n1;A;scopp;01900;4,8;46,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"“scopp” is not known. Did you mean scop\?"):
        read_establishments(path)


# Commuting and jobs


@pytest.mark.parametrize("packed", [False, True])
def test_commuters_are_summed_by_pair_and_keep_their_decimals(read, packed):
    content = as_csv(mobpro())
    content = as_zip(FD_MOBPRO_2019__csv=content) if packed else content
    found = read(commuting, content)
    assert found.frame.to_numpy().tolist() == [
        ["01900", "01900", 3.75000000001],
        ["01900", "69123", 250.125],
        ["01901", "99999", 3.0],
        ["2A004", "01901", 4.75],
    ]
    assert "257 actifs résidents, dont 4 travaillent dans le territoire" in found.note
    assert "3 flux sur 4 comptent moins de 200 actifs (4 % des actifs)" in found.note


def test_I1_a_home_that_lost_its_zero_is_refused(read):
    rows = mobpro()
    rows[4]["COMMUNE"] = "1004"
    with pytest.raises(InputError, match=r"row 6, column “COMMUNE”: “1004” is not a commune code"):
        read(commuting, as_csv(rows))
    rows[4] |= {"COMMUNE": "01004", "IPONDI": "beaucoup"}
    with pytest.raises(InputError, match=r"row 6, column “IPONDI”: “beaucoup”"):
        read(commuting, as_csv(rows))
    with pytest.raises(InputError, match="nobody lives or works"):
        read(commuting, as_csv(rows[-1:]))


@pytest.mark.parametrize("year", [11, 19, 22])
def test_jobs_of_any_year(read, year):
    frame, note = read(employment, as_csv(jobs(year), comma=year == 11))
    assert note == ""
    assert frame.to_numpy().tolist() == [["01900", 310.5, 155.25], ["01901", 20.0, 10.0]]


@pytest.mark.parametrize("year", [11, 19, 22])
def test_occupations_of_any_year_come_from_the_file_of_the_jobs(tmp_path, year):
    path = tmp_path / "table.csv"
    path.write_bytes(as_csv(jobs(year)))
    frame = employment.read_occupations(path, CODES).frame
    assert list(frame) == ["code", *OCCUPATIONS]
    assert frame["code"].tolist() == ["01900", "01901"]
    assert frame.iloc[1, 1:].tolist() == pytest.approx([2, 3, 2.5, 1.5, 0.8, 0.2])
    frame.to_csv(path, index=False)
    assert read_occupations(path).loc["01901", "cadres"] == 2


def test_I9_jobs_without_occupations_have_none(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(as_csv([{k: v for k, v in row.items() if k[0] != "C" or k == "CODGEO"}
                             for row in jobs()]))  # fmt: skip
    with pytest.raises(InputError, match=r"Columns missing: .*c40_actocc1564_cs1"):
        employment.read_occupations(path, CODES)


def test_I7_a_negative_number_of_people_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(as_csv([jobs()[0], jobs()[1] | {"C19_ACTOCC1564_CS3": -1}]))
    with pytest.raises(InputError, match="row 3, column “C19_ACTOCC1564_CS3”: “-1”"):
        employment.read_occupations(path, CODES)


def test_I11_jobs_of_other_communes_are_refused(read):
    with pytest.raises(InputError, match="no row for communes 01901"):
        read(employment, as_csv([jobs()[0], jobs()[2]]))
    with pytest.raises(InputError, match="on several rows: 01900"):
        read(employment, as_csv([jobs()[0], *jobs()]))
