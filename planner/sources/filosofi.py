"""Residents on a grid: INSEE Filosofi, squares of 200 m or 1 km (Licence Ouverte).

Editions spell the identifier and their columns each in its own way; all of those published since
2015 are read, from CSV or GeoPackage, plain, zipped, or in the 7z that INSEE puts inside its zips.
The square is rebuilt from the identifier, which says its lower-left corner, so that a file without
geometry reads the same as one with it. Where fewer than eleven households live, INSEE imputes the
values: they are then fractional, and the share of such residents is reported.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from planner._errors import InputError
from planner._tables import listed
from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, cached
from planner.sources._national import Table, checked, chunks, numbers, tables_of

URL = "https://www.insee.fr/fr/statistiques/fichier/7655475/Filosofi2019_carreaux_200m_csv.zip"
SOURCE = "Insee, Filosofi"
LICENCE = "Licence Ouverte 2.0"

_COLUMNS = {
    "id": ("idcar_200m", "idinspire", "id_carr_200m", "idcar_1km", "id_carr1km", "id_carr_1km"),
    "residents": ("ind",),
    "imputed": ("i_est_200", "i_est_1km", "i_est_cr"),
}
# Of several identifiers in one file, the first is the finest; the last column is 1 where INSEE
# imputed the values, and a file may lack it.
_OPTIONAL = ("imputed",)
_WHAT = "Filosofi grid"
_CRS = "EPSG:3035"
_CELL_ID = r"^CRS(\d+)RES(\d+)m?N(\d+)E(\d+)$"
_SHARE_DECIMALS = 3


class Grid(NamedTuple):
    """The cells of a territory.

    Attributes
    ----------
    cells
        One row a cell, sorted by id: idcar_1km (its id, whatever its side), x, y (metres,
        EPSG:3035, lower-left corner), residents_2019, commune (the code of the commune that holds
        most of it), share_inside (the part of it inside the communes). These are the columns of
        the residents table of `planner.sources.tables`, whose names are kept for any edition.
    imputed_share
        Share of these residents whose cell is imputed, 0 to 1; NaN when the file does not say.
    side_m
        Side of the cells, in metres.
    """

    cells: pd.DataFrame
    imputed_share: float
    side_m: int


def fetch(
    folder: Path | str,
    *,
    url: str = URL,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Fetch the grid of the whole country into a cache.

    Parameters
    ----------
    folder
        The cache.
    url
        Address of the archive: another edition, or a mirror.
    polite
        How patient to be.
    progress
        Told how much has come.

    Returns
    -------
    Receipt
        Where the file is, and came from.

    Raises
    ------
    NetworkError
        When the service did not give the whole of it.
    """
    path = Path(folder) / f"filosofi-{url.rsplit('/', 1)[-1]}"
    by_hand = (
        f"Download the grid by hand (insee.fr, “Données carroyées”) and save it as {path}, or "
        "give it as --file filosofi=FILE."
    )
    return cached(Request(url, by_hand), path, check=check, polite=polite, progress=progress)


def check(path: Path) -> None:
    """Refuse a file that holds no grid: its list of members and its header are read, no more."""
    checked(path, what=_WHAT, columns=_COLUMNS, optional=_OPTIONAL)


def read(path: Path | str, communes: gpd.GeoDataFrame) -> Grid:
    """Read the cells that touch the communes.

    A cell is in the commune that holds most of its area, the first by code of equals; the part of
    it outside all of them is left out of `share_inside`, and a cell with less than a thousandth
    inside is dropped. Residents of a cell are taken to be spread evenly.

    Parameters
    ----------
    path
        CSV or GeoPackage of INSEE, plain or packed.
    communes
        Communes with their contours, indexed by code, in any CRS.

    Returns
    -------
    Grid
        The cells, and what is imputed.

    Raises
    ------
    InputError
        When the file is damaged or is no such grid (columns wanted and found are named), holds
        a number that is none, or has no inhabited cell in the communes.
    """
    shapes = communes.geometry.to_crs(_CRS)
    box = tuple(shapes.total_bounds)
    with tables_of(path, what=_WHAT, columns=_COLUMNS, optional=_OPTIONAL) as tables:
        parts = [part for table in tables for part in _cells(table, box)]
    cells = pd.concat(parts) if parts else pd.DataFrame()
    cells = cells[cells["residents"] > 0] if parts else cells
    if cells.empty:
        raise InputError(
            f"{path}: no inhabited cell in these communes. Is it the grid of metropolitan France, "
            "whole, in EPSG:3035?"
        )
    twice = sorted(set(cells.loc[cells["id"].duplicated(), "id"]))
    if twice:
        raise InputError(f"{path}: cells that appear more than once: {listed(twice)}.")
    side = int(cells["side"].min())
    cells = _placed(cells.sort_values("id", ignore_index=True), shapes)
    people = cells["residents_2019"] * cells["share_inside"]
    imputed = float((people * cells.pop("imputed")).sum(skipna=False) / people.sum())
    return Grid(cells, imputed, side)


def _cells(table: Table, box: tuple[float, ...]) -> Iterator[pd.DataFrame]:
    """Yield the cells of one file that are in the box: id, x, y, side, residents, imputed."""
    for chunk in chunks(table):
        parts = chunk["id"].str.extract(_CELL_ID, flags=re.IGNORECASE)
        strange = parts[0].isna()
        if strange.any():
            row, cell = chunk.loc[strange, ["row", "id"]].iloc[0]
            raise InputError(
                f"{table.where}: row {row}, identifier “{cell[:60]}” is not one of INSEE's, as "
                f"CRS3035RES200mN2584000E3887000 ({strange.sum()} such rows there)."
            )
        side, y, x = (parts[column].astype(float) for column in (1, 2, 3))
        west, south, east, north = box
        near = (
            (parts[0] == _CRS.removeprefix("EPSG:"))
            & ((x < east) & (x + side > west))
            & ((y < north) & (y + side > south))
        )
        kept = chunk[near]
        if kept.empty:
            continue
        cells = pd.DataFrame({"id": kept["id"], "x": x[near], "y": y[near], "side": side[near]})
        cells["residents"] = numbers(kept, "residents", table)
        cells["imputed"] = numbers(kept, "imputed", table) if "imputed" in kept else math.nan
        yield cells


def _placed(cells: pd.DataFrame, shapes: gpd.GeoSeries) -> pd.DataFrame:
    """Return the cells with the commune that holds most of each, and their share inside."""
    x, y, side = (cells[name].to_numpy() for name in ("x", "y", "side"))
    squares = shapely.box(x, y, x + side, y + side)
    codes = shapes.sort_index()
    outlines = shapely.make_valid(codes.to_numpy())
    shapely.prepare(outlines)
    cell, commune = shapely.STRtree(outlines).query(squares, predicate="intersects")
    area = shapely.area(shapely.intersection(squares[cell], outlines[commune]))
    pairs = pd.DataFrame({"cell": cell, "commune": commune, "area": area.round(3)})
    pairs = pairs.sort_values(["cell", "area", "commune"], ascending=[True, False, True])
    most = pairs.groupby("cell")["commune"].first()
    inside = pairs.groupby("cell")["area"].sum().reindex(most.index)
    frame = cells.iloc[most.index]
    share = inside.to_numpy() / frame["side"].to_numpy() ** 2
    frame = frame.assign(
        commune=codes.index.to_numpy()[most.to_numpy()],
        share_inside=np.minimum(share, 1.0).round(_SHARE_DECIMALS),
    )
    frame = frame[frame["share_inside"] > 0].reset_index(drop=True)
    frame = frame.rename(columns={"id": "idcar_1km", "residents": "residents_2019"})
    columns = ["idcar_1km", "x", "y", "residents_2019", "commune", "share_inside", "imputed"]
    return frame[columns]
