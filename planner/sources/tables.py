"""The CSV inputs of a territory: the columns each must have, and what they mean.

============== ==================================================================================
file           columns (those in brackets may be absent)
============== ==================================================================================
populations    name, population, [code, year, source]
communes       code, name, population, lon, lat, [point_source]
residents      idcar_1km, x, y, residents_2019, commune, share_inside: INSEE grid cells
premises       id, name, kind, commune, lon, lat, status, source, [area_m2, state (light, medium,
               heavy), accessible (yes, no), available_year (from 1)]
establishments id, name, kind, commune, lon, lat, [source]: cooperatives and associations
flows          home, work (commune codes), workers: who lives here and works there; maybe work_lon,
               work_lat, the centre of a workplace outside the territory
jobs           code, jobs, workers: jobs of each commune, and residents who have one; maybe lon,
               lat, the centre of a commune outside the territory
occupations    code, and those who live there and have a job, by occupation (`OCCUPATIONS`)
sources        name (of an input), [what, source, licence, date, note]
============== ==================================================================================

Positions are WGS84 degrees; the cells' `x`, `y` are metres in EPSG:3035, lower-left corners.
"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from planner._tables import Column, read_csv, refuse

INPUTS = (
    *("roads", "populations", "communes", "contours", "residents", "premises"),
    *("flows", "jobs", "occupations", "establishments"),
)
"""The inputs a territory can be built from, by the names the register gives them."""

KINDS = (
    *("coworking", "townhall", "library", "post_office", "community_centre", "france_services"),
    *("convenience", "supermarket", "general", "bakery", "butcher", "newsagent", "tobacco"),
    *("kiosk", "farm_shop", "other_shop", "cafe", "bar", "pub", "restaurant"),
    *("activity_zone", "host_to_confirm"),
)
"""Every kind of premises the planner knows."""

ESTABLISHMENT_KINDS = ("scop", "scic", "cae", "association")
"""Kinds of the table of establishments: cooperatives, then associations."""

STATES = ("light", "medium", "heavy")
"""Works that a room may need."""

_WORDS = {
    "state": {"léger": "light", "moyen": "medium", "lourd": "heavy"} | {s: s for s in STATES},
    "accessible": {"oui": "yes", "non": "no", "yes": "yes", "no": "no"},
}
_MOST_M2, _MOST_YEARS = 100_000, 50

OCCUPATIONS = ("cadres", "intermediate", "clerks", "workers", "craft", "farmers")
"""Columns of the table of occupations: INSEE's groups 3, 4, 5, 6, 2 and 1."""

_METROPOLITAN_FRANCE = (-5.5, 41.2, 9.8, 51.3)  # west, south, east, north, in degrees
_CELL_ID = re.compile(r"CRS3035RES(\d+)mN(\d+)E(\d+)", re.IGNORECASE)


def read_populations(path: Path | str) -> pd.DataFrame:
    """Read the inhabitants of each commune.

    Returns
    -------
    DataFrame
        Columns code (text, may be empty), name, population (int), year, source.

    Raises
    ------
    InputError
        With every fault of the file, by row and column.
    """
    columns = {
        "code": Column("code", required=False),
        "name": Column(),
        "population": Column("count"),
        "year": Column(required=False),
        "source": Column(required=False),
    }
    return read_csv(path, what="populations", columns=columns, key="code")


def read_communes(path: Path | str) -> pd.DataFrame:
    """Read communes given by a point: code, name, inhabitants, and where the village is.

    Returns
    -------
    DataFrame
        Columns code (text), name, population (int), lon, lat (degrees, WGS84), point_source.

    Raises
    ------
    InputError
        With every fault of the file: also a position outside France, where the code is French.
    """
    columns = {
        "code": Column("code"),
        "name": Column(),
        "population": Column("count"),
        "lon": Column("number"),
        "lat": Column("number"),
        "point_source": Column(required=False),
    }
    frame = read_csv(path, what="communes", columns=columns, key="code")
    refuse(str(path), list(_misplaced(frame, ids="code", codes="code")))
    return frame


def read_cells(path: Path | str) -> pd.DataFrame:
    """Read the inhabited cells of the INSEE grid.

    Returns
    -------
    DataFrame
        Columns id, x, y (metres, EPSG:3035, lower-left corner), side (metres), residents,
        commune (code), share_inside (0 to 1: the part of the cell inside the territory).

    Raises
    ------
    InputError
        With every fault of the file: also an id that does not say the same corner as x and y.
    """
    columns = {
        "idcar_1km": Column(),
        "x": Column("number"),
        "y": Column("number"),
        "residents_2019": Column("number", low=0),
        "commune": Column("code"),
        "share_inside": Column("number", low=0, high=1),
    }
    frame = read_csv(path, what="grid cells", columns=columns, key="idcar_1km")
    frame = frame.rename(columns={"idcar_1km": "id", "residents_2019": "residents"})
    matches = [_CELL_ID.fullmatch(cell) for cell in frame["id"]]
    corners = zip(frame["id"], frame["x"], frame["y"], matches, strict=True)
    refuse(
        str(path),
        [
            f"cell {cell}: not the cell whose lower-left corner is x={x:.0f}, y={y:.0f} in "
            "EPSG:3035. Its id reads CRS3035RES<side>mN<y>E<x>."
            for cell, x, y, match in corners
            if match is None or (float(match[3]), float(match[2])) != (x, y)
        ],
    )
    frame["side"] = [float(match[1]) for match in matches if match is not None]
    return frame


def read_premises(path: Path | str) -> pd.DataFrame:
    """Read premises known from elsewhere than OpenStreetMap.

    The status is free text in the file: ``existing …`` means existing, anything that says
    ``confirm`` means to be confirmed, the rest is a candidate. The text itself is kept beside
    the source.

    Returns
    -------
    DataFrame
        Columns id, name, kind, commune (code), lon, lat (degrees, WGS84), status, source; area_m2,
        available_year (NaN where empty), state (one of `STATES`, or ""), accessible (yes, no, "").

    Raises
    ------
    InputError
        With every fault of the file: also an unknown kind, and a position outside France.
    """
    columns = {
        "id": Column(),
        "name": Column(empty=True),
        "kind": Column(),
        "commune": Column("code"),
        "lon": Column("number"),
        "lat": Column("number"),
        "area_m2": Column("number", required=False, low=1, high=_MOST_M2),
        "state": Column(required=False),
        "accessible": Column(required=False),
        "available_year": Column("count", required=False, low=1, high=_MOST_YEARS),
        "status": Column(empty=True),
        "source": Column(empty=True),
    }
    frame = read_csv(path, what="premises", columns=columns, key="id")
    faults = [
        f"premises {i}, column “kind”: {_unknown(kind, KINDS)}"
        for i, kind in zip(frame["id"], frame["kind"], strict=True)
        if kind not in KINDS
    ]
    for name, words in _WORDS.items():
        faults += [
            f"premises {i}, column “{name}”: {_unknown(text, tuple(words))}"
            for i, text in zip(frame["id"], frame[name], strict=True)
            if text and text.casefold() not in words
        ]
    refuse(str(path), faults + list(_misplaced(frame, ids="id", codes="commune")))
    for name, words in _WORDS.items():
        frame[name] = [words[text.casefold()] if text else "" for text in frame[name]]
    notes = zip(frame["source"], frame["status"], strict=True)
    frame["source"] = [" – ".join(part for part in note if part) for note in notes]
    frame["status"] = [_status(text) for text in frame["status"]]
    return frame


def read_establishments(path: Path | str) -> pd.DataFrame:
    """Read cooperatives and associations.

    Returns
    -------
    DataFrame
        Columns id, name, kind (one of `ESTABLISHMENT_KINDS`), commune (code), lon, lat (degrees,
        WGS84), source.

    Raises
    ------
    InputError
        With every fault of the file: also an unknown kind, and a position outside France.
    """
    columns = {
        "id": Column(),
        "name": Column(empty=True),
        "kind": Column(),
        "commune": Column("code"),
        "lon": Column("number"),
        "lat": Column("number"),
        "source": Column(required=False),
    }
    frame = read_csv(path, what="establishments", columns=columns, key="id")
    faults = [
        f"establishment {i}, column “kind”: {_unknown(kind, ESTABLISHMENT_KINDS)}"
        for i, kind in zip(frame["id"], frame["kind"], strict=True)
        if kind not in ESTABLISHMENT_KINDS
    ]
    refuse(str(path), faults + list(_misplaced(frame, ids="id", codes="commune")))
    return frame


_MAYBE = Column("number", required=False, empty=True)


def read_flows(path: Path | str) -> pd.DataFrame:
    """Read commuters by commune of home and of work.

    Returns
    -------
    DataFrame
        Columns home, work (codes), workers (float: weights of a survey are not whole), work_lon and
        work_lat (degrees, NaN where not said), sorted by home, then work.

    Raises
    ------
    InputError
        With every fault of the file: also a pair that appears twice.
    """
    columns = {"home": Column("code"), "work": Column("code"), "workers": Column("number", low=0)}
    columns |= dict.fromkeys(("work_lon", "work_lat"), _MAYBE)
    frame = read_csv(path, what="flows", columns=columns)
    twice = frame[frame.duplicated(["home", "work"])]
    places = frame.drop_duplicates("work").rename(columns={"work_lon": "lon", "work_lat": "lat"})
    refuse(
        str(path),
        [
            f"{home} to {work}: on several rows. Add them up."
            for home, work in zip(twice["home"], twice["work"], strict=True)
        ]
        + list(_half_placed(places, ids="work")),
    )
    return frame.sort_values(["home", "work"], ignore_index=True)


def read_jobs(path: Path | str) -> pd.DataFrame:
    """Read the jobs of each commune, and its residents who have one.

    Returns
    -------
    DataFrame
        Index code, sorted; columns jobs, workers (floats), lon and lat (degrees, NaN where not
        said).

    Raises
    ------
    InputError
        With every fault of the file.
    """
    number = Column("number", low=0)
    columns = {"code": Column("code"), "jobs": number, "workers": number}
    columns |= dict.fromkeys(("lon", "lat"), _MAYBE)
    frame = read_csv(path, what="jobs", columns=columns, key="code")
    refuse(str(path), list(_half_placed(frame, ids="code")))
    return frame.set_index("code").sort_index()


def read_occupations(path: Path | str) -> pd.DataFrame:
    """Read the residents of each commune who have a job, by occupation.

    Returns
    -------
    DataFrame
        Index code, sorted; columns as `OCCUPATIONS` (floats: weights of a survey are not whole).

    Raises
    ------
    InputError
        With every fault of the file.
    """
    columns = {"code": Column("code")} | dict.fromkeys(OCCUPATIONS, Column("number", low=0))
    frame = read_csv(path, what="occupations", columns=columns, key="code")
    return frame.set_index("code").sort_index()


def read_sources(path: Path | str) -> pd.DataFrame:
    """Read who published each input, under which licence and when.

    Returns
    -------
    DataFrame
        Index name (one of `INPUTS`); columns what, source, licence, date, note, all text.

    Raises
    ------
    InputError
        With every fault of the file: also a name that is not an input's.
    """
    texts = ("what", "source", "licence", "date", "note")
    columns = {"name": Column()} | {name: Column(required=False) for name in texts}
    frame = read_csv(path, what="sources", columns=columns, key="name")
    unknown = [name for name in frame["name"] if name not in INPUTS]
    refuse(str(path), [f"column “name”: {_unknown(name, INPUTS)}" for name in unknown])
    return frame.set_index("name")


def _half_placed(frame: pd.DataFrame, *, ids: str) -> Iterator[str]:
    """Yield a fault for each position that is half said, or cannot be; none at all is none."""
    said = frame[["lon", "lat"]].notna()
    for i in frame.loc[said["lon"] != said["lat"], ids]:
        yield f"{i}: longitude without latitude, or the other way. Give both, or neither."
    yield from _misplaced(frame[said.all(axis=1)], ids=ids, codes=ids)


def _misplaced(frame: pd.DataFrame, *, ids: str, codes: str) -> Iterator[str]:
    """Yield a fault for each position that no place on Earth, or in France, can have."""
    for i, code, lon, lat in zip(frame[ids], frame[codes], frame["lon"], frame["lat"], strict=True):
        place = f"{i}: lon {lon:g}, lat {lat:g}"
        if abs(lon) > 180 or abs(lat) > 90:  # noqa: PLR2004 - the degrees of the Earth
            yield f"{place} are not degrees. Give WGS84 longitude and latitude, not metres."
        elif is_metropolitan(code) and not in_metropolitan_france(lon, lat):
            swapped = (
                " lon and lat are swapped: exchange them."
                if in_metropolitan_france(lat, lon)
                else ""
            )
            yield f"{place} is outside France.{swapped or ' Correct the position.'}"


def is_metropolitan(code: str) -> bool:
    """Return whether a code is that of a commune of metropolitan France.

    Examples
    --------
    >>> is_metropolitan("2A004"), is_metropolitan("97101"), is_metropolitan("r42")
    (True, False, False)
    """
    return code[0].isdigit() and not code.startswith(("97", "98"))


def is_metropolitan_france(codes: pd.Index) -> bool:
    """Return whether every code is that of a commune of metropolitan France.

    Examples
    --------
    >>> is_metropolitan_france(pd.Index(["01001", "2A004"]))
    True
    >>> is_metropolitan_france(pd.Index(["01001", "97101"]))
    False
    """
    return all(is_metropolitan(str(code)) for code in codes)


def in_metropolitan_france(lon: float, lat: float) -> bool:
    """Return whether a position is in the box of metropolitan France.

    Examples
    --------
    >>> in_metropolitan_france(4.6, 46.1), in_metropolitan_france(46.1, 4.6)
    (True, False)
    """
    west, south, east, north = _METROPOLITAN_FRANCE
    return west <= lon <= east and south <= lat <= north


def _status(text: str) -> str:
    lowered = text.casefold()
    if lowered.startswith(("existing", "existant")):
        return "existing"
    return "to_confirm" if "confirm" in lowered else "candidate"


def _unknown(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"“{name}” is not known.{hint} Known: {', '.join(known)}."
