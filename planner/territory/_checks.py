"""The rules a territory must satisfy: one function a rule, each says every row that breaks it.

A rule takes a `Draft` and yields faults; `build` runs them before it writes, `read` after it
has read. A layer that could not be read is absent from the draft, and its rules stay silent.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from planner._files import digest
from planner._tables import listed
from planner.sources.tables import STATES
from planner.territory._model import ALL_LAYERS, FACTS, LAYERS, ORIGINS, SOURCE_COLUMNS, STATUSES

MAX_OUTSIDE_M = 20_000.0
"""How far from the communes' extent a point may be before it is refused as misplaced."""


_POINTS = ("residents", "premises", "establishments")


class Draft(NamedTuple):
    """A territory not yet known to be sound: layers by name (those readable), and its register."""

    layers: Mapping[str, gpd.GeoDataFrame]
    sources: pd.DataFrame
    crs: CRS


def faults(draft: Draft) -> list[str]:
    """Return every fault of a draft, rule after rule; an empty list means it is sound."""
    return [fault for check in CHECKS for fault in check(draft)]


def check_filled(draft: Draft) -> Iterator[str]:
    """Every layer has rows."""
    for layer, frame in draft.layers.items():
        if frame.empty:
            yield f"layer {layer}: no row. Build the territory again."


def check_ids(draft: Draft) -> Iterator[str]:
    """Every row has an id, and no two the same."""
    for layer, frame in draft.layers.items():
        name = ALL_LAYERS[layer].key
        ids = frame.index.to_series()
        missing = int((ids.isna() | (ids == "")).sum())
        if missing:
            yield f"layer {layer}: {missing} rows have no {name}. Give each a {name} of its own."
        twice = sorted(set(ids[ids.duplicated() & ids.notna() & (ids != "")]))
        if twice:
            yield f"layer {layer}: {name} used more than once: {listed(twice)}. Keep one row each."


def check_numbers(draft: Draft) -> Iterator[str]:
    """Every number is finite; inhabitants are not negative, and whole for a commune."""
    for layer, frame in draft.layers.items():
        for column, kind in ALL_LAYERS[layer].columns.items():
            if kind is not float:
                continue
            values = pd.to_numeric(frame[column], errors="coerce").astype(float)
            bad = ~np.isfinite(values)
            if column in {"residents", "population"}:
                bad |= values < 0
            if column == "population":
                bad |= values % 1 != 0
            yield from _rows(
                frame, bad, layer=layer, column=column, fix="not a valid number. Correct it"
            )


def check_texts(draft: Draft) -> Iterator[str]:
    """Every text cell is filled, but names and sources, which may be unknown."""
    for layer, frame in draft.layers.items():
        for column, kind in ALL_LAYERS[layer].columns.items():
            if kind is str and (layer == "communes" or column not in {"name", "source"}):
                bad = frame[column].isna() | (frame[column] == "")
                yield from _rows(frame, bad, layer=layer, column=column, fix="empty. Fill it in")


def check_statuses(draft: Draft) -> Iterator[str]:
    """Every premises has a status the planner knows."""
    frame = draft.layers.get("premises")
    if frame is not None:
        bad = ~frame["status"].isin(STATUSES)
        yield from _rows(
            frame, bad, layer="premises", column="status", fix=f"not one of {', '.join(STATUSES)}"
        )


def check_facts(draft: Draft) -> Iterator[str]:
    """Every fact of a premises is a number above 0, or one of a few words, or empty."""
    frame = draft.layers.get("premises")
    if frame is None:
        return
    words = {"state": ("", *STATES), "accessible": ("", "yes", "no")}
    for fact, kind in LAYERS["premises"].kinds(frame.columns).items():
        if fact not in FACTS:
            continue
        if kind is str:
            bad = ~frame[fact].fillna("").isin(words[fact])
            fix = f"not one of {', '.join(words[fact][1:])}"
        else:
            values = pd.to_numeric(frame[fact], errors="coerce").astype(float)
            whole = (values % 1 == 0) | (fact != "available_year")
            bad = frame[fact].notna() & ~((values >= 1) & np.isfinite(values) & whole)
            fix = "not a valid number, 1 or more. Correct it"
        yield from _rows(frame, bad, layer="premises", column=fact, fix=fix)


def check_geometries(draft: Draft) -> Iterator[str]:
    """Every geometry is there, finite, valid, and of the layer's type."""
    for layer, frame in draft.layers.items():
        shapes = frame.geometry.to_numpy()
        absent = shapely.is_missing(shapes) | shapely.is_empty(shapes)
        yield from _rows(
            frame,
            absent,
            layer=layer,
            column="geometry",
            fix="null or empty. Draw it, or delete it",
        )
        xy, place = shapely.get_coordinates(shapes, return_index=True)
        finite = ~np.isin(np.arange(len(frame)), place[~np.isfinite(xy).all(axis=1)])
        fix = "not finite coordinates. Check the CRS of the layer"
        yield from _rows(frame, ~absent & ~finite, layer=layer, column="geometry", fix=fix)
        wanted = ALL_LAYERS[layer].geometry
        types = pd.Series(shapely.get_type_id(shapes)).isin([3, 6] if wanted == "Polygon" else [0])
        wrong = ~absent & ~types.to_numpy()
        yield from _rows(
            frame, wrong, layer=layer, column="geometry", fix=f"not a {wanted.lower()}"
        )
        invalid = ~absent & finite & ~wrong & ~shapely.is_valid(shapes)
        fix = "crosses itself. Repair it (QGIS: Fix geometries)"
        yield from _rows(frame, invalid, layer=layer, column="geometry", fix=fix)


def check_communes_known(draft: Draft) -> Iterator[str]:
    """Every resident, premises and establishment is in a commune of the communes layer."""
    communes = draft.layers.get("communes")
    for layer in _POINTS:
        frame = draft.layers.get(layer)
        if frame is None or communes is None:
            continue
        unknown = frame[~frame["commune"].isin(communes.index) & frame["commune"].notna()]
        for code, rows in unknown.groupby("commune"):
            lost = f", {rows['residents'].sum():.0f} residents" if layer == "residents" else ""
            yield (
                f"layer {layer}: {len(rows)} rows{lost} in commune {code}, which is not in layer "
                f"communes: {listed(list(rows.index), longest=3)}. Do the years of the files agree?"
            )


def check_extent(draft: Draft) -> Iterator[str]:
    """Points and commune centres are near the communes, not on another continent."""
    communes = draft.layers.get("communes")
    if communes is None or communes.empty:
        return
    bounds = shapely.bounds(communes.geometry.to_numpy())
    if not np.isfinite(bounds).any():
        return
    west, south = np.nanmin(bounds[:, :2], axis=0) - MAX_OUTSIDE_M
    east, north = np.nanmax(bounds[:, 2:], axis=0) + MAX_OUTSIDE_M
    for layer, frame, x, y in _points(draft):
        outside = np.isfinite(x) & ((x < west) | (x > east) | (y < south) | (y > north))
        fix = f"more than {MAX_OUTSIDE_M / 1000:.0f} km outside the communes. Are x and y swapped?"
        yield from _rows(frame, outside, layer=layer, column="geometry", fix=fix)


def check_register(draft: Draft) -> Iterator[str]:
    """Every row of the register has a name of its own and a status the planner knows."""
    rows = draft.sources
    twice = sorted(set(rows.loc[rows["name"].duplicated(), "name"]))
    if twice:
        yield f"register: name used more than once: {listed(twice)}. Keep one row each."
    for name, status in zip(rows["name"], rows["status"], strict=True):
        if status not in ORIGINS:
            yield f"register, {name}: status “{status}” is not one of {', '.join(ORIGINS)}."


CHECKS: tuple[Callable[[Draft], Iterator[str]], ...] = (
    check_filled,
    check_ids,
    check_numbers,
    check_texts,
    check_statuses,
    check_facts,
    check_geometries,
    check_communes_known,
    check_extent,
    check_register,
)
"""The rules, in the order their faults are said."""


def check_files(folder: Path, sources: pd.DataFrame) -> Iterator[str]:
    """Every file of the register is in the folder, and is the one that was registered."""
    missing = [column for column in SOURCE_COLUMNS if column not in sources]
    if missing:
        yield f"register: columns missing: {', '.join(missing)}. Build the territory again."
        return
    root = folder.resolve()
    for name, file, sha in zip(sources["name"], sources["file"], sources["sha256"], strict=True):
        path = (folder / file).resolve()
        if not path.is_relative_to(root):
            yield f"register, {name}: {file} is outside the folder. Copy it inside."
        elif not path.is_file():
            yield f"register, {name}: {file} is missing. Put it back, or build the territory again."
        elif sha and digest(path) != sha:
            yield (
                f"register, {name}: {file} is not the file that was registered (its SHA-256 "
                "differs). Put the original back, or build the territory again."
            )


def _rows(
    frame: gpd.GeoDataFrame, bad: "pd.Series | np.ndarray", *, layer: str, column: str, fix: str
) -> Iterator[str]:
    """Yield one fault that names the bad rows, or nothing."""
    ids = list(frame.index[np.asarray(bad, dtype=bool)])
    if ids:
        yield f"layer {layer}, column {column}: {fix}: {listed(ids)}."


def _points(draft: Draft) -> Iterator[tuple[str, gpd.GeoDataFrame, np.ndarray, np.ndarray]]:
    """Yield the points of the draft in its CRS, then the commune centres."""
    for layer in _POINTS:
        frame = draft.layers.get(layer)
        if frame is not None:
            x, y = shapely.bounds(frame.geometry.to_numpy())[:, :2].T
            yield layer, frame, x, y
    communes = draft.layers["communes"]
    to_metres = Transformer.from_crs(CRS("EPSG:4326"), draft.crs, always_xy=True)
    lon, lat = (
        pd.to_numeric(communes[f"centre_{axis}"], errors="coerce") for axis in ("lon", "lat")
    )
    x, y = to_metres.transform(lon.to_numpy(dtype=float), lat.to_numpy(dtype=float))
    yield "communes (centre)", communes, np.asarray(x), np.asarray(y)
