"""From a publisher's rows to premises: where each is, in which commune, and what was left out."""

import re
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from planner._tables import damaged_accents, listed, refuse
from planner.sources import cog

COLUMNS = ("id", "name", "kind", "commune", "lon", "lat", "status", "source")
"""Columns of the premises table of `planner.sources.tables`."""

NEAR_M = 1_000.0
"""How far outside its commune's contour a place may be and still be in it: contours are rounded."""

_DECIMALS = 6


class Premises(NamedTuple):
    """The premises a publisher knows in a territory.

    Attributes
    ----------
    frame
        Columns as `COLUMNS`, one row a premises, sorted by id.
    note
        What was kept and what was left out, in French, for the register.
    """

    frame: pd.DataFrame
    note: str


def located(rows: pd.DataFrame, communes: gpd.GeoDataFrame, *, where: str) -> Premises:
    """Return the rows that are in the communes, each with its commune.

    A place is in the commune that holds its position; one that is in none is in the commune its
    row names if that is within `NEAR_M`, else it is left out. So is one without position.

    Parameters
    ----------
    rows
        Columns id, name, kind, code (the commune the row names, or ""), x, y (in EPSG:4326, or
        NaN), status, source.
    communes
        Communes with their contours, indexed by code.
    where
        The file, for the messages.

    Returns
    -------
    Premises
        Those in the communes; ids made unique by a number after equals.

    Raises
    ------
    InputError
        When names have damaged accents.
    """
    rows = rows.assign(code=cog.today(rows["code"]))
    named = rows["code"].isin(communes.index).to_numpy()
    placed = np.isfinite(rows["x"].to_numpy()) & np.isfinite(rows["y"].to_numpy())
    lost = rows[named & ~placed]
    rows = rows[placed].reset_index(drop=True)
    points = gpd.GeoSeries(gpd.points_from_xy(rows["x"], rows["y"]), crs="EPSG:4326")
    crs = communes.estimate_utm_crs()
    metric, shapes = points.to_crs(crs), communes.geometry.to_crs(crs).sort_index()
    found = _commune(metric, shapes, rows["code"])
    inside = found != ""
    astray = rows[~inside & rows["code"].isin(communes.index).to_numpy()]
    kept = rows[inside].assign(
        commune=found[inside],
        lon=points.x[inside].round(_DECIMALS),
        lat=points.y[inside].round(_DECIMALS),
    )
    refuse(
        where,
        [
            f"“{name[:60]}”: accents were damaged before the planner read it. Take the file from "
            "its publisher again."
            for name in kept["name"]
            if damaged_accents(name)
        ],
    )
    kept = kept.sort_values(["id", "lon", "lat", "name"], kind="stable")
    again = kept.groupby("id").cumcount()
    kept["id"] = [i if not n else f"{i}-{n + 1}" for i, n in zip(kept["id"], again, strict=True)]
    frame = kept[list(COLUMNS)].sort_values("id", ignore_index=True)
    return Premises(frame, _note(frame, lost, astray))


def plain(text: object) -> str:
    """Return a text without runs of spaces.

    Examples
    --------
    >>> plain("  Le   Relais ")
    'Le Relais'
    """
    return re.sub(r"\s+", " ", str(text)).strip()


def _commune(points: gpd.GeoSeries, shapes: gpd.GeoSeries, codes: pd.Series) -> np.ndarray:
    found = np.full(len(points), "", dtype=object)
    point, commune = shapely.STRtree(shapes.to_numpy()).query(
        points.to_numpy(), predicate="intersects"
    )
    for p, c in sorted(zip(point, commune, strict=True), reverse=True):
        found[p] = shapes.index[c]  # on a border, the first by code has the last word
    near = (found == "") & codes.isin(shapes.index).to_numpy()
    for p in np.flatnonzero(near):
        if shapes[codes.iloc[p]].distance(points.iloc[p]) <= NEAR_M:
            found[p] = codes.iloc[p]
    return found


def _note(frame: pd.DataFrame, lost: pd.DataFrame, astray: pd.DataFrame) -> str:
    note = f"{len(frame)} lieux"
    if len(lost):
        note += f" ; {len(lost)} sans position, écartés ({_told(lost)})"
    if len(astray):
        note += f" ; {len(astray)} loin de leur commune, écartés ({_told(astray)})"
    return f"{note}."


def _told(rows: pd.DataFrame) -> str:
    return listed([name or i for i, name in zip(rows["id"], rows["name"], strict=True)])
