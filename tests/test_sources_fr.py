"""The lists and tables of publishers: BPE, third places, France services, MOBPRO, jobs."""

import io

import pandas as pd
import pytest
from fixtures_fr import (
    FRANCE_SERVICES,
    STATE_LIST,
    THIRD_PLACES,
    TYPES,
    as_csv,
    as_json,
    as_zip,
    bpe,
    communes,
    jobs,
    mobpro,
)

from planner import InputError
from planner.sources import (
    api_geo,
    employment,
    france_services,
    third_places,
)
from planner.sources import bpe as shops
from planner.sources import mobpro as commuting
from planner.sources.tables import read_premises

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


def test_I11_jobs_of_other_communes_are_refused(read):
    with pytest.raises(InputError, match="no row for communes 01901"):
        read(employment, as_csv([jobs()[0], jobs()[2]]))
    with pytest.raises(InputError, match="on several rows: 01900"):
        read(employment, as_csv([jobs()[0], *jobs()]))
