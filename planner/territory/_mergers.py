"""Inputs of other years: rows of communes that were merged go to the commune of today.

A commune nouvelle keeps the code of one of its parts, so a table of 2015 and one of 2025 agree on
that code and not on what it covers. Every input is brought to the communes of now, wherever it
comes from; what was moved is counted, for the register.
"""

from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from planner import _format
from planner._tables import listed, refuse
from planner.sources import cog
from planner.sources.osm import Extract
from planner.territory._places import plain_name

_COUNTED = {
    "populations": ("population", "habitants"),
    "communes": ("population", "habitants"),
    "contours": ("population", "habitants"),
    "residents": ("residents", "habitants"),
    "flows": ("workers", "actifs"),
    "jobs": ("jobs", "emplois"),
}
_PLACED = frozenset({"residents", "premises", "establishments"})


def to_today(name: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return an input in the communes of now, and what was moved.

    Populations, jobs and commuters of the parts of a commune are summed, contours are united, and
    a commune stands where the part that has its code stood (else the most populous). Residents and
    premises keep their place.

    Parameters
    ----------
    name
        Of the input, one of `planner.sources.tables.INPUTS`.
    frame
        What its reader returned.

    Returns
    -------
    frame
        The same columns and index; the very same frame where nothing was to be moved.
    note
        Rows and people moved and between which communes, in French; "" where none were.

    Raises
    ------
    InputError
        When a table of communes holds both a commune of today and, on a row of its own, a part of
        it: its people would count twice.

    Examples
    --------
    >>> rows = pd.DataFrame({"home": ["69251"], "work": ["69135"], "workers": [12.0]})
    >>> frame, note = to_today("flows", rows)
    >>> frame.to_dict("list")
    {'home': ['69135'], 'work': ['69135'], 'workers': [12.0]}
    >>> note
    '1 ligne, 12 actifs : communes regroupées depuis (69251 Trades dans 69135 Deux-Grosnes).'
    """
    keys = {"flows": ["home", "work"]} | {one: ["commune"] for one in _PLACED}
    indexed = name in {"contours", "jobs", "occupations"}
    rows: pd.DataFrame = frame.reset_index() if indexed else frame
    columns = keys.get(name, ["code"])
    now = {column: cog.today(rows[column]) for column in columns}
    old = pd.concat([rows[column][now[column] != rows[column]] for column in columns])
    if old.empty:
        return frame, ""
    moved = rows.loc[sorted(set(old.index))]
    if name in {"flows", "jobs", "occupations"}:
        sums = [column for column in rows.columns if column not in columns]
        how = {one: "first" if one.endswith(("lon", "lat")) else "sum" for one in sums}
        rows = rows.assign(**now).groupby(columns, as_index=False, sort=True).agg(how)
    elif name in _PLACED:
        rows = rows.assign(**now)
    else:
        rows = _united(rows, now["code"])
    return rows.set_index("code").sort_index() if indexed else rows, _note(name, moved, old)


def boundaries_to_today(extract: Extract) -> tuple[Extract, str]:
    """Return an extract whose boundaries are those of the communes of now, and what was moved.

    Parameters
    ----------
    extract
        What `planner.sources.osm.read` returned.

    Returns
    -------
    extract
        With the boundaries of parts united.
    note
        As that of :func:`to_today`.
    """
    rows = extract.boundaries.reset_index()
    now = cog.today(rows["code"])
    old = rows.loc[now != rows["code"], "code"]
    if old.empty:
        return extract, ""
    united = _united(rows, now).set_index(extract.boundaries.index.name or "index")
    return extract._replace(boundaries=united), _note("roads", rows.loc[old.index], old)


def _united(rows: pd.DataFrame, now: pd.Series) -> pd.DataFrame:
    """Return communes with the parts of each commune of now as one row."""
    parted = now.isin(now[now != rows["code"]])
    if "population" in rows:
        refuse("communes of several years", _twice(rows[parted], now[parted]))
    whole = [_one(code, parts) for code, parts in rows[parted].groupby(now[parted])]
    frame = pd.concat([rows[~parted], pd.DataFrame(whole)]).astype(rows.dtypes.to_dict())
    if isinstance(rows, gpd.GeoDataFrame):
        frame = gpd.GeoDataFrame(frame, geometry="geometry", crs=rows.crs)
    return frame.sort_index()


def _one(code: str, parts: pd.DataFrame) -> pd.Series:
    """Return one row for the parts of a commune."""
    by = ["population", "code"] if "population" in parts else ["code"]
    ranked = parts.sort_values(by, ascending=[False, True][-len(by) :])
    named = ranked[ranked["code"] == code]
    row = (named if len(named) else ranked).iloc[0].copy()
    row["code"], row["name"] = code, cog.communes().names.get(code, row["name"])
    if "population" in parts:
        row["population"] = parts["population"].sum()
    if isinstance(parts, gpd.GeoDataFrame):
        row["geometry"] = shapely.union_all(parts.geometry.to_numpy())
    return row


def _twice(rows: pd.DataFrame, now: pd.Series) -> list[str]:
    """Return a fault for each commune that already has the name of the whole, beside its parts."""
    table = cog.communes()
    faults = []
    for code, parts in rows.groupby(now):
        whole = plain_name(table.names[code])
        holds = parts[(parts["code"] == code) & (parts["name"].map(plain_name) == whole)]
        if len(holds) and plain_name(table.parts.get(code, table.names[code])) != whole:
            others = parts.loc[parts["code"] != code, ["code", "name"]].agg(" ".join, axis=1)
            faults.append(
                f"{code} {table.names[code]} already holds {listed(list(others))}, on rows of "
                "their own: their people would count twice. Remove those rows."
            )
    return faults


def _note(name: str, moved: pd.DataFrame, old: pd.Series) -> str:
    table = cog.communes()

    def told(code: str) -> str:
        head = table.heads[code]
        part = f"{code} {table.parts.get(code, '')}".strip()
        return f"{part} dans {head} {table.names[head]}"

    count = f"{_format.number(len(moved))} ligne{'s' if len(moved) > 1 else ''}"
    if name in _COUNTED:
        column, word = _COUNTED[name]
        values: Any = moved[column] * moved.get("share_inside", 1.0)
        count += f", {_format.number(values.sum())} {word}"
    pairs = listed([told(code) for code in sorted(set(old))]).replace(" and ", " et ")
    pairs = pairs.replace(" more", " autres")
    return f"{count} : communes regroupées depuis ({pairs})."
