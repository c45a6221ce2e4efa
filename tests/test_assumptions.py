import hashlib

import openpyxl
import pytest
import xlsxwriter

from planner import assumptions
from planner._errors import InputError
from planner.assumptions import DEFAULTS
from planner.spreadsheets import SHEET, read_assumptions, write_assumptions


def changed(path, cells):
    """Write the sheet, then change cells as a spreadsheet program would."""
    write_assumptions(path)
    book = openpyxl.load_workbook(path)
    sheet = book[SHEET]
    row_of = {sheet.cell(row, 1).value: row for row in range(2, sheet.max_row + 1)}
    for key, value in cells.items():
        sheet.cell(row_of[key], 3).value = value
    book.save(path)
    return path


def test_a_value_changed_in_the_spreadsheet_is_read_and_nothing_else(tmp_path):
    path = changed(tmp_path / "h.xlsx", {"co2_kg_km": 0.15, "mesh_min": 8})
    assert read_assumptions(path) == {"co2_kg_km": 0.15, "mesh_min": 8.0}
    assert read_assumptions(write_assumptions(tmp_path / "same.xlsx")) == {}


def test_changes_go_through_the_spreadsheet_and_back(tmp_path):
    changes = {"fte_eur_year": 45_000.0, "rebound": 0.0}
    assert read_assumptions(write_assumptions(tmp_path / "h.xlsx", changes)) == changes


def test_the_same_figures_are_the_same_bytes(tmp_path):
    one, two = (
        hashlib.sha256(write_assumptions(tmp_path / name).read_bytes()).digest()
        for name in ("a.xlsx", "b.xlsx")
    )
    assert one == two


def test_every_figure_is_in_its_range_and_says_where_it_comes_from():
    assert len(DEFAULTS) >= 75
    for row in DEFAULTS.values():
        assert 0 <= row.low <= row.value <= row.high, row.key
        assert row.source, row.key
        assert row.label, row.key
        assert row.unit, row.key
        assert row.status in ("sourced", "derived", "assumption")
        assert row.url == "" or row.url.startswith("https://")
    shares = [key for key in DEFAULTS if key.endswith(("_share", "_telework"))]
    assert all(DEFAULTS[key].high <= 1 for key in shares)
    jobs = ("cadres", "intermediate", "clerks", "workers", "craft", "farmers")
    assert sum(DEFAULTS[f"{job}_share"].value for job in jobs) == pytest.approx(1)


def test_faults_of_a_spreadsheet_are_said_all_at_once_with_their_rows(tmp_path):
    path = changed(tmp_path / "h.xlsx", {"co2_kg_km": "beaucoup", "rebound": -1, "mesh_min": None})
    book = openpyxl.load_workbook(path)
    sheet = book[SHEET]
    sheet.append(["mesh_mins", "", 3])
    sheet.append(["peak_factor", "", 3])
    book.save(path)
    with pytest.raises(InputError) as caught:
        read_assumptions(path)
    said = str(caught.value)
    for part in ("co2_kg_km = 'beaucoup'", "rebound = -1", "mesh_min = None", "twice", SHEET,
                 f"row {sheet.max_row - 1}: unknown key 'mesh_mins'; did you mean"):  # fmt: skip
        assert part in said


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04not a zip", b"key;value\n"])
def test_what_is_no_spreadsheet_is_refused(tmp_path, content):
    path = tmp_path / "h.xlsx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"h\.xlsx"):
        read_assumptions(path)


def test_a_missing_sheet_or_column_is_named(tmp_path):
    path = tmp_path / "h.xlsx"
    book = openpyxl.Workbook()
    book.save(path)
    with pytest.raises(InputError, match="no sheet Hypothèses; found Sheet"):
        read_assumptions(path)
    book.active.title = SHEET
    book.active.append(["clé", "montant"])
    book.save(path)
    with pytest.raises(InputError, match="no column valeur; found clé, montant"):
        read_assumptions(path)


def test_values_refuse_what_is_no_figure():
    with pytest.raises(InputError, match="did you mean mesh_min"):
        assumptions.values({"mesh_mn": 3})
    with pytest.raises(InputError, match="rebound"):
        assumptions.values({"rebound": float("nan")})


def test_a_figure_that_was_changed_is_said_to_be():
    rows = assumptions.used(["rebound", "co2_kg_km"], {"rebound": 0.5}).set_index("clé")
    assert rows.loc["rebound", "statut"] == "modifié"
    assert rows.loc["co2_kg_km", "statut"] == "sourcé"


def spreadsheet(path, *rows, sheets=(SHEET,)):
    """Write a spreadsheet as Excel would: cells that begin with = are formulas, computed to 8."""
    with xlsxwriter.Workbook(path) as book:
        for name in sheets:
            sheet = book.add_worksheet(name)
            for n, row in enumerate(rows if name == SHEET else ()):
                for column, cell in enumerate(row):
                    if str(cell).startswith("="):
                        sheet.write_formula(n, column, cell, value=8)
                    else:
                        sheet.write(n, column, cell)
    return path


def test_I10_computed_values_are_read_and_never_formulas(tmp_path):
    path = spreadsheet(tmp_path / "h.xlsx", ["clé", "valeur"], ["mesh_min", "=4*2"])
    assert read_assumptions(path) == {"mesh_min": 8.0}
    book = openpyxl.load_workbook(path)  # saved by what computes nothing: there is no value
    book.save(path)
    with pytest.raises(InputError, match="row 2: mesh_min = None: a number"):
        read_assumptions(path)


def test_I10_of_several_sheets_the_one_named_is_read(tmp_path):
    rows = ["clé", "valeur"], ["mesh_min", 8]
    path = spreadsheet(tmp_path / "h.xlsx", *rows, sheets=("Notes", SHEET, "Feuil3"))
    assert read_assumptions(path) == {"mesh_min": 8.0}
    with pytest.raises(InputError, match=f"no sheet {SHEET}; found Notes, Feuil3"):
        read_assumptions(spreadsheet(tmp_path / "n.xlsx", *rows, sheets=("Notes", "Feuil3")))


def test_I10_a_merged_header_is_refused_with_what_was_found(tmp_path):
    path = tmp_path / "h.xlsx"
    book = openpyxl.Workbook()
    book.active.title = SHEET
    book.active.append(["clé", "valeur"])
    book.active.merge_cells("A1:B1")
    book.active.append(["mesh_min", 8])
    book.save(path)
    with pytest.raises(InputError, match="no column valeur; found clé"):
        read_assumptions(path)
