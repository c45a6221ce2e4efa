"""The one reader of CSV inputs: everything is text until a column is asked to be more.

Files come from INSEE, from town halls and out of spreadsheets, so this reader guesses only what
can be checked: the encoding (UTF-8, else Windows-1252) and the separator (comma or semicolon).
Whatever else is wrong is gathered and said once, by row and column, with what to do about it.
"""

import csv
import io
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from planner._errors import InputError
from planner._files import existing_file

MAX_BYTES = 200_000_000
"""Largest file read, in bytes: a table of communes, cells or premises is far below."""

SHOWN_FAULTS = 20
"""Faults listed in one message; the others are counted."""

Kind = Literal["text", "code", "number", "count"]

_log = logging.getLogger(__name__)
_SEPARATORS = (",", ";")
_NOT_CSV = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff")
# What UTF-8 read as Latin-1 or Windows-1252 looks like: a lead byte shown as Ã, Â, Å or â€,
# then a continuation byte (0x80-0xBF) shown in either of the two encodings; control characters
# 0x80-0x9F are Windows-1252 read as Latin-1.
_CONTINUATION = "\u0080-\u00bfŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™"
_MOJIBAKE = re.compile(f"[ÃÂ][{_CONTINUATION}]|Å[“’¡]|â€|[\u0080-\u009f\ufffd]")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?")
_PLAIN = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")
_INSEE_CODE = re.compile(r"\d{5}|2[AB]\d{3}")
_OSM_ID = re.compile(r"[nwr]\d+")


class Column(NamedTuple):
    """What one column of a table must hold.

    Attributes
    ----------
    kind
        ``text`` as written; ``code`` a commune code (``01001``, ``2A004``, or an OpenStreetMap
        id such as ``r42``); ``number`` any finite number; ``count`` a whole number, 0 or more.
    required
        Whether the file must have the column. When it may lack it, its cells read as empty.
    empty
        Whether a cell may be empty: it reads as ``""``, or NaN in a column of numbers.
    low, high
        Smallest and largest number accepted.
    """

    kind: Kind = "text"
    required: bool = True
    empty: bool = False
    low: float = -math.inf
    high: float = math.inf


def read_csv(
    path: Path | str,
    *,
    what: str,
    columns: Mapping[str, Column],
    key: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> pd.DataFrame:
    r"""Read the declared columns of a CSV file, or say everything that is wrong with it.

    The separator is ``,`` or ``;``; the encoding UTF-8 (with or without a byte-order mark), else
    Windows-1252. Column names are found whatever their case. Codes keep their zeros, ``NA`` and
    ``None`` stay text, numbers may have a decimal comma and spaces in the thousands.

    Parameters
    ----------
    path
        The file.
    what
        What it is to the user, for the messages.
    columns
        The columns to read, by name. Other columns of the file are left out.
    key
        The column whose values must all differ.
    max_bytes
        Largest size read, in bytes.

    Returns
    -------
    DataFrame
        The declared columns in the order declared, one row a line of the file in its order:
        text columns as strings, ``number`` as float, ``count`` as int (float if `empty`).

    Raises
    ------
    InputError
        With all the faults found: file, row (1 is the header), column and what to do.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "communes.csv"
    >>> _ = file.write_text("code;population\n01001;1 234\n2a004;70,0\n", encoding="utf-8")
    >>> columns = {"code": Column("code"), "population": Column("count")}
    >>> read_csv(file, what="communes", columns=columns, key="code").to_dict("list")
    {'code': ['01001', '2A004'], 'population': [1234, 70]}
    """
    path = existing_file(path, what=what)
    text = _decoded(path, max_bytes=max_bytes)
    header, rows = _split(path, text, wanted=tuple(columns))
    positions = _positions(path, header, columns)
    whole, faults = _whole_rows(rows, width=len(header))
    values: dict[str, list[object]] = {}
    for name, column in columns.items():
        cells = [(n, row[positions[name]] if name in positions else "") for n, row in whole]
        values[name], found = _parsed(name, column, cells)
        faults += found
    if key is not None:
        faults += _duplicates(key, [n for n, _ in whole], values[key])
    refuse(f"{path} ({what})", faults)
    return _frame(columns, values)


def refuse(where: str, faults: Sequence[str]) -> None:
    """Raise one InputError that lists `faults`; do nothing when there is none.

    Examples
    --------
    >>> refuse("communes.csv", [])
    >>> refuse("communes.csv", ["row 2: no code."])
    Traceback (most recent call last):
    planner._errors.InputError: communes.csv: 1 fault.
    - row 2: no code.
    """
    if not faults:
        return
    shown = [f"- {fault}" for fault in faults[:SHOWN_FAULTS]]
    if len(faults) > SHOWN_FAULTS:
        shown.append(f"- … and {len(faults) - SHOWN_FAULTS} more.")
    count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
    each = tuple(f"{where}: {fault}" for fault in faults)
    raise InputError("\n".join([f"{where}: {count}.", *shown]), each)


def damaged_accents(text: str) -> bool:
    """Return whether a text is UTF-8 that was once read as another encoding.

    Examples
    --------
    >>> damaged_accents("MÃ¢con"), damaged_accents("Mâcon")
    (True, False)
    """
    return _MOJIBAKE.search(text) is not None


def listed(names: Sequence[object], *, longest: int = 8) -> str:
    """Return names for a message, the first few in full and the others counted.

    Examples
    --------
    >>> listed(["Vaduz", "Schaan", "Triesen"], longest=2)
    'Vaduz, Schaan and 1 more'
    """
    shown = ", ".join(str(name) for name in names[:longest])
    return f"{shown} and {len(names) - longest} more" if len(names) > longest else shown


def _decoded(path: Path, *, max_bytes: int) -> str:
    """Return the file's text; refuse what is too large, not text, or wrongly decoded before."""
    size = path.stat().st_size
    if size > max_bytes:
        raise InputError(
            f"{path}: {size:,} bytes, above the {max_bytes:,} read. Keep only the rows and "
            "columns of the territory."
        )
    raw = path.read_bytes()
    if raw.startswith(_NOT_CSV) or b"\0" in raw:
        raise InputError(
            f"{path}: not a CSV text (a spreadsheet, an archive or UTF-16). Save it as "
            "“CSV UTF-8” and give that file."
        )
    text = _text(path, raw)
    for number, line in enumerate(text.split("\n"), start=1):
        if damaged_accents(line):
            raise InputError(
                f"{path}: accents were damaged before the planner read it, on line {number}: "
                f"“{line.strip()[:80]}”. Export it again from the original as UTF-8."
            )
    return text


def _text(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        _log.info("%s is not UTF-8: read as Windows-1252", path)
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: neither UTF-8 nor Windows-1252 (byte {error.start + 1}). "
            "Export it again as UTF-8."
        ) from error


def _split(
    path: Path, text: str, *, wanted: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the numbered rows, under the separator that finds most columns."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    names = {name.casefold() for name in wanted}

    def found(separator: str) -> int:
        cells = next(csv.reader([first], delimiter=separator), [])
        return len(names & {cell.strip().casefold() for cell in cells})

    separator = max(_SEPARATORS, key=found)  # the first of equals: a comma
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        numbered = list(enumerate(reader, start=1))
    except csv.Error as error:
        raise InputError(
            f"{path}: line {reader.line_num} cannot be read ({error}). Look for a quotation mark "
            "that is not closed."
        ) from error
    rows = [(n, [cell.strip() for cell in row]) for n, row in numbered]
    rows = [(n, row) for n, row in rows if any(row)]
    if not rows:
        raise InputError(f"{path}: no text in it. Columns wanted: {', '.join(wanted)}.")
    return rows[0][1], rows[1:]


def _positions(path: Path, header: list[str], columns: Mapping[str, Column]) -> dict[str, int]:
    """Return where each declared column is, or refuse the header."""
    folded = [name.casefold() for name in header]
    faults = [
        f"column {position} has no name. Name it, or delete it."
        for position, name in enumerate(folded, start=1)
        if not name
    ]
    faults += [
        f"column “{name}” appears {folded.count(name)} times. Keep one."
        for name in dict.fromkeys(folded)
        if name and folded.count(name) > 1
    ]
    missing = [n for n, column in columns.items() if column.required and n.casefold() not in folded]
    if missing:
        faults.append(
            f"missing columns: {', '.join(missing)}. Found: {', '.join(header)}. Wanted: "
            f"{', '.join(columns)}. The separator must be a comma or a semicolon."
        )
    refuse(str(path), faults)
    return {name: folded.index(name.casefold()) for name in columns if name.casefold() in folded}


def _whole_rows(
    rows: list[tuple[int, list[str]]], *, width: int
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Return the rows as wide as the header, and a fault for each other one."""
    if not rows:
        return [], ["a header and no row. Give at least one row."]
    faults = [
        f"row {n}: {len(row)} cells where the header has {width}. Quote a cell that holds the "
        "separator, or add what is missing."
        for n, row in rows
        if len(row) != width
    ]
    return [(n, row) for n, row in rows if len(row) == width], faults


def _parsed(
    name: str, column: Column, cells: list[tuple[int, str]]
) -> tuple[list[object], list[str]]:
    """Return the values of one column, and a fault for each cell that is not what it must be."""
    blank: object = math.nan if column.kind in {"number", "count"} else ""
    values: list[object] = []
    faults: list[str] = []
    for n, cell in cells:
        value = blank
        if cell:
            try:
                value = _within(column, _PARSERS[column.kind](cell))
            except ValueError as error:
                faults.append(f"row {n}, column “{name}”: {error}")
        elif column.required and not column.empty:
            faults.append(f"row {n}, column “{name}”: empty. Fill it in, or remove the row.")
        values.append(value)
    return values, faults


def _within(column: Column, value: object) -> object:
    if isinstance(value, int | float) and not column.low <= value <= column.high:
        raise ValueError(f"{value:g} is outside {column.low:g} to {column.high:g}.")
    return value


def _code(cell: str) -> str:
    if _INSEE_CODE.fullmatch(cell.upper()):
        return cell.upper()
    if _OSM_ID.fullmatch(cell.lower()):
        return cell.lower()
    if re.fullmatch(r"\d{4}", cell):
        raise ValueError(
            f"{cell} has four digits: a spreadsheet took its zero away. Write 0{cell}, in a "
            "column formatted as text."
        )
    raise ValueError(
        f"“{cell}” is not a commune code. Write five characters as 01001 or 2A004, or an "
        "OpenStreetMap id as r42."
    )


def _number(cell: str) -> float:
    if _THOUSANDS.fullmatch(cell):
        cell = re.sub(r"\s", "", cell)
    if not _PLAIN.fullmatch(cell) or not math.isfinite(value := float(cell.replace(",", "."))):
        raise ValueError(f"“{cell}” is not a number. Write it as 1234.5, 1234,5 or 1 234,5.")
    return value


_LARGEST_COUNT = 100_000_000


def _count(cell: str) -> int:
    value = _number(cell)
    if not 0 <= value <= _LARGEST_COUNT or not value.is_integer():
        raise ValueError(f"“{cell}” is not a whole number, 0 or more. Write it as 1234.")
    return int(value)


def _text_cell(cell: str) -> str:
    return " ".join(cell.split())


_PARSERS: Mapping[Kind, Callable[[str], object]] = {
    "text": _text_cell,
    "code": _code,
    "number": _number,
    "count": _count,
}


def _duplicates(key: str, numbers: list[int], values: list[object]) -> list[str]:
    first: dict[object, int] = {}
    faults = []
    for n, value in zip(numbers, values, strict=True):
        if value != "" and value in first:
            faults.append(
                f"row {n}, column “{key}”: {value} is already on row {first[value]}. Keep one."
            )
        first.setdefault(value, n)
    return faults


def _frame(columns: Mapping[str, Column], values: Mapping[str, list[object]]) -> pd.DataFrame:
    series: dict[str, pd.Series] = {}
    for name, column in columns.items():
        whole = column.kind == "count" and column.required and not column.empty
        numeric = "int64" if whole else "float64"
        dtype = numeric if column.kind in {"number", "count"} else str
        series[name] = pd.Series(values[name], dtype=dtype)
    return pd.DataFrame(series)
