"""Figures in a spreadsheet: written so that a planner may change one, and read back."""

import datetime as dt
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import xlsxwriter
from openpyxl.utils.exceptions import InvalidFileException
from xlsxwriter.worksheet import Worksheet

from planner._errors import InputError
from planner._files import existing_file, replacing
from planner.assumptions import DEFAULTS, unknown_key, used, values

SHEET = "Hypothèses"
_CHANGED = "valeur"
_A4 = 9  # as spreadsheets number paper
_MOST_BYTES = 5_000_000
_MOST_ROWS = 5_000


def write_assumptions(path: Path | str, changes: Mapping[str, float] | None = None) -> Path:
    """Write every figure into a spreadsheet whose column `valeur` may be changed.

    Parameters
    ----------
    path
        An ``.xlsx`` file; what is there is replaced.
    changes
        Figures that take the place of the default.

    Returns
    -------
    Path
        The file. The same figures give the same bytes.

    Raises
    ------
    InputError
        When it cannot be written, or :func:`planner.assumptions.values` refuses `changes`.
    """
    path = Path(path)
    content = assumptions_sheet(changes)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: could not be written ({error}).") from error
    return path


def assumptions_sheet(changes: Mapping[str, float] | None = None) -> bytes:
    """Return the file that :func:`write_assumptions` writes.

    Parameters
    ----------
    changes
        Figures that take the place of the default.

    Raises
    ------
    InputError
        When :func:`planner.assumptions.values` refuses `changes`.
    """
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"strings_to_formulas": False, "in_memory": True})
    book.set_properties({"created": dt.datetime(2000, 1, 1)})  # noqa: DTZ001 - no zone in it
    fill_assumptions(book, changes)
    book.close()
    return content.getvalue()


def fill_assumptions(book: xlsxwriter.Workbook, changes: Mapping[str, float] | None = None) -> None:
    """Add the sheet of figures to a workbook.

    Parameters
    ----------
    book
        Being written.
    changes
        Figures that take the place of the default.

    Raises
    ------
    InputError
        When :func:`planner.assumptions.values` refuses `changes`.
    """
    _ = values(changes)
    frame = used(DEFAULTS, changes)
    sheet = book.add_worksheet(SHEET)
    for_paper(sheet, header_row=0)
    sheet.set_header("&R&A")
    bold, free = book.add_format({"bold": True}), book.add_format({"bg_color": "#fff2cc"})
    sheet.freeze_panes(1, 2)
    for column, (name, width) in enumerate(
        zip(frame.columns, (26, 52, 10, 10, 10, 28, 8, 46, 40, 12), strict=True)
    ):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, name, bold)
        for row, value in enumerate(frame[name], start=1):
            style = free if name == _CHANGED else None
            if isinstance(value, str):
                sheet.write_string(row, column, value, style)
            else:
                sheet.write_number(row, column, value, style)


def for_paper(sheet: Worksheet, *, header_row: int) -> None:
    """Have a sheet printed on A4, landscape, as wide as the page, its headings on every page.

    Parameters
    ----------
    sheet
        Being written.
    header_row
        Where its headings are, from 0.
    """
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(header_row)
    sheet.set_footer("&C&P / &N")


def read_assumptions(path: Path | str) -> Mapping[str, float]:
    """Return the figures of a spreadsheet that differ from the defaults.

    Parameters
    ----------
    path
        An ``.xlsx`` file with a sheet `Hypothèses` that has the columns `clé` and `valeur`; other
        columns, and keys that are left out, are as they were.

    Returns
    -------
    Mapping[str, float]
        What changed, by key, sorted.

    Raises
    ------
    InputError
        With all the faults: an unknown or doubled key, a cell that is no number, each with its row;
        when the sheet or a column is missing; when the file is no spreadsheet.
    """
    path = existing_file(path, what="assumptions")
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path}: larger than {_MOST_BYTES:,} bytes; that is no table of figures.")
    rows = _rows(path)
    header = [str(cell).strip().lower() for cell in rows[0]] if rows else []
    missing = [name for name in ("clé", _CHANGED) if name not in header]
    if missing:
        raise InputError(
            f"{path}, sheet {SHEET}: no column {', '.join(missing)}; found "
            f"{', '.join(filter(None, header)) or 'nothing'}."
        )
    key_at, value_at = header.index("clé"), header.index(_CHANGED)
    found: dict[str, float] = {}
    faults = []
    for number, row in enumerate(rows[1:], start=2):
        key, value = str(row[key_at] or "").strip(), row[value_at]
        if not key and value is None:
            continue
        if key not in DEFAULTS:
            faults.append(f"row {number}: {unknown_key(key)}")
        elif key in found:
            faults.append(f"row {number}: {key} is there twice")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            faults.append(f"row {number}: {key} = {value!r}: a number, 0 or more")
        else:
            found[key] = float(value)
    if faults:
        raise InputError(f"{path}, sheet {SHEET}: {'; '.join(faults)}.")
    return {key: value for key, value in sorted(found.items()) if value != DEFAULTS[key].value}


def _rows(path: Path) -> list[tuple[object, ...]]:
    """Return the cells of the sheet, values and not formulas."""
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, InvalidFileException) as error:
        raise InputError(f"{path}: no .xlsx spreadsheet ({error}). Save it as .xlsx.") from error
    try:
        if SHEET not in book.sheetnames:
            raise InputError(f"{path}: no sheet {SHEET}; found {', '.join(book.sheetnames)}.")
        return list(book[SHEET].iter_rows(values_only=True, max_row=_MOST_ROWS))
    finally:
        book.close()
