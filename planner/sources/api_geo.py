"""Communes of an EPCI from API Géo (geo.api.gouv.fr, Licence Ouverte): contours, inhabitants.

`fetch` keeps the server's JSON as it came; `read` makes a frame of it. A file saved from a browser,
as JSON or as GeoJSON of contours, reads the same.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from planner._errors import InputError
from planner._files import existing_file
from planner._tables import refuse
from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, cached
from planner.sources.tables import in_metropolitan_france, is_metropolitan

SERVER = "https://geo.api.gouv.fr"
SOURCE = "API Géo (Etalab), d’après l’IGN et l’Insee"
LICENCE = "Licence Ouverte 2.0"

MAX_REPAIR = 0.01
"""Share of its area by which mending a contour may change it; beyond, it is refused."""

MAX_BYTES = 200_000_000
"""Largest answer read, in bytes: the contours of an EPCI are a few megabytes."""

CENTRES_URL = f"{SERVER}/communes?fields=code,centre&format=json"
_DISTRICTS = {
    "75056": range(75101, 75121), "69123": range(69381, 69390), "13055": range(13201, 13217),
}  # fmt: skip

_FIELDS = "nom,code,population,siren,codesPostaux,surface,centre,mairie,contour"
_CODE = re.compile(r"\d{5}|2[AB]\d{3}")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_SIREN_DIGITS = 9


class Epci(NamedTuple):
    """Where the two files of an EPCI are, and came from."""

    name: Receipt
    communes: Receipt


def checked_siren(text: str) -> str:
    """Return a SIREN without its spaces, or refuse it: nine digits, the last a check.

    Examples
    --------
    >>> checked_siren("200 067 817")
    '200067817'
    >>> checked_siren("200067871")
    Traceback (most recent call last):
    planner._errors.InputError: SIREN “200067871”: its digits do not agree with each other, one \
is mistyped. Copy it again (the EPCI's page on data.gouv.fr, or banatic.interieur.gouv.fr).
    """
    siren = re.sub(r"\s", "", text)
    copy = "Copy it again (the EPCI's page on data.gouv.fr, or banatic.interieur.gouv.fr)."
    if not re.fullmatch(rf"[0-9]{{{_SIREN_DIGITS}}}", siren):
        raise InputError(f"SIREN “{text}”: not {_SIREN_DIGITS} digits. {copy}")
    digits = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(siren))]
    if sum(sum(divmod(d, 10)) for d in digits) % 10:
        raise InputError(
            f"SIREN “{text}”: its digits do not agree with each other, one is mistyped. {copy}"
        )
    return siren


def fetch(
    siren: str,
    folder: Path | str,
    *,
    server: str = SERVER,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Epci:
    """Fetch the name of an EPCI, and its communes with their contours, into a cache.

    Parameters
    ----------
    siren
        The SIREN of the EPCI.
    folder
        The cache.
    server
        Address of API Géo.
    polite
        How patient to be.
    progress
        Told how much has come.

    Returns
    -------
    Epci
        The files ``epci-<siren>.json`` and ``communes-<siren>.json``.

    Raises
    ------
    InputError
        When `siren` is none.
    NetworkError
        When the service did not give the whole of it.
    """
    siren = checked_siren(siren)
    folder = Path(folder)

    def one(name: str, address: str, check: Any) -> Receipt:  # noqa: ANN401 - a Check
        path = folder / f"{name}-{siren}.json"
        by_hand = f"Open {address} in a browser, save it as {path}, and run again."
        request = Request(address, by_hand)
        return cached(request, path, check=check, polite=polite, progress=progress)

    return Epci(
        one("epci", f"{server}/epcis/{siren}?fields=nom,code&format=json", read_name),
        one("communes", f"{server}/epcis/{siren}/communes?fields={_FIELDS}&format=json", read),
    )


def fetch_centres(
    folder: Path | str,
    *,
    url: str = CENTRES_URL,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Fetch the centre of every commune of the country into a cache: 3 to 4 megabytes.

    Parameters and result are those of `planner.sources.filosofi.fetch`.
    """
    path = Path(folder) / "communes-centres.json"
    by_hand = f"Open {url} in a browser, save it as {path}, or give it as --file centres=FILE."
    return cached(
        Request(url, by_hand), path, check=_check_centres, polite=polite, progress=progress
    )


def _check_centres(path: Path) -> None:
    read_centres(path)


def read_centres(path: Path | str) -> pd.DataFrame:
    """Read the centres of communes; those of Paris, Lyon and Marseille stand for their districts.

    Parameters
    ----------
    path
        JSON of API Géo, with the code and the centre of each commune.

    Returns
    -------
    DataFrame
        Index code (text), sorted; columns lon, lat (degrees). Communes without centre are absent.

    Raises
    ------
    InputError
        When the file is damaged, or holds no centre at all.
    """
    path = Path(path)
    found: dict[str, tuple[float, float]] = {}
    for row in map(_flat, _items(path)):
        code, centre = row.get("code"), row.get("centre")
        if isinstance(code, str) and isinstance(centre, shapely.Point) and not centre.is_empty:
            found[code] = (float(centre.x), float(centre.y))
    if not found:
        raise InputError(f"{path}: not the centres of communes. Ask API Géo for code and centre.")
    for city, districts in _DISTRICTS.items():
        if city in found:
            found = {str(code): found[city] for code in districts} | found
    rows = pd.DataFrame.from_dict(found, orient="index", columns=["lon", "lat"])
    return rows.rename_axis("code").sort_index()


def read_name(path: Path | str) -> str:
    """Read the name of an EPCI.

    Raises
    ------
    InputError
        When the file is not what API Géo says of an EPCI.
    """
    table = _json(Path(path))
    name = table.get("nom") if isinstance(table, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{path}: not an EPCI of API Géo, it has no “nom”. Download it again.")
    return " ".join(name.split())


def read(path: Path | str) -> gpd.GeoDataFrame:
    """Read communes with their contours.

    Parameters
    ----------
    path
        JSON of API Géo, or GeoJSON of contours.

    Returns
    -------
    GeoDataFrame
        Index code (text), sorted; columns name, population (int), lon, lat (degrees: the town
        hall's, else the centre, else a point inside), point_source, repair_change (share of its
        area by which mending a contour that crosses itself changed it, NaN for the others),
        geometry (EPSG:4326, without heights).

    Raises
    ------
    InputError
        With every fault: a commune without code, name, inhabitants or contour, or outside France,
        or one whose contour cannot be mended within `MAX_REPAIR` of its area.
    """
    path = Path(path)
    rows = [_flat(item) for item in _items(path)]
    faults = [fault for number, row in enumerate(rows, start=1) for fault in _faults(number, row)]
    codes = [row["code"] for row in rows]
    faults += [
        f"commune {code} appears {codes.count(code)} times. Keep one."
        for code in dict.fromkeys(map(str, codes))
        if codes.count(code) > 1
    ]
    refuse(f"{path} (communes of API Géo)", faults)
    frame = gpd.GeoDataFrame(
        {
            "name": [" ".join(row["nom"].split()) for row in rows],
            "population": np.array([row["population"] for row in rows], dtype=np.int64),
            **_points(rows),
            "repair_change": [row["repair_change"] for row in rows],
        },
        geometry=[row["contour"] for row in rows],
        index=pd.Index([str(row["code"]) for row in rows], dtype=str, name="code"),
        crs="EPSG:4326",
    )
    refuse(str(path), _misplaced(frame))
    return frame.sort_index()


def _json(path: Path) -> Any:  # noqa: ANN401 - whatever a JSON file holds
    path = existing_file(path, what="file of API Géo")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"{path}: {size:,} bytes, above the {MAX_BYTES:,} read.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        content = json.loads(text)
        if _HALF.search(text):  # \ud83d alone: no table of text can hold it
            whole = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
            content = json.loads(whole)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: cut, or not JSON ({' '.join(str(error).split())[:80]}). Download it again."
        ) from error
    return content


def _items(path: Path) -> list[Mapping[str, Any]]:
    """Return what describes each commune, from a list or from the features of a GeoJSON."""
    table = _json(path)
    if isinstance(table, dict) and table.get("type") == "FeatureCollection":
        features = table.get("features")
        table = [
            {**(f.get("properties") or {}), "contour": f.get("geometry")}
            for f in (features if isinstance(features, list) else [])
            if isinstance(f, dict)
        ]
    if not isinstance(table, list) or not all(isinstance(item, dict) for item in table):
        raise InputError(
            f"{path}: not a list of communes, nor a GeoJSON of them. Ask API Géo for "
            f"/epcis/SIREN/communes?fields={_FIELDS}."
        )
    if not table:
        raise InputError(f"{path}: no commune. Is the SIREN that of an EPCI?")
    return table


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a commune with its geometries as shapely's, None where there is none."""
    row = {name: item.get(name) for name in ("nom", "code", "population")}
    row |= {name: _shape(item.get(name)) for name in ("mairie", "centre", "contour")}
    if row["contour"] is not None:
        row["contour"], row["repair_change"] = repaired(row["contour"])
    return row


def repaired(shape: shapely.Geometry) -> tuple[shapely.Geometry, float]:
    """Return a polygon that does not cross itself, and by what share of its area that changed it.

    Parameters
    ----------
    shape
        Any geometry; one that is valid is returned as it is.

    Returns
    -------
    shape
        The polygons of the valid geometry, as one.
    change
        Between 0 and 1, of the larger area; NaN where nothing was to be mended.

    Examples
    --------
    >>> bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    >>> shape, change = repaired(bow_tie)
    >>> shape.area, change
    (0.5, 1.0)
    """
    if shape.is_valid:
        return shape, math.nan
    parts = shapely.get_parts(shapely.make_valid(shape))
    whole = shapely.union_all(parts[np.isin(shapely.get_type_id(parts), [3, 6])])
    larger = max(shape.area, whole.area)
    return whole, abs(whole.area - shape.area) / larger if larger > 0 else 1.0


def _shape(geometry: object) -> shapely.Geometry | None:
    if not isinstance(geometry, dict):
        return None
    try:
        with np.errstate(invalid="ignore"):  # NaN is refused below, with the commune's name
            shape = shapely.geometry.shape(geometry)
        finite = not shape.is_empty and np.isfinite(shapely.get_coordinates(shape)).all()
    except (AttributeError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError):
        return None
    return shapely.force_2d(shape) if finite else None


def _faults(number: int, row: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with one commune."""
    who = f"commune {number} ({row['nom'] or row['code']})"
    faults = []
    if not isinstance(row["code"], str) or not _CODE.fullmatch(row["code"]):
        faults.append(f"{who}: code {row['code']!r} is not five characters of text as “01001”.")
    if not isinstance(row["nom"], str) or not row["nom"].strip():
        faults.append(f"{who}: no name (“nom”).")
    people = row["population"]
    if isinstance(people, bool) or not isinstance(people, int) or people < 0:
        faults.append(f"{who}: population {people!r} is not a whole number. Ask for that field.")
    if row["contour"] is None or row["contour"].geom_type not in {"Polygon", "MultiPolygon"}:
        faults.append(f"{who}: no contour. Ask for the field contour, or geometry=contour.")
    elif row["repair_change"] > MAX_REPAIR:
        faults.append(
            f"{who}: its contour crosses itself, and mending it changes its area by "
            f"{100 * row['repair_change']:.1f} %, above {100 * MAX_REPAIR:g} %. Take the contour "
            "from its publisher again, or repair it (QGIS: Fix geometries)."
        )
    return faults


def _points(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return where each commune's life is, and how that is known."""
    points, sources = [], []
    for row in rows:
        known = {name: row[name] for name in ("mairie", "centre") if row[name] is not None}
        source, point = next(
            ((name, p) for name, p in known.items() if p.geom_type == "Point"),
            ("point intérieur", row["contour"].representative_point()),
        )
        points.append(point)
        sources.append(source)
    return {
        "lon": [round(point.x, 7) for point in points],
        "lat": [round(point.y, 7) for point in points],
        "point_source": sources,
    }


def _misplaced(frame: gpd.GeoDataFrame) -> list[str]:
    """Return a fault for each metropolitan commune that is not in France."""
    faults = []
    for code, name, shape in zip(frame.index, frame["name"], frame.geometry, strict=True):
        west, south, east, north = shape.bounds
        if is_metropolitan(code) and not (
            in_metropolitan_france(west, south) and in_metropolitan_france(east, north)
        ):
            swapped = in_metropolitan_france(south, west) and in_metropolitan_france(north, east)
            fix = "Longitude and latitude are swapped." if swapped else "Is it in degrees?"
            faults.append(f"{code} {name}: its contour is outside France. {fix}")
    return faults
