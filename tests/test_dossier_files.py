"""What a dossier gives to spreadsheets, QGIS and printers."""

import datetime as dt
import io
import os
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import openpyxl
import pyogrio
import pypdf
import pytest
from instances import shipped
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from test_dossier import PIXEL
from test_maps import PAYLOADS

from planner import Scenario, run, territory
from planner._format import euros
from planner._language import say, speaking
from planner.dossier import Brand, _paper, _stamps, communes_pdf, geopackage, map_pdf, workbook
from planner.dossier._charts import drawable
from planner.dossier._communes import money_words, paid
from planner.maps._words import COVERAGE_COLOURS, STATUSES, TIERS, status_words
from planner.spreadsheets import read_assumptions

FORMULAS = ["=1+1", "+33 4", "-2", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "a\x00b\x0bc"]


@pytest.fixture(scope="module")
def plan():
    home = territory.read("saone-beaujolais")
    return run(home, Scenario(name="complet", studies=("phases",), time_limit_s=20))


@pytest.fixture(scope="module")
def hostile(plan):
    texts = [*FORMULAS, *PAYLOADS, "x" * 40_000, "$x^$"]

    def spoilt(frame, columns):
        cells = (texts * len(frame))[: len(frame)]
        return frame.assign(**dict.fromkeys(columns, cells))

    return replace(
        plan,
        title="=1+1 {{7*7}} $x$ & <b>",
        sites=spoilt(plan.sites, ("name", "kind", "commune_name")),
        communes=spoilt(plan.communes, ("name",)),
        left_out=spoilt(plan.left_out, ("name", "kind", "commune_name", "why")),
        sources=spoilt(plan.sources, ("what", "source", "licence", "date", "note")),
        notes=tuple(texts[:8]),
    )


# The spreadsheet


@pytest.fixture(scope="module")
def book(plan):
    return openpyxl.load_workbook(io.BytesIO(workbook(plan, brand=Brand(name="CC d’Essai"))))


def column(sheet, heading, *, head):
    """The cells under a heading."""
    (at,) = [cell.column for cell in sheet[head] if cell.value == heading]
    return [sheet.cell(row, at) for row in range(head + 1, sheet.max_row + 1)]


def test_codes_are_text_and_numbers_are_numbers(book, plan):
    communes = book["Communes"]
    codes = column(communes, "code", head=3)[: len(plan.communes)]
    assert [cell.value for cell in codes] == list(plan.communes.index)
    assert {cell.data_type for cell in codes} == {"s"}
    shares = column(communes, "part à 10 min d’un site", head=3)[: len(plan.communes)]
    assert [cell.value for cell in shares] == pytest.approx(plan.communes["share_mesh"])
    assert {cell.number_format for cell in shares} == {"0.0 %"}
    euros = column(book["Budget"], "total (€ HT)", head=3)
    assert all(cell.data_type in "nf" for cell in euros)


def test_totals_are_formulas_whose_value_is_known(plan):
    raw = workbook(plan, brand=Brand())
    told = openpyxl.load_workbook(io.BytesIO(raw))["Budget"]
    known = openpyxl.load_workbook(io.BytesIO(raw), data_only=True)["Budget"]
    (total,) = [cell for cell in column(told, "total (€ HT)", head=3) if cell.data_type == "f"]
    assert total.value.startswith("=SUM(")
    assert known[total.coordinate].value == pytest.approx(plan.ledger["cents"].sum() / 100)


def test_every_number_and_word_has_room(book):
    for sheet in book:
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert sheet.page_setup.fitToHeight == 0
        assert sheet.print_title_rows
        top = int(sheet.print_title_rows.split("$")[-1])
        widths = {
            column: group.width
            for group in sheet.column_dimensions.values()
            for column in range(group.min, group.max + 1)
        }
        for cell in (cell for row in sheet.iter_rows(min_row=top) for cell in row):
            width = widths[cell.column]
            if cell.data_type == "n" and cell.value is not None:
                digits = {"#,##0.00": ",.2f", "#,##0.0": ",.1f"}.get(cell.number_format, ",.0f")
                assert len(format(cell.value, digits)) < width
            elif cell.data_type == "s" and sheet.title != "Hypothèses":
                lines = (sheet.row_dimensions[cell.row].height or 15) / 15
                assert len(cell.value) <= width * lines


def test_estimated_times_are_said_on_the_sheets(book):
    for name in ("Essentiel", "Sites", "Communes"):
        assert "Temps estimés" in str(book[name]["A1"].value)


def test_the_sheet_of_figures_can_be_changed_and_read_back(plan, tmp_path):
    path = tmp_path / "tableaux.xlsx"
    path.write_bytes(workbook(plan, brand=Brand()))
    assert read_assumptions(path) == {}
    changed = openpyxl.load_workbook(path)
    sheet = changed["Hypothèses"]
    (row,) = [cell.row for cell in sheet["A"] if cell.value == "rebound"]
    sheet.cell(row, 3).value = 0.1
    changed.save(path)
    assert read_assumptions(path) == {"rebound": 0.1}


def test_O4_no_cell_of_a_workbook_is_a_formula_but_the_totals(hostile):
    made = openpyxl.load_workbook(io.BytesIO(workbook(hostile, brand=Brand(name="=1+1"))))
    formulas = {
        cell.value
        for sheet in made
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    }
    assert formulas
    assert all(value.startswith("=SUM(") for value in formulas)
    names = [cell.value for cell in column(made["Sites"], "nom", head=3)]
    assert "=1+1" in names
    assert "x" * 32_766 + "…" in {
        cell.value for cell in column(made["Communes"], "commune", head=3)
    }
    assert not any(sheet._hyperlinks for sheet in made)


def test_libreoffice_recomputes_our_totals(plan, tmp_path):
    office = shutil.which("soffice")
    if office is None:
        message = "no LibreOffice here (apt-get install libreoffice-calc-nogui)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    path = tmp_path / "tableaux.xlsx"
    path.write_bytes(workbook(plan, brand=Brand()))
    # Totals without the value we wrote, so that LibreOffice has to find it.
    blank = openpyxl.load_workbook(path)
    blank.save(path)
    subprocess.run(
        [office, "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
         "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(tmp_path / "out"),
         str(path)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    again = openpyxl.load_workbook(tmp_path / "out" / "tableaux.xlsx", data_only=True)
    ours = openpyxl.load_workbook(io.BytesIO(workbook(plan, brand=Brand())), data_only=True)
    totals = [
        (sheet.title, cell.coordinate)
        for sheet in blank
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    ]
    assert len(totals) >= 10
    for sheet, place in totals:
        assert again[sheet][place].value == pytest.approx(ours[sheet][place].value), (sheet, place)


# The GeoPackage


@pytest.fixture(scope="module")
def package(plan, tmp_path_factory):
    path = tmp_path_factory.mktemp("gpkg") / "reseau.gpkg"
    path.write_bytes(geopackage(plan))
    return path


def test_the_geopackage_holds_the_plan(package, plan):
    layers = [name for name, _ in pyogrio.list_layers(package)]
    assert layers == ["communes", "isochrones", "habitants", "ecartes", "sites", "layer_styles"]
    sites = pyogrio.read_dataframe(package, layer="sites")
    assert list(sites["identifiant"]) == list(plan.sites.index)
    assert sites["usagers_attendus"].sum() == pytest.approx(plan.sites["users"].sum())
    assert sites.crs == "EPSG:4326"
    people = pyogrio.read_dataframe(package, layer="habitants")
    assert people["habitants"].sum() == pytest.approx(plan.people["residents"].sum())
    reached = np.isfinite(plan.people["minutes"]).to_numpy()
    assert (people["minutes"].notna() == reached).all()
    communes = pyogrio.read_dataframe(package, layer="communes")
    assert list(communes["code"]) == list(plan.communes.index)
    assert (communes["temps"] == "temps estimés").all()


def test_roads_are_a_layer_where_there_are_any(tmp_path):
    path = tmp_path / "reseau.gpkg"
    path.write_bytes(geopackage(shipped("liechtenstein")))
    roads = pyogrio.read_dataframe(path, layer="routes")
    assert len(roads) == len(shipped("liechtenstein").roads)


def test_every_layer_has_a_style_that_speaks_of_its_columns(package):
    with sqlite3.connect(package) as base:
        styles = dict(base.execute("SELECT f_table_name, styleQML FROM layer_styles"))
        default = base.execute("SELECT DISTINCT useAsDefault, f_geometry_column FROM layer_styles")
        assert default.fetchall() == [(1, "geom")]
        columns = {
            name: {row[1] for row in base.execute(f"PRAGMA table_info({name})")} for name in styles
        }
    base.close()
    assert set(styles) == {"communes", "isochrones", "habitants", "ecartes", "sites"}
    for name, style in styles.items():
        root = ET.fromstring(style.partition("\n")[2])  # noqa: S314 - written by us
        renderer = root.find("renderer-v2")
        symbols = {symbol.get("name") for symbol in root.iter("symbol")}
        used = {one.get("symbol") for kind in ("category", "range") for one in root.iter(kind)}
        assert used <= symbols
        assert renderer.get("attr", "nom") in columns[name] | {"nom"}
        for text in root.iter("text-style"):
            assert text.get("fieldName") in columns[name]
    rgba = {
        f"{int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:7], 16)}"
        for colour in (*COVERAGE_COLOURS, *(look.colour for look in TIERS.values()))
    }
    whole = "".join(styles.values())
    assert all(colour in whole for colour in rgba)
    classes = ET.fromstring(styles["sites"].partition("\n")[2])  # noqa: S314 - written by us
    assert {one.get("value") for one in classes.iter("category")} == {
        look.one for look in TIERS.values()
    }


def test_O1_names_reach_the_geopackage_as_they_are(hostile, tmp_path):
    path = tmp_path / "reseau.gpkg"
    path.write_bytes(geopackage(hostile))
    read = pyogrio.read_dataframe(path, layer="sites")["nom"].tolist()
    ours = [str(name).replace("\x00", "") for name in hostile.sites["name"]]
    assert read == ours


# Paper


@pytest.fixture(scope="module")
def sheets(plan):
    return pypdf.PdfReader(io.BytesIO(communes_pdf(plan, brand=Brand(name="CC d’Essai"))))


def words(page):
    return " ".join(page.extract_text().split())


def fonts(page):
    found = {}
    for one in page["/Resources"]["/Font"].values():
        (inside,) = one.get_object()["/DescendantFonts"]
        found[one.get_object()["/BaseFont"]] = inside.get_object()["/FontDescriptor"].get_object()
    return found


def millimetres(page):
    return [round(float(side) * 25.4 / 72) for side in page.mediabox[2:]]


def test_the_map_is_one_a3_sheet_that_says_the_figures(plan):
    brand = Brand(name="CC d’Essai", date=dt.date(2026, 12, 3), logo=PIXEL)
    (page,) = pypdf.PdfReader(io.BytesIO(map_pdf(plan, brand=brand))).pages
    assert millimetres(page) == [420, 297]
    said = words(page)
    for figure in plan.figures():
        assert " ".join(figure.label.split()) in said
        assert " ".join(figure.value.split()) in said
    for text in (
        "CC d’Essai", "document de travail", "3 décembre 2026", "complet", "km",
        plan.digest[:12], "Insee, Filosofi 2019", "Temps estimés", "Belleville-en-Beaujolais",
    ):  # fmt: skip
        assert text in said
    assert all("/FontFile2" in one for one in fonts(page).values())
    assert page.images == [] or len(page.images) == 1  # the logo: the map itself is drawn


def test_every_commune_has_its_a4_sheet(sheets, plan):
    order = plan.communes.sort_values("name", kind="stable")
    assert len(sheets.pages) == len(order)
    for page, (code, commune) in zip(sheets.pages, order.iterrows(), strict=True):
        assert millimetres(page) == [210, 297]
        said = words(page)
        assert commune["name"] in said
        lines = plan.ledger[(plan.ledger["commune"] == code) & (plan.ledger["payer"] == "commune")]
        assert " ".join(euros(lines["cents"].sum() / 100).split()) in said
        for name in plan.sites.loc[plan.sites["commune"] == code, "name"]:
            assert name[:30] in said
    assert all("/FontFile2" in one for one in fonts(sheets.pages[0]).values())
    assert sheets.metadata.title == "Saône-Beaujolais : complet"
    assert "/CreationDate" not in sheets.metadata


def test_O1_names_are_text_on_paper_and_no_formula(hostile):
    (page,) = pypdf.PdfReader(io.BytesIO(map_pdf(hostile, brand=Brand(name="$x^$")))).pages
    assert "{{7*7}} $x$ & <b>" in words(page)
    sheets = pypdf.PdfReader(io.BytesIO(communes_pdf(hostile, brand=Brand()))).pages
    assert len(sheets) == len(hostile.communes)
    whole = " ".join(words(page) for page in sheets)
    assert "=1+1" in whole
    assert "{{" in whole


def test_roads_are_on_the_map_where_there_are_any():
    plan = shipped("liechtenstein")
    with_roads = map_pdf(plan, brand=Brand())
    without = map_pdf(replace(plan, roads=None), brand=Brand())
    assert len(with_roads) > len(without) + 10_000
    assert len(with_roads) < 600_000


def test_the_same_plan_gives_the_same_files(plan):
    assert map_pdf(plan, brand=Brand()) == map_pdf(plan, brand=Brand())
    assert communes_pdf(plan, brand=Brand()) == communes_pdf(plan, brand=Brand())
    assert workbook(plan, brand=Brand()) == workbook(plan, brand=Brand())
    assert geopackage(plan) == geopackage(plan)


def test_nothing_is_left_in_the_temporary_folder(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    geopackage(plan)
    assert list(Path(tmp_path).iterdir()) == []


def test_every_source_is_credited_on_every_sheet(plan):
    credits_ = tuple(f"Éditeur n° {n}, jeu de données (Licence Ouverte 2.0)" for n in range(9))
    many = replace(plan, attribution=credits_, notes=("Réserve. " * 200,))
    for made in (map_pdf(many, brand=Brand()), communes_pdf(many, brand=Brand())):
        for page in pypdf.PdfReader(io.BytesIO(made)).pages:
            said = words(page)
            assert [one for one in credits_ if one not in said] == []


def test_what_sites_bring_is_not_said_to_be_borne(plan):
    gains = [code for code in plan.communes.index if paid(plan, code)[1] < 0]
    assert gains
    for code in gains:
        _, told = money_words(plan, code)
        assert "rapportent" in told
        assert "-" not in told


def test_totals_and_shares_are_there_in_english_too(plan):
    with speaking("en"):
        made = openpyxl.load_workbook(io.BytesIO(workbook(plan, brand=Brand())))
    formulas = [
        (sheet.title, cell.column) for sheet in made for row in sheet.iter_rows() for cell in row
        if cell.data_type == "f"
    ]  # fmt: skip
    french = openpyxl.load_workbook(io.BytesIO(workbook(plan, brand=Brand())))
    assert len(formulas) == sum(
        cell.data_type == "f" for sheet in french for row in sheet.iter_rows() for cell in row
    )
    shares = column(made["Communes"], "share within 10 min of a site", head=3)
    assert {cell.number_format for cell in shares[: len(plan.communes)]} == {"0.0 %"}


def test_a_percentage_of_a_study_is_not_multiplied_by_a_hundred():
    plan = run(territory.read("saone-beaujolais"),
               Scenario(studies=("pareto",), pareto_points=3))  # fmt: skip
    made = openpyxl.load_workbook(io.BytesIO(workbook(plan, brand=Brand())))
    cells = column(made["Pareto"], "part (%)", head=3)
    told = [cell.value for cell in cells if cell.value is not None]
    assert told == pytest.approx(plan.studies["pareto"].rows["part (%)"].tolist())
    assert not any("%" in cell.number_format for cell in cells)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_words_of_a_sheet_stay_in_their_columns(language):
    (tier_at, status_at, seats_at), wide = _paper._SITE_COLUMNS[1:4], 72 * _paper._A4[0]
    with speaking(language), mpl.rc_context(_paper._PAPER):
        statuses = [status_words(kind, one) for one in STATUSES for kind in ("hall", "host")]
        for words_, room in (
            ([say(look.one) for look in TIERS.values()], status_at - tier_at),
            (statuses, abs(seats_at) - 0.025 - status_at),
        ):
            for word in words_:
                text = drawable(word, longest=_paper._STATUS_LONGEST)
                width = TextPath((0, 0), text, size=_paper._CELL).get_extents().width
                assert width / wide < room - 0.005, word


def placed(content, page):
    """The texts of a page with where they stand."""
    found = []

    def told(text, outer, inner, *_):
        if text.strip():
            x, y = (
                outer[at] * inner[4] + outer[2 + at] * inner[5] + outer[4 + at] for at in (0, 1)
            )
            found.append((text.strip(), round(x, 2), round(y, 2)))

    pypdf.PdfReader(io.BytesIO(content)).pages[page].extract_text(visitor_text=told)
    return found


def test_a_stamp_writes_on_every_page_what_drawing_would():
    heights = (0.9, 0.4, 0.55)
    look = {"fontsize": 12, "color": "#7a3e00", "ha": "right"}

    def made(*, stamps):
        content = io.BytesIO()
        with PdfPages(content, metadata={"CreationDate": None}) as pages:
            figure = Figure(figsize=(4, 4))
            lines = _stamps.Lines(figure)
            for at, y in enumerate(heights):
                box = Rectangle((0, y), 0.1 * at, 0.1, transform=figure.transFigure, color="red")
                drawn = [figure.add_artist(box)]
                for x, text in ((0.5, "alike"), (0.9, f"page {at}")):
                    if stamps:
                        lines.write(x, y, text, **look)
                    else:
                        drawn.append(figure.text(x, y, text, **look))
                pages.savefig(figure)
                lines.clear()
                for one in drawn:
                    one.remove()
        return content.getvalue()

    with mpl.rc_context(_paper._PAPER):
        stamped, plain = made(stamps=True), made(stamps=False)
        assert stamped == made(stamps=True)
    for page, y in enumerate(heights):
        told = placed(stamped, page)
        assert told == placed(plain, page)
        assert [(text, at) for text, _, at in told] == [
            ("alike", round(288 * y, 2)), (f"page {page}", round(288 * y, 2))
        ]  # fmt: skip
        operators = pypdf.PdfReader(io.BytesIO(stamped)).pages[page].get_contents().get_data()
        assert operators.count(b"q\n") + operators.count(b"q ") == operators.count(b"Q\n")
