"""A workbook for people: numbers are numbers, totals are formulas one can read, pages print."""

import datetime as dt
import io
import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range

from planner._language import say
from planner.spreadsheets import for_paper

_CLOCK = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook's date has no zone
_WIDEST, _NARROWEST, _AIR, _FILTER = 46, 7, 2, 3  # in characters; the last, a filter's button
_LINE, _LONGEST_SHOWN = 15.0, 1000  # of a row in points; characters for which it grows
_CELL_MOST = 32_767  # of characters, in Excel
_DIGITS = {"whole": ",.0f", "tenths": ",.1f", "money": ",.2f", "place": ".5f"}
_HEADER_MOST = 100  # Excel refuses headers over 255


@dataclass(frozen=True)
class Sheet:
    """A table of the workbook.

    Attributes
    ----------
    name
        Of the tab.
    rows
        Its columns are its headings.
    note
        What is written above it.
    totals
        Columns whose sum closes the table, as a formula.
    shares
        Columns shown as percentages.
    """

    name: str
    rows: pd.DataFrame
    note: str = ""
    totals: Collection[str] = field(default=())
    shares: Collection[str] = field(default=())


def workbook(
    sheets: Sequence[Sheet],
    *,
    title: str,
    company: str = "",
    colour: str = "#0b4f6c",
    then: Callable[[xlsxwriter.Workbook], None] | None = None,
    last: Sequence[Sheet] = (),
) -> bytes:
    """Return sheets as an ``.xlsx`` file.

    Parameters
    ----------
    sheets
        In their order.
    title
        Of the workbook, and at the head of its pages.
    company
        Whose it is.
    colour
        Of the headings, ``#rrggbb``, dark enough for white letters.
    then
        Adds a sheet of its own after them.
    last
        Sheets after that one.

    Returns
    -------
    bytes
        The same sheets give the same bytes.
    """
    content = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    book = xlsxwriter.Workbook(content, options)
    book.set_properties({"created": _CLOCK, "title": title, "company": company})
    looks = _Looks(book, colour=colour)
    for sheet in sheets:
        _write(book, sheet, looks, header=title)
    if then is not None:
        then(book)
    for sheet in last:
        _write(book, sheet, looks, header=title)
    book.close()
    return content.getvalue()


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column of a sheet: how its numbers are shown, its width in characters, its sum."""

    name: str
    cells: list[object]
    kind: str
    width: float
    sum: float


class _Looks:
    """The formats of a workbook, each made once."""

    def __init__(self, book: xlsxwriter.Workbook, *, colour: str) -> None:
        head = {"bold": True, "bg_color": colour, "font_color": "#ffffff", "text_wrap": True,
                "valign": "vcenter"}  # fmt: skip
        text = {"num_format": "@", "text_wrap": True, "valign": "top"}
        sides: dict[bool, dict[str, Any]] = {
            False: {"align": "left", "indent": 1},
            True: {"align": "right"},
        }
        self._heads = {right: book.add_format(head | side) for right, side in sides.items()}
        self._texts = {right: book.add_format(text | side) for right, side in sides.items()}
        self.note = book.add_format({"italic": True, "font_color": "#556070"})
        self._numbers = {
            (kind, total): book.add_format(
                {"num_format": pattern, "bold": total, "top": int(total), "valign": "top"}
            )
            for kind, pattern in {"whole": "#,##0", "tenths": "#,##0.0", "money": "#,##0.00",
                                  "share": "0.0 %", "place": "0.00000"}.items()
            for total in (False, True)
        }  # fmt: skip
        self.total = book.add_format({"bold": True, "top": 1})

    def head(self, *, right: bool) -> Any:  # noqa: ANN401 - a format
        """Return how a heading is shown: above the numbers, or above the words."""
        return self._heads[right]

    def text(self, *, right: bool) -> Any:  # noqa: ANN401 - a format
        """Return how words are shown, in a column of words or among numbers."""
        return self._texts[right]

    def number(self, kind: str, *, total: bool = False) -> Any:  # noqa: ANN401 - a format
        """Return how numbers of a kind are shown, in the table or under it."""
        return self._numbers[kind, total]


def _write(book: xlsxwriter.Workbook, sheet: Sheet, looks: _Looks, *, header: str) -> None:
    page = book.add_worksheet(sheet.name[:31])
    for_paper(page, header_row=2 if sheet.note else 0)
    page.set_header(f"&L{header[:_HEADER_MOST].replace('&', '&&')}&R&A")
    top = 0
    if sheet.note:
        page.write_string(0, 0, sheet.note, looks.note)
        top = 2
    page.freeze_panes(top + 1, 1)
    columns = [
        _column(str(name), sheet.rows[name].tolist(), shares=sheet.shares) for name in sheet.rows
    ]
    for at, column in enumerate(columns):
        page.set_column(at, at, column.width)
        page.write_string(top, at, column.name, looks.head(right=column.kind != "text"))
        for row, value in enumerate(column.cells, start=top + 1):
            _cell(page, (row, at), value, looks=looks, kind=column.kind)
        last = top + len(column.cells)
        if column.name in sheet.totals and column.cells:
            summed = xl_range(top + 1, at, last, at)
            total = looks.number(column.kind, total=True)
            page.write_formula(last + 1, at, f"=SUM({summed})", total, column.sum)
    rows = [[column.name for column in columns], *zip(*(c.cells for c in columns), strict=True)]
    for number, cells in enumerate(rows, start=top):
        page.set_row(number, _height(cells, columns, bold=number == top))
    if sheet.totals and len(sheet.rows):
        page.write_string(top + len(sheet.rows) + 1, 0, say("Total"), looks.total)
    if len(sheet.rows):
        last_column = xl_col_to_name(len(sheet.rows.columns) - 1)
        page.autofilter(f"A{top + 1}:{last_column}{top + 1 + len(sheet.rows)}")


def _cell(
    page: Any,  # noqa: ANN401 - a sheet of xlsxwriter
    at: tuple[int, int],
    value: object,
    *,
    looks: _Looks,
    kind: str,
) -> None:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        page.write_blank(*at, None)
    elif _is_number(value) and kind != "text":
        page.write_number(*at, value, looks.number(kind))
    else:
        page.write_string(*at, _fitted(str(value)), looks.text(right=kind != "text"))


def _fitted(text: str) -> str:
    """Return a text that a cell can hold: a longer one would be left out without a word."""
    return text if len(text) <= _CELL_MOST else f"{text[: _CELL_MOST - 1]}…"


def _column(name: str, values: list[object], *, shares: Collection[str]) -> _Column:
    """Return a column, as wide as its longest word, number and sum, within what a page has."""
    kind = "share" if name in shares else _kind(name, values)
    numbers = [float(str(value)) for value in values if _is_number(value)]
    numbers = [number for number in numbers if np.isfinite(number)]
    total = float(sum(numbers))
    digits = _DIGITS.get(kind, "")
    said = [len(format(number, digits)) for number in (*numbers, total) if digits]
    said += [len(value) for value in values if isinstance(value, str)]
    words = [len(word) + _FILTER for word in name.split(" ")]
    width = min(max(*said, *words, _NARROWEST, len(name) / 3) + _AIR, _WIDEST)
    return _Column(name=name, cells=values, kind=kind, width=width, sum=total)


def _height(cells: Sequence[object], columns: Sequence[_Column], *, bold: bool) -> float:
    """Return how high a row is, in points: no spreadsheet but Excel finds that out by itself."""
    room = _AIR + _FILTER if bold else 1
    lines = (
        len(textwrap.wrap(cell[:_LONGEST_SHOWN], max(int(column.width - room), 1)))
        for cell, column in zip(cells, columns, strict=True)
        if isinstance(cell, str)
    )
    return _LINE * max(lines, default=1) or _LINE


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(name: str, values: Sequence[object]) -> str:
    """Return how the numbers of a column are shown, from its heading and its values."""
    numbers = [float(str(value)) for value in values if _is_number(value)]
    if not numbers:
        return "text"
    if name.startswith(("longitude", "latitude")):
        return "place"
    if "€" in name:
        return "money"
    whole = all(not np.isfinite(number) or number == round(number) for number in numbers)
    return "whole" if whole or name.startswith(say("habitants")) else "tenths"
