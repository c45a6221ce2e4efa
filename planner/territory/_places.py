"""The communes of a territory: their contours, their inhabitants and their centres."""

import difflib
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from planner import _format
from planner._tables import listed, refuse
from planner.sources.osm import Extract
from planner.sources.tables import is_metropolitan_france
from planner.territory._write import rounded

MAX_STRANGERS = 0.005
"""Share of the residents of a grid that may be in communes nobody knows; they are left out."""

_WGS84 = "EPSG:4326"
_CELLS_CRS = "EPSG:3035"


def communes_from_osm(extract: Extract, populations: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the communes a populations file names, with their OpenStreetMap boundaries.

    The file of inhabitants says which communes make the territory: each of its rows is one
    complete level-8 boundary, found by code (``ref:INSEE``, or the id as ``r42``) or, where the
    code is empty, by name. Other boundaries of the extract are neighbours and are left out.

    Parameters
    ----------
    extract
        What `planner.sources.osm.read` returned.
    populations
        What `planner.sources.tables.read_populations` returned.

    Returns
    -------
    GeoDataFrame
        Index code; columns name, population, centre_lon, centre_lat, geometry; metric CRS.

    Raises
    ------
    InputError
        With every row that is no boundary, every name that is several, and, beside them, the
        boundaries no row names.
    """
    boundaries = extract.boundaries.reset_index().set_index("code")
    refuse("populations", list(_unmatched(extract, populations)))
    by_name = pd.Series(boundaries.index, index=[plain_name(name) for name in boundaries["name"]])
    codes = [
        code or str(by_name[plain_name(name)])
        for code, name in zip(populations["code"], populations["name"], strict=True)
    ]
    refuse("populations", _used_twice(codes))
    frame = boundaries.loc[codes, ["name", "geometry", "centre"]].rename_axis("code")
    frame["population"] = populations["population"].to_numpy()
    return _centred(frame.sort_index(), extract.places)


def communes_from_cells(communes: pd.DataFrame, cells: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return communes known by a point, with the union of their grid cells as contour.

    Parameters
    ----------
    communes
        What `planner.sources.tables.read_communes` returned.
    cells
        What `planner.sources.tables.read_cells` returned; cells without residents inside the
        territory make no contour.

    Returns
    -------
    GeoDataFrame
        Index code; columns name, population, centre_lon, centre_lat, geometry; metric CRS.

    Raises
    ------
    InputError
        When a commune has no cell, or a cell names a commune that is not in the file.
    """
    lived_in = cells[cells["residents"] * cells["share_inside"] > 0]
    x, y, side = (lived_in[column].to_numpy() for column in ("x", "y", "side"))
    squares = gpd.GeoDataFrame(
        lived_in[["commune"]], geometry=shapely.box(x, y, x + side, y + side), crs=_CELLS_CRS
    )
    refuse("communes and cells", list(_without_partner(communes, cells, lived_in)))
    contours = squares.dissolve("commune").geometry.segmentize(side.min())
    frame = communes.set_index("code").sort_index()
    crs = metric_crs(frame)
    shapes = contours.to_crs(crs).reindex(frame.index)
    return rounded(
        gpd.GeoDataFrame(
            {
                "name": frame["name"],
                "population": frame["population"],
                "centre_lon": frame["lon"].round(7),
                "centre_lat": frame["lat"].round(7),
            },
            geometry=shapes,
            crs=crs,
        )
    )


def communes_from_contours(contours: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return communes with the contours, inhabitants and centres that API Géo gives them.

    Parameters
    ----------
    contours
        What `planner.sources.api_geo.read` returned.

    Returns
    -------
    GeoDataFrame
        Index code; columns name, population, centre_lon, centre_lat, geometry; metric CRS.
    """
    frame = contours.rename(columns={"lon": "centre_lon", "lat": "centre_lat"})
    metric = rounded(frame.to_crs(metric_crs(frame)))
    return metric[["name", "population", "centre_lon", "centre_lat", "geometry"]]


def repairs_note(changes: pd.Series) -> str:
    """Return how many contours were mended, and by how much at most, in French; "" if none.

    Parameters
    ----------
    changes
        Share of its area by which each contour was changed, NaN where it was not mended.
    """
    mended = int(changes.notna().sum())
    if not mended:
        return ""
    most = _format.percent(float(changes.max()), decimals=2)
    return f" Contours qui se recoupaient, réparés : {mended} (surface changée de {most} au plus)."


def metric_crs(communes: pd.DataFrame) -> CRS:
    """Return the metric CRS of a territory: EPSG:2154 in metropolitan France, else UTM.

    Codes tell whether a territory is French: Lambert-93's area of use also holds its neighbours.

    Parameters
    ----------
    communes
        Indexed by code; either a geometry column in any CRS, or columns lon and lat.

    Returns
    -------
    CRS
        A projected CRS in metres.
    """
    if is_metropolitan_france(communes.index):
        return CRS("EPSG:2154")
    if isinstance(communes, gpd.GeoDataFrame):
        return CRS(communes.estimate_utm_crs())
    points = gpd.points_from_xy(communes["lon"], communes["lat"], crs=_WGS84)
    return CRS(gpd.GeoSeries(points).estimate_utm_crs())


def centres(communes: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Return the centre of each commune, in the CRS of the communes, to 0.01 m."""
    points = gpd.points_from_xy(communes["centre_lon"], communes["centre_lat"], crs=_WGS84)
    frame = gpd.GeoDataFrame(geometry=points, index=communes.index).to_crs(communes.crs)
    return rounded(frame).geometry


def commune_of(points: gpd.GeoSeries, communes: gpd.GeoDataFrame) -> pd.Series:
    """Return the code of the commune each point is in, or "" outside of all.

    A point on a border is in the first of its communes, by code.
    """
    tree = shapely.STRtree(communes.geometry.to_numpy())
    point, commune = tree.query(points.to_numpy(), predicate="intersects")
    first = pd.Series(commune).groupby(point).min()
    codes = np.full(len(points), "", dtype=object)
    codes[first.index] = communes.index.to_numpy()[first.to_numpy()]
    return pd.Series(codes, index=points.index, dtype=str)


def _centred(frame: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add centres: the place of the same name inside, else the admin_centre, else any point."""
    crs = metric_crs(frame)
    metric = rounded(frame.to_crs(crs))
    inside = metric.representative_point().to_crs(_WGS84)
    found = [
        _centre(row.name, row.geometry, row.centre, places) or inside[code]
        for code, row in zip(frame.index, frame.itertuples(index=False), strict=True)
    ]
    metric["centre_lon"] = [round(point.x, 7) for point in found]
    metric["centre_lat"] = [round(point.y, 7) for point in found]
    return metric[["name", "population", "centre_lon", "centre_lat", "geometry"]]


def _centre(
    name: str, shape: shapely.Geometry, admin_centre: str, places: gpd.GeoDataFrame
) -> shapely.Point | None:
    same = places[[plain_name(place) == plain_name(name) for place in places["name"]]]
    same = same[same.intersects(shape)].sort_values("rank", kind="stable")
    points: dict[str, shapely.Point] = places.geometry.to_dict()
    return points.get(same.index[0] if len(same) else admin_centre)


def _unmatched(extract: Extract, populations: pd.DataFrame) -> Iterator[str]:
    """Yield a fault for each row of the populations that is not exactly one boundary."""
    boundaries = extract.boundaries
    plain = [plain_name(name) for name in boundaries["name"]]
    named = set(populations["code"]) | {plain_name(name) for name in populations["name"]}
    unused = [
        f"{name} ({code})"
        for code, name, key in zip(boundaries["code"], boundaries["name"], plain, strict=True)
        if code not in named and key not in named
    ]
    faults = []
    for code, name in zip(populations["code"], populations["name"], strict=True):
        same = (
            boundaries[boundaries["code"] == code]
            if code
            else boundaries[[key == plain_name(name) for key in plain]]
        )
        if len(same) > 1:
            codes = listed(list(same["code"]))
            faults.append(f"{name}: {len(same)} boundaries have this name. Give its code: {codes}.")
        elif same.empty:
            faults.append(f"{code or name}: no such boundary.{_hint(name, extract)}")
        elif code.startswith("r") and plain_name(same["name"].iloc[0]) != plain_name(name):
            other = same["name"].iloc[0]
            faults.append(f"{code} is {other} in the OpenStreetMap file, not {name}. Correct it.")
    yield from faults
    if faults:
        yield f"boundaries of the file that no row names: {listed(unused) or 'none'}."


def _hint(name: str, extract: Extract) -> str:
    if plain_name(name) in {plain_name(other) for other in extract.incomplete}:
        return " The file holds only a part of it: take a wider extract."
    near = difflib.get_close_matches(name, list(extract.boundaries["name"]), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _used_twice(codes: list[str]) -> list[str]:
    twice = sorted({code for code in codes if codes.count(code) > 1})
    return [f"two rows are the boundary {code}. Keep one." for code in twice]


def _without_partner(
    communes: pd.DataFrame, cells: pd.DataFrame, lived_in: pd.DataFrame
) -> Iterator[str]:
    bare = [
        f"{code} {name}: no inhabited cell, so no contour. Add its cells."
        for code, name in zip(communes["code"], communes["name"], strict=True)
        if code not in set(lived_in["commune"])
    ]
    yield from bare
    unknown = strangers(cells, communes["code"])
    if bare or unknown.too_many:
        yield from unknown.faults


class Strangers(NamedTuple):
    """Cells of communes that the territory does not have.

    Attributes
    ----------
    faults
        One a commune, with its cells and residents.
    too_many
        Whether they hold more than `MAX_STRANGERS` of the residents of all the cells.
    note
        That they are left out, in French, for the register; "" where there is none.
    """

    faults: tuple[str, ...]
    too_many: bool
    note: str


def strangers(cells: pd.DataFrame, codes: "pd.Series | pd.Index") -> Strangers:
    """Return what cells are in communes that the territory does not have."""
    people = cells["residents"] * cells["share_inside"]
    lost = ~cells["commune"].isin(codes)
    by_code = people[lost].groupby(cells["commune"]).agg(["size", "sum"])
    faults = tuple(
        f"cells name the commune {code} ({count} cells, {residents:.0f} residents), which is "
        "not in the communes. Do the years of the two files agree?"
        for code, count, residents in by_code.itertuples()
    )
    too_many = bool(people[lost].sum() > MAX_STRANGERS * people.sum())
    said = listed([f"{code} ({_format.people(n)})" for code, n in by_code["sum"].items()])
    note = f" {lost.sum()} carreaux de communes inconnues écartés : {said}." if faults else ""
    return Strangers(faults, too_many, note)


def plain_name(name: str) -> str:
    """Return a name as it is compared: no accent, no case, no mention in brackets.

    Examples
    --------
    >>> plain_name("Saint-Jean d’Ardières (69)")
    'saintjeandardieres'
    """
    plain = unicodedata.normalize("NFKD", re.sub(r"\([^)]*\)", "", name)).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
