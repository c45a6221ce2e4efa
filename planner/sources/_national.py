"""Reading a publisher's national tables in chunks, as text: CSV, GeoPackage or Parquet.

These files are large (a CSV of commuters is 800 MB), each edition spells its columns its own way,
and only a few rows are a territory's. So they are read a chunk at a time, the columns found under
any of their names, in any case, and every cell is text until a column is asked to be more.
"""

import codecs
import contextlib
import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyogrio

from planner._errors import InputError
from planner._tables import listed
from planner.sources._archives import Member, NeedsPackageError, opened

SUFFIXES = (".csv", ".gpkg", ".parquet")
"""The kinds of file read, by their ending; anything else is read as CSV."""

CHUNK_ROWS = 50_000
"""Rows read at a time."""

_CHUNK_BYTES = 1 << 24
_HEADER_CHARS = 100_000
_GDAL_ERRORS = (
    *(pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError),
    *(pyogrio.errors.FeatureError, pyogrio.errors.GeometryError, RuntimeError),
)


class OtherTableError(InputError):
    """The file is sound, and is another table."""


class Table(NamedTuple):
    """A table found in a publisher's file.

    Attributes
    ----------
    where
        The file, and the member of it, for the messages.
    path
        Where the member is.
    kind
        ``csv``, ``gpkg`` or ``parquet``.
    names
        The file's name of each column found, by ours.
    header
        All the names of the file, in its order.
    """

    where: str
    path: Path
    kind: str
    names: Mapping[str, str]
    header: tuple[str, ...]


def found(
    member: Member,
    path: Path | str,
    *,
    what: str,
    columns: Mapping[str, Sequence[str]],
    optional: Sequence[str] = (),
) -> Table:
    """Find the columns of a table, whatever their case, or refuse it.

    Parameters
    ----------
    member
        The file, unpacked.
    path
        The file the user knows, for the messages.
    what
        What it should be, for the messages.
    columns
        By our name, the names a column goes by: the first found counts.
    optional
        Those of ours that a file may lack.

    Returns
    -------
    Table
        What `chunks` reads.

    Raises
    ------
    InputError
        When the file is damaged, or lacks a column: those wanted and those found are named.
    """
    where = str(path) if member.path == Path(path) else f"{path} ({member.name})"
    kind = member.path.suffix.lower().removeprefix(".")
    kind = kind if kind in {"gpkg", "parquet"} else "csv"
    header = tuple(_HEADERS[kind](member.path, where))
    folded = {name.strip().casefold(): name for name in reversed(header)}
    names = {
        ours: next((folded[name.casefold()] for name in theirs if name.casefold() in folded), "")
        for ours, theirs in columns.items()
    }
    lacking = [
        " or ".join(listed(columns[ours], longest=6).split(", "))
        for ours, theirs in names.items()
        if not theirs and ours not in optional
    ]
    if lacking:
        raise OtherTableError(
            f"{where}: not a {what}. Columns missing: {'; '.join(lacking)}. Found: "
            f"{listed(header, longest=40) or 'none'}."
        )
    return Table(where, member.path, kind, {o: t for o, t in names.items() if t}, header)


@contextlib.contextmanager
def tables_of(
    path: Path | str,
    *,
    what: str,
    columns: Mapping[str, Sequence[str]],
    optional: Sequence[str] = (),
) -> Iterator[list[Table]]:
    """Give the tables of that kind in a publisher's file, plain or packed, while the block runs.

    Archives also hold lists of codes and notices: what has other columns is passed over, unless
    there is nothing else. Parameters and errors are those of `found`.
    """
    with opened(path, suffixes=SUFFIXES, what=what) as members:
        tables, others = [], []
        for member in members:
            try:
                table = found(member, path, what=what, columns=columns, optional=optional)
            except OtherTableError as error:
                others.append(error)
            else:
                tables.append(table)
        if not tables:
            raise others[0]
        yield tables


def checked(
    path: Path,
    *,
    what: str,
    columns: Mapping[str, Sequence[str]],
    optional: Sequence[str] = (),
) -> None:
    """Refuse a file that is not such a table, by its headers; parameters are those of `found`.

    A file that only lacks a package to be read is not refused: it can be kept until there is one.
    """
    with (
        contextlib.suppress(NeedsPackageError),
        tables_of(path, what=what, columns=columns, optional=optional),
    ):
        pass


def chunks(table: Table) -> Iterator[pd.DataFrame]:
    """Yield a table's columns, under our names, as text; `row` counts as a spreadsheet does.

    Yields
    ------
    DataFrame
        One column a name found, and row (2 is the first below the header).

    Raises
    ------
    InputError
        When the file is damaged, or a row is wider or narrower than the header.
    """
    start = 2
    for raw in _READERS[table.kind](table):
        chunk = pd.DataFrame({ours: _text(raw[theirs]) for ours, theirs in table.names.items()})
        chunk["row"] = np.arange(start, start + len(chunk))
        start += len(chunk)
        yield chunk


def numbers(
    chunk: pd.DataFrame, column: str, table: Table, *, low: float = 0.0, empty: bool = False
) -> pd.Series:
    """Return a column of a chunk as numbers (decimal point or comma), or refuse it by row.

    Parameters
    ----------
    chunk
        Rows of `chunks`.
    column
        Our name of the column.
    table
        Where they are from.
    low
        Smallest number accepted.
    empty
        Whether a cell may be empty: it is then NaN.

    Returns
    -------
    Series
        Finite floats, but where a cell is empty.

    Raises
    ------
    InputError
        Naming the first row that holds something else, and how many do.
    """
    values = pd.to_numeric(chunk[column].str.replace(",", "."), errors="coerce").astype(float)
    bad = ~np.isfinite(values.to_numpy()) | (values.to_numpy() < low)
    if empty:
        bad &= (chunk[column] != "").to_numpy()
    if bad.any():
        first = chunk[bad].iloc[0]
        raise InputError(
            f"{table.where}: row {first['row']}, column “{table.names[column]}”: "
            f"“{str(first[column])[:40]}” is not a number of at least {low:g} "
            f"({bad.sum()} such rows there)."
        )
    return values


def _text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str).str.strip()


def _csv_header(path: Path, where: str) -> list[str]:
    with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
        line = file.readline(_HEADER_CHARS)
    header = [name.strip() for name in next(csv.reader([line], delimiter=_separator(line)), [])]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise InputError(f"{where}: columns that appear more than once: {listed(twice)}.")
    return header


def _gpkg_header(path: Path, where: str) -> list[str]:
    try:
        return [str(name) for name in pyogrio.read_info(path)["fields"]]
    except _GDAL_ERRORS as error:
        raise _damaged(where, error) from error


def _parquet_header(path: Path, where: str) -> list[str]:
    file = _parquet(path, where)
    return [str(name) for name in file.schema_arrow.names]


def _csv_chunks(table: Table) -> Iterator[pd.DataFrame]:
    columns = list(table.names.values())
    places = [table.header.index(name) for name in columns]
    with table.path.open(encoding=_encoding(table.path), newline="") as file:
        separator = _separator(file.readline(_HEADER_CHARS))
        rows = _csv_rows(table, csv.reader(file, delimiter=separator, strict=True))
        while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
            cells = [[row[place] for row in chunk] for place in places]
            yield pd.DataFrame(dict(zip(columns, cells, strict=True)), dtype=object)


def _csv_rows(table: Table, reader: "Iterator[list[str]]") -> Iterator[list[str]]:
    """Yield the rows of a CSV, all as wide as the header; a separator at the end is no cell."""
    width = len(table.header)
    try:
        for number, row in enumerate(reader, start=2):
            if len(row) == width or (len(row) == width + 1 and not row[-1]):
                yield row
            elif row:
                raise InputError(
                    f"{table.where}: row {number} has {len(row)} cells where the header has "
                    f"{width}. The file is cut, or badly quoted: download it again."
                )
    except (csv.Error, UnicodeDecodeError) as error:
        raise _damaged(table.where, error) from error


def _gpkg_chunks(table: Table) -> Iterator[pd.DataFrame]:
    skip, count = 0, CHUNK_ROWS
    while count == CHUNK_ROWS:
        try:
            frame = pyogrio.read_dataframe(
                table.path,
                columns=list(table.names.values()),
                read_geometry=False,
                skip_features=skip,
                max_features=CHUNK_ROWS,
            )
        except _GDAL_ERRORS as error:
            raise _damaged(table.where, error) from error
        yield frame
        count = len(frame)
        skip += count


def _parquet_chunks(table: Table) -> Iterator[pd.DataFrame]:
    file = _parquet(table.path, table.where)
    try:
        for batch in file.iter_batches(CHUNK_ROWS, columns=list(table.names.values())):
            yield batch.to_pandas()
    except (OSError, ValueError) as error:
        raise _damaged(table.where, error) from error


def _parquet(path: Path, where: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra: only those with a Parquet need it
    except ImportError as error:
        raise NeedsPackageError(
            f"{where}: reading Parquet takes one more package: pip install 'planner[parquet]'. Or "
            "give the CSV of the same edition."
        ) from error
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise _damaged(where, error) from error


_HEADERS = {"csv": _csv_header, "gpkg": _gpkg_header, "parquet": _parquet_header}
_READERS = {"csv": _csv_chunks, "gpkg": _gpkg_chunks, "parquet": _parquet_chunks}


def _encoding(path: Path) -> str:
    """Return the encoding of a text file: UTF-8 when all of it is, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(_CHUNK_BYTES):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _separator(line: str) -> str:
    return max((";", ","), key=line.count)


def _damaged(where: str, error: Exception) -> InputError:
    said = " ".join(str(error).split())[:120]
    return InputError(f"{where}: damaged ({said}). Download it again.")
