"""Where the inhabitants are: from a commune's population to demand points."""

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import Transformer

from planner._tables import refuse
from planner.sources import osm
from planner.territory._places import centres, commune_of, strangers
from planner.territory._write import rounded

_CELLS_CRS = "EPSG:3035"
_HUNDREDTHS = 100
_FEW_BUILDINGS = 10.0


def largest_remainder(weights: np.ndarray, total: int) -> np.ndarray:
    """Share a whole total in proportion to weights, in whole parts that sum to it exactly.

    Each part is rounded down; what is left goes one by one to the largest remainders, the first
    of equals winning.

    Parameters
    ----------
    weights
        Not negative, with a positive sum.
    total
        What to share.

    Returns
    -------
    ndarray
        Integers, one a weight.

    Examples
    --------
    >>> largest_remainder(np.array([1.0, 1.0, 1.0]), 100)
    array([34, 33, 33])
    """
    exact = (weights / weights.sum() * total).round(9)
    parts: np.ndarray = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - parts).round(9), kind="stable")
    parts[order[: total - parts.sum()]] += 1
    return parts


def residents_from_buildings(
    extract: osm.Extract, communes: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, str]:
    """Spread each commune's inhabitants over its housing, in proportion to floor area.

    Which buildings are housing is `planner.sources.osm.residential_floor_m2`'s to say. A commune
    without any has all its inhabitants at its centre, and the note says so.

    Parameters
    ----------
    extract
        What `planner.sources.osm.read` returned.
    communes
        The communes, in the metric CRS.

    Returns
    -------
    frame
        Index id (the building's); columns commune, residents (whole numbers as float), geometry
        (a point inside the building); each commune sums to its population.
    note
        What was done, in French, for the register.
    """
    floor = osm.residential_floor_m2(extract, crs=communes.crs)
    shapes = extract.buildings.loc[floor.index].to_crs(communes.crs)
    points = rounded(gpd.GeoDataFrame(geometry=shapes.representative_point()))
    points["commune"] = commune_of(points.geometry, communes)
    points["residents"] = 0.0
    points["floor"] = floor
    points = points[points["commune"] != ""]
    for code, rows in points.groupby("commune"):
        parts = largest_remainder(rows["floor"].to_numpy(), int(communes["population"][code]))
        points.loc[rows.index, "residents"] = parts.astype(float)
    lived_in = points[points["residents"] > 0].drop(columns="floor")
    frame, bare = _with_bare_communes(lived_in, communes)
    note = (
        f"Population de chaque commune répartie selon la surface de plancher (emprise × niveaux, "
        f"{osm.LEVELS['yes']:.0f} niveaux par défaut) de {len(points)} bâtiments retenus comme "
        f"logements sur {len(extract.buildings)} ; {len(points) - len(lived_in)} sans habitant, "
        f"écartés.{_crowded_note(lived_in, communes)}{_bare_note(bare)}"
    )
    return frame, note


def residents_from_cells(
    cells: pd.DataFrame, communes: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, str]:
    """Put residents at the centres of grid cells, scaled to each commune's population.

    Parameters
    ----------
    cells
        What `planner.sources.tables.read_cells` returned.
    communes
        The communes, in the metric CRS.

    Returns
    -------
    frame
        Index id (the cell's); columns commune, residents (to 0.01), geometry (the cell's centre);
        each commune sums to its population.
    note
        What was done, in French, for the register.
    """
    unknown = strangers(cells, communes.index)
    refuse("residents", unknown.faults if unknown.too_many else ())
    cells = cells[cells["commune"].isin(communes.index)].set_index("id").sort_index()
    inside = (cells["residents"] * cells["share_inside"]).rename("inside")
    half = cells["side"] / 2
    move = Transformer.from_crs(_CELLS_CRS, communes.crs, always_xy=True)
    x, y = move.transform((cells["x"] + half).to_numpy(), (cells["y"] + half).to_numpy())
    points = rounded(
        gpd.GeoDataFrame(cells[["commune"]], geometry=gpd.points_from_xy(x, y), crs=communes.crs)
    )
    points["residents"] = 0.0
    factors: list[float] = []
    for code, weights in inside[inside > 0].groupby(cells["commune"]):
        population = int(communes["population"][code])
        parts = largest_remainder(weights.to_numpy(), population * _HUNDREDTHS)
        points.loc[weights.index, "residents"] = parts / _HUNDREDTHS
        factors.append(population / weights.sum())
    lived_in = points[points["residents"] > 0]
    frame, bare = _with_bare_communes(lived_in, communes)
    note = _cells_note(len(cells) - len(lived_in), len(lived_in), factors, bare)
    return frame, note + unknown.note


def _with_bare_communes(
    points: gpd.GeoDataFrame, communes: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Add one point at the centre of each commune that has inhabitants and no housing."""
    bare = communes[~communes.index.isin(points["commune"]) & (communes["population"] > 0)]
    if bare.empty:
        return points, []
    extra = gpd.GeoDataFrame(
        {"commune": bare.index, "residents": bare["population"].to_numpy(dtype=float)},
        geometry=centres(bare).to_numpy(),
        index=pd.Index([f"c-{code}" for code in bare.index]),
        crs=points.crs,
    )
    return pd.concat([points, extra]), list(bare["name"])


def _crowded_note(points: gpd.GeoDataFrame, communes: gpd.GeoDataFrame) -> str:
    """Say where OpenStreetMap has so few buildings that residents are bunched up."""
    mean = points.groupby("commune")["residents"].mean().sort_values(ascending=False)
    crowded = mean[mean > _FEW_BUILDINGS]
    if crowded.empty:
        return ""
    names = ", ".join(f"{communes['name'][code]} {value:.0f}" for code, value in crowded.items())
    return (
        f" Bâti incomplet dans OpenStreetMap : plus de {_FEW_BUILDINGS:.0f} habitants par bâtiment "
        f"({names})."
    )


def _cells_note(dropped: int, kept: int, factors: list[float], bare: list[str]) -> str:
    low, high = (f"{value:.2f}".replace(".", ",") for value in (min(factors), max(factors)))
    return (
        f"{kept} carreaux habités, un point au centre de chacun : habitants du carreau × part dans "
        f"le territoire, recalés par commune sur la population légale (facteur de "
        f"{low} à {high}). {dropped} carreaux sans habitant écartés.{_bare_note(bare)}"
    )


def _bare_note(names: list[str]) -> str:
    if not names:
        return ""
    return f" Sans logement localisé, population placée au centre : {', '.join(names)}."
