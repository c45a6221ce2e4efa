import logging
import math
from pathlib import Path

import pytest

from planner._errors import InputError
from planner._tables import Column, read_csv
from planner.sources import tables

COMMUNES = {"code": Column("code"), "name": Column(), "population": Column("count")}


@pytest.fixture
def csv(tmp_path):
    def write(text, *, encoding="utf-8"):
        path = tmp_path / "communes.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def read(path, columns=COMMUNES, **options):
    return read_csv(path, what="communes", columns=columns, **options)


def refused(path, *parts, columns=COMMUNES, **options):
    with pytest.raises(InputError) as caught:
        read(path, columns, **options)
    message = str(caught.value)
    assert str(path) in message
    for part in parts:
        assert part in message
    return message


def test_I1_codes_keep_their_zero(csv):
    frame = read(csv("code,name,population\n01001,A,1\n69002,B,2\n"))
    assert list(frame["code"]) == ["01001", "69002"]


@pytest.mark.parametrize("lost", ["1001", "1001.0", "1,001"])
def test_I1_codes_that_lost_their_zero_are_refused_with_the_fix(csv, lost):
    message = refused(csv(f"code;name;population\n{lost};A;1\n"), "row 2, column “code”")
    if lost == "1001":
        assert "Write 01001" in message


def test_I2_letters_in_codes_are_kept_and_raised_and_malformed_codes_listed(csv):
    assert list(read(csv("code,name,population\n2a004,A,1\n2B033,B,1\n"))["code"]) == [
        "2A004",
        "2B033",
    ]
    refused(csv("code,name,population\n10E01,A,1\n2C004,B,1\n"), "“10E01”", "“2C004”", "2 faults")


def test_I2_an_id_like_a_power_of_ten_stays_text(csv):
    frame = read(csv("code\n10E01\n"), {"code": Column()})
    assert list(frame["code"]) == ["10E01"]


def test_I3_windows_1252_is_detected_and_said(csv, caplog):
    with caplog.at_level(logging.INFO):
        frame = read(csv("code,name,population\n69002,Œuilly-Mâcon,1\n", encoding="cp1252"))
    assert list(frame["name"]) == ["Œuilly-Mâcon"]
    assert "Windows-1252" in caplog.text


def test_I3_byte_order_mark_is_not_part_of_the_first_column(csv):
    assert list(read(csv("code,name,population\n69002,É,1\n", encoding="utf-8-sig"))) == [*COMMUNES]


def test_I3_neither_utf8_nor_windows_is_refused(csv):
    refused(csv(b"code,name,population\n69002,\x81,1\n"), "neither UTF-8 nor Windows-1252")


@pytest.mark.parametrize("damage", ["latin-1", "cp1252"])
@pytest.mark.parametrize("name", ["Mâcon", "Émeringes", "Cœuvres", "l’Arbresle", "Jullié"])
def test_I4_mojibake_is_refused_with_the_name(csv, name, damage):
    try:
        broken = name.encode().decode(damage)
    except UnicodeDecodeError:
        pytest.skip("this encoding cannot show these bytes")
    refused(csv(f"code,name,population\n69002,{broken},1\n"), "line 2", broken, "accents")


def test_I4_true_accents_are_not_taken_for_mojibake(csv):
    names = "« CAFÉ » ! ; CAFÉ\xa0!; ÉÂÃ; Œ°; São João; NOËL\xa0; Âge".replace(";", "")
    assert len(read(csv(f"code,name,population\n69002,{names},1\n"))) == 1


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1234,5", 1234.5),
        ("1 234,5", 1234.5),
        ("1\u202f234\u202f567", 1234567.0),
        ("1\u00a0234.25", 1234.25),
        ("-3,5", -3.5),
        ("1e3", 1000.0),
        (",5", 0.5),
    ],
)
def test_I5_decimal_comma_and_spaces_in_thousands(csv, cell, value):
    assert list(read(csv(f"x;y\n{cell};a\n"), {"x": Column("number")})["x"]) == [value]


@pytest.mark.parametrize("cell", ["abc", "nan", "inf", "1e999", "12 34", "5'229", "1,2,3", "0x10"])
def test_I5_what_is_not_a_number_is_listed_by_row(csv, cell):
    refused(
        csv(f"x;y\n1;a\n{cell};b\n"), "row 3, column “x”", cell, columns={"x": Column("number")}
    )


@pytest.mark.parametrize("name", ["NA", "None", "Null", "NaN", "nan", "n/a", "-", "=1+1", "<NA>"])
def test_I6_names_that_look_missing_stay_text(csv, name):
    assert list(read(csv(f"code,name,population\n69002,{name},1\n"))["name"]) == [name]


@pytest.mark.parametrize("cell", ["", "-5", "inf", "NaN", "beaucoup", "12.5"])
def test_I7_bad_populations_are_refused_by_row(csv, cell):
    refused(csv(f"code,name,population\n69001,A,1\n69002,B,{cell}\n"), "row 3, column “population”")


def test_I7_missing_numbers_only_where_allowed(csv):
    frame = read(csv("code,x\n69001,\n69002,2\n"), {"x": Column("number", empty=True)})
    assert math.isnan(frame["x"][0])
    assert frame["x"][1] == 2.0


def test_I8_all_faults_are_said_at_once(csv):
    text = "code,name,population\n69002,A,1\n69002,B,2\n69003,C\n69004,D,4,5\n69005,,6\n"
    refused(
        csv(text),
        "row 3, column “code”: 69002 is already on row 2",
        "row 4: 2 cells where the header has 3",
        "row 5: 4 cells",
        "row 6, column “name”: empty",
        "4 faults",
        key="code",
    )


def test_I8_duplicate_and_nameless_headers(csv):
    text = "code,Name,population,name,\n69002,A,1,B,\n"
    refused(csv(text), "column “name” appears 2 times", "column 5 has no name")


def test_I8_many_faults_are_counted(csv):
    rows = "".join(f"{69000 + n},A,x\n" for n in range(50))
    refused(csv("code,name,population\n" + rows), "50 faults", "and 30 more")


def test_I8_an_unclosed_quote_is_refused(csv):
    refused(csv('code,name,population\n69002,"A,1\n'), "quotation mark")


def test_I9_missing_column_names_found_and_wanted(csv):
    refused(csv("code,nom\n69002,A\n"), "missing columns: name, population", "Found: code, nom")


@pytest.mark.parametrize("separator", ["\t", "|"])
def test_I9_wrong_separator(csv, separator):
    text = separator.join(["code", "name", "population"]) + "\n"
    refused(csv(text), "comma or a semicolon", "Wanted: code, name, population")


@pytest.mark.parametrize(
    ("text", "said"), [("", "is empty"), ("\n\n ,\n", "no text"), ("code,name,population\n", "row")]
)
def test_I9_empty_file_and_header_only(csv, text, said):
    refused(csv(text), said)


def test_I9_missing_file_is_named(tmp_path):
    refused(tmp_path / "absent.csv", "not found")


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xff\xfec\0o\0", b"a\0b"])
def test_I10_a_spreadsheet_is_not_read_as_csv(csv, start):
    refused(csv(start + b"code"), "CSV UTF-8")


def test_I13_larger_than_the_cap_is_refused_before_reading(csv):
    refused(csv("code,name,population\n69002,A,1\n"), "31 bytes", "20 read", max_bytes=20)


def test_quoted_separators_columns_in_any_order_and_case(csv):
    text = 'Population;"NAME";postcodes;code\n1;"Deux;Grosnes ";"69430;69860";69135\n\n'
    assert read(csv(text)).to_dict("list") == {
        "code": ["69135"],
        "name": ["Deux;Grosnes"],
        "population": [1],
    }


def test_column_that_may_be_absent(csv):
    columns = {"code": Column("code"), "note": Column(required=False)}
    assert list(read(csv("code,x\n69002,1\n"), columns)["note"]) == [""]


def test_bounds_of_a_number(csv):
    refused(csv("x\n1.2\n"), "outside 0 to 1", columns={"x": Column("number", low=0, high=1)})


@pytest.mark.parametrize("step", range(1, 16))
def test_a_truncated_file_is_read_or_refused_never_worse(csv, step):
    whole = (data_folder() / "saone-beaujolais" / "inputs" / "residents.csv").read_bytes()
    path = csv(whole[: len(whole) * step // 16])
    try:
        tables.read_cells(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017 - both outcomes are right


def test_G2_swapped_positions_are_refused_with_the_fix(csv):
    text = "code,name,population,lon,lat\n69002,Aigueperse,239,46.277,4.434\n"
    with pytest.raises(InputError, match=r"69002: lon 46\.277.*outside France.*exchange"):
        tables.read_communes(csv(text))


def test_G2_metres_are_not_degrees(csv):
    text = "code,name,population,lon,lat\n69002,Aigueperse,239,810000,6570000\n"
    with pytest.raises(InputError, match="not degrees"):
        tables.read_communes(csv(text))


def test_overseas_communes_are_not_in_the_metropolitan_box(csv):
    text = "code,name,population,lon,lat\n97102,Anse-Bertrand,4000,-61.5,16.47\n"
    assert len(tables.read_communes(csv(text))) == 1


def test_cells_whose_id_is_another_corner_are_refused(csv):
    head = "idcar_1km,x,y,residents_2019,commune,share_inside\n"
    row = "CRS3035RES1000mN2583000E3887000,2583000,3887000,15.0,69186,0.5\n"  # x and y swapped
    with pytest.raises(InputError, match="not the cell whose lower-left corner"):
        tables.read_cells(csv(head + row))


def test_premises_of_an_unknown_kind_get_a_suggestion(csv):
    head = "id,name,kind,commune,lon,lat,status,source\n"
    with pytest.raises(InputError, match="Did you mean bakery"):
        tables.read_premises(csv(head + "a,NA,bakry,69002,4.4,46.2,,\n"))


def test_statuses_of_premises(csv):
    head = "id,name,kind,commune,lon,lat,status,source\n"
    statuses = ["existing (to confirm)", "position to confirm", "", "public facility"]
    rows = [f"p{n},,cafe,69002,4.4,46.2,{text},INSEE" for n, text in enumerate(statuses)]
    frame = tables.read_premises(csv(head + "\n".join(rows)))
    assert list(frame["status"]) == ["existing", "to_confirm", "candidate", "candidate"]
    assert list(frame["source"])[1:3] == ["INSEE – position to confirm", "INSEE"]


def test_sources_of_an_unknown_input_get_a_suggestion(csv):
    with pytest.raises(InputError, match="Did you mean roads"):
        tables.read_sources(csv("name,licence\nroad,ODbL\n"))


def data_folder():
    return Path(__file__).parent.parent / "data"


def test_I7_a_count_beyond_any_country_is_refused(tmp_path):
    path = tmp_path / "populations.csv"
    path.write_text("code,population\n69001,1e300\n69002,99999999999999999999\n")
    with pytest.raises(InputError, match="99999999999999999999"):
        read_csv(
            path,
            what="populations",
            columns={"code": Column("code"), "population": Column("count")},
        )
