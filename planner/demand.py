"""Who is to be served: residents as demand points, merged where that changes little."""

import math

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.territory import Territory


def residents(territory: Territory, *, cell_m: float | None = None) -> gpd.GeoDataFrame:
    """Return the residents of a territory as demand points.

    Parameters
    ----------
    territory
        The territory.
    cell_m
        When given, points of one commune in one square of this side are merged.

    Returns
    -------
    GeoDataFrame
        Index id, sorted; columns commune (code), residents (people, above 0, in whole hundredths
        so that sums are exact), geometry (points in the territory's metric CRS).

    Raises
    ------
    InputError
        When nobody lives in the territory.

    Examples
    --------
    >>> from planner import territory
    >>> home = territory.read("liechtenstein")
    >>> float(residents(home).residents.sum()) == float(home.communes.population.sum())
    True
    """
    points = territory.residents[["commune", "residents", "geometry"]].sort_index()
    points = points[points["residents"] > 0]
    if cell_m is not None:
        points = merge_to_grid(points, cell_m=cell_m)
    points = points.assign(residents=points["residents"].round(2))
    points = points[points["residents"] > 0]
    if points.empty:
        raise InputError(f"{territory.title}: no residents to plan for. Fill in the residents.")
    return points


def users(points: gpd.GeoDataFrame, *, per_1000: float) -> pd.Series:
    """Return the users to be expected at each demand point, were a site at the door.

    Parameters
    ----------
    points
        Demand points with residents.
    per_1000
        Users per 1,000 inhabitants.

    Returns
    -------
    Series
        Users, fractions of people; index as `points`.
    """
    return pd.Series(points["residents"] * per_1000 / 1000, name="users")


def merge_to_grid(points: gpd.GeoDataFrame, *, cell_m: float) -> gpd.GeoDataFrame:
    """Merge demand points of one commune that lie in one square.

    Residents are summed, and stand at their centre of gravity. No one changes commune.

    Parameters
    ----------
    points
        Demand points in a metric CRS: commune, residents (above 0), geometry.
    cell_m
        Side of the squares, metres; they are aligned on the multiples of it.

    Returns
    -------
    GeoDataFrame
        As `points`, with ids ``commune-column-row``, sorted.

    Raises
    ------
    InputError
        When the side is below a metre, or the CRS is not metric.
    """
    if not 1 <= cell_m < math.inf:
        raise InputError(f"cell_m={cell_m!r}: give a number of metres, 1 or more.")
    if points.crs is None or not points.crs.is_projected:
        raise InputError("demand points must be in a CRS in metres to be merged to a grid.")
    x, y = points.geometry.x.to_numpy(), points.geometry.y.to_numpy()
    column, row = (np.floor(value / cell_m).astype(int).astype(str) for value in (x, y))
    weight = points["residents"].to_numpy()
    cell = points["commune"].to_numpy() + "-" + column.astype(object) + "-" + row.astype(object)
    sums = (
        points.assign(cell=cell, x=x * weight, y=y * weight)
        .groupby("cell")
        .agg(commune=("commune", "first"), residents=("residents", "sum"), x=("x", "sum"),
             y=("y", "sum"))
        .sort_index()
    )  # fmt: skip
    place = gpd.points_from_xy(sums.x / sums.residents, sums.y / sums.residents, crs=points.crs)
    merged = gpd.GeoDataFrame(sums[["commune", "residents"]], geometry=place)
    merged.index.name = points.index.name
    return merged
