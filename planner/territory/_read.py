"""Reading a territory: find the folder, read its layers, check all of it, return the value."""

import contextlib
import difflib
import hashlib
import sqlite3
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import CRSError as NoCRSError
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj import CRS
from pyproj.exceptions import CRSError

import planner
from planner._errors import InputError
from planner._files import digest, slug
from planner._tables import refuse
from planner.sources import tables
from planner.territory import _checks, _mergers
from planner.territory._model import (
    ALL_LAYERS,
    GPKG,
    LAYERS,
    SOURCE_COLUMNS,
    TOML,
    Territory,
    content_digest,
)

GDAL_ERRORS = (
    *(DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, NoCRSError),
    *(RuntimeError, UnicodeDecodeError, shapely.errors.ShapelyError),
)
"""What pyogrio, GDAL and shapely raise on a file they cannot read or write."""

_HEADER = b"SQLite format 3\0"
_FORMAT = 1


class About(NamedTuple):
    """What territory.toml says."""

    title: str
    crs: CRS
    attribution: tuple[str, ...]
    sources: pd.DataFrame


def names() -> tuple[str, ...]:
    """Return the names of the territories that ship with the planner, sorted.

    Examples
    --------
    >>> "liechtenstein" in names()
    True
    """
    return tuple(sorted(path.parent.name for path in _data_folder().glob(f"*/{TOML}")))


def read(name_or_path: str | Path) -> Territory:
    """Read a territory and check all of it.

    Parameters
    ----------
    name_or_path
        The name of a territory that ships with the planner, or a territory's folder. A name that
        ships wins over a folder of the same name: write ``./name`` for the folder.

    Returns
    -------
    Territory
        Its three layers in its metric CRS, sorted by id.

    Raises
    ------
    InputError
        When there is no such territory (the nearest name is suggested), or with all the faults
        of its files: file, layer, rows, column and what to do.

    Examples
    --------
    >>> read("saone-beaujolais").communes.loc["69018", "name"]
    'Beaujeu'
    """
    folder = folder_of(name_or_path)
    about = read_about(folder / TOML)
    contents, faults = examined(folder, about)
    refuse(str(folder), faults)
    return territory_of(folder, about, contents)


class Contents(NamedTuple):
    """What the files of a territory hold: those layers and tables that can be read."""

    layers: dict[str, gpd.GeoDataFrame]
    tables: dict[str, pd.DataFrame]


def examined(folder: Path, about: About) -> tuple[Contents, list[str]]:
    """Return what can be read of a territory's files, and every fault of them.

    Parameters
    ----------
    folder
        The territory's.
    about
        What its territory.toml says.
    """
    layers, faults = _layers(folder / GPKG, crs=about.crs)
    faults += _checks.check_files(folder, about.sources)
    faults += _checks.faults(_checks.Draft(layers, about.sources, about.crs))
    found, others = _tables(folder, about.sources)
    return Contents(layers, found), faults + others


def territory_of(folder: Path, about: About, contents: Contents) -> Territory:
    """Return a territory whose files have no fault.

    Parameters
    ----------
    folder, about, contents
        As :func:`examined` takes and returns them.
    """
    layers = contents.layers
    return Territory(
        name=slug(folder.resolve().name),
        title=about.title,
        **{layer: _typed(layer, frame) for layer, frame in layers.items()},
        sources=about.sources,
        crs=about.crs,
        attribution=about.attribution,
        digest=_digest(folder, about.sources, layers),
        roads_path=_input(folder, about.sources, "roads"),
        **contents.tables,
    )


def _data_folder() -> Path:
    """Return where territories ship: inside an installed package, else in the repository."""
    package = Path(planner.__file__).parent
    installed = package / "data"
    return installed if installed.is_dir() else package.parent / "data"


def folder_of(name_or_path: str | Path) -> Path:
    """Return the folder of a territory, by its name or by its path.

    Raises
    ------
    InputError
        When there is no such territory, with the nearest name.
    """
    known = names()
    if isinstance(name_or_path, str) and name_or_path in known:
        return _data_folder() / name_or_path
    path = Path(name_or_path)
    if path.is_dir():
        if (path / TOML).is_file():
            return path
        raise InputError(f"{path}: not a territory, it holds no {TOML}. Build one with `build`.")
    near = difflib.get_close_matches(slug(path.name), known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise InputError(
        f"{name_or_path}: no such territory and no such folder. {hint}Known territories: "
        f"{', '.join(known)}. Give one of these names, or the folder of your own."
    )


def read_about(path: Path) -> About:
    """Return what territory.toml says.

    Raises
    ------
    InputError
        With all that is wrong with it.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as TOML ({error}). Build it again.") from error
    faults = []
    if table.get("format") != _FORMAT:
        faults.append(f"format must be {_FORMAT}: another version of the planner wrote it.")
    if not isinstance(table.get("title"), str):
        faults.append('title is missing. Write title = "…".')
    crs, fault = _metric_crs(table.get("crs"))
    faults += fault
    attribution = table.get("attribution", [])
    if not _texts(attribution):
        faults.append("attribution must be a list of texts.")
    rows = table.get("sources", [])
    if not isinstance(rows, list) or not all(
        isinstance(r, dict) and _texts(r.values()) for r in rows
    ):
        faults.append("sources must be tables of texts, one [[sources]] a row.")
        rows = []
    elif missing := sorted({c for row in rows for c in SOURCE_COLUMNS if c not in row}):
        faults.append(f"[[sources]] rows lack {', '.join(missing)}.")
    refuse(str(path), faults)
    register = pd.DataFrame(rows, columns=list(SOURCE_COLUMNS), dtype=str)
    return About(table["title"], crs, tuple(attribution), register)


def _texts(values: Any) -> bool:  # noqa: ANN401 - whatever a TOML file holds
    return not isinstance(values, str) and all(isinstance(value, str) for value in values)


def _metric_crs(text: object) -> tuple[CRS, list[str]]:
    """Return the CRS that a territory declares, and a fault when it is not one in metres."""
    fix = 'Write the metric CRS the layers are in, as crs = "EPSG:2154".'
    fallback = CRS("EPSG:2154")
    if not isinstance(text, str) or not text:
        return fallback, [f"crs is missing, and is never guessed. {fix}"]
    try:
        crs = CRS(text)
    except CRSError:
        return fallback, [f"crs “{text}” is not known. {fix}"]
    if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
        return fallback, [f"crs “{text}” is not in metres. {fix}"]
    return crs, []


def _layers(path: Path, *, crs: CRS) -> tuple[dict[str, gpd.GeoDataFrame], list[str]]:
    """Return the layers that can be read, in `crs`, and a fault for each that cannot."""
    layers: dict[str, gpd.GeoDataFrame] = {}
    faults: list[str] = []
    if damage := _damage(path):
        return layers, [damage]
    try:
        found = {str(name) for name in pyogrio.list_layers(path)[:, 0]}
    except GDAL_ERRORS as error:
        return layers, [f"{path.name}: not readable ({_said(error)}). Build the territory again."]
    for layer in ALL_LAYERS:
        if layer not in found:
            if layer not in LAYERS:
                continue
            present = ", ".join(sorted(found)) or "none"
            faults.append(f"{path.name}: layer {layer} is missing (found: {present}).")
            continue
        try:
            with np.errstate(invalid="ignore"):  # NaN is refused by its row
                frame = pyogrio.read_dataframe(path, layer=layer)
            layers[layer] = _shaped(layer, frame, crs=crs)
        except InputError as error:
            faults.append(f"{path.name}, layer {layer}: {error}")
        except GDAL_ERRORS as error:
            faults.append(f"{path.name}, layer {layer}: not readable ({_said(error)}).")
    return layers, faults


def _damage(path: Path) -> str:
    """Return what is wrong with a GeoPackage as a file, before GDAL opens it, or ""."""
    if not path.is_file():
        return f"{path.name} is missing. Put it back, or build the territory again."
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(_HEADER) or len(header) < 100:  # noqa: PLR2004 - SQLite's header
        return f"{path.name}: not a GeoPackage, or its start is lost. Build the territory again."
    page = int.from_bytes(header[16:18], "big")
    whole = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    size = path.stat().st_size
    if size < whole:
        return (
            f"{path.name}: truncated, {size:,} bytes of {whole:,}. Copy it again, or build the "
            "territory again."
        )
    return _corruption(path)


def _corruption(path: Path) -> str:
    """Return what SQLite's own check finds wrong, or ""."""
    address = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as base:
            said = str(base.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError:  # locked, or built without the R-tree: GDAL will tell
        return ""
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter in SQLite's message
        said = str(error)
    if said == "ok":
        return ""
    return f"{path.name}: damaged ({' '.join(said.split())}). Build the territory again."


def _shaped(layer: str, frame: gpd.GeoDataFrame, *, crs: CRS) -> gpd.GeoDataFrame:
    """Return a layer with its index and columns, in `crs`; refuse it when it lacks any."""
    shape = ALL_LAYERS[layer]
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InputError("it has no geometry. Give it one.")
    wanted = (shape.key, *shape.columns)
    missing = [column for column in wanted if column not in frame]
    if missing:
        found = ", ".join(str(c) for c in frame.columns)
        raise InputError(f"columns missing: {', '.join(missing)}. Found: {found}.")
    if frame.crs is None:
        raise InputError("no CRS, and it is never guessed. Set it (QGIS: Assign projection).")
    kinds = shape.kinds(frame.columns)
    texts = [shape.key, *(c for c, kind in kinds.items() if kind is str)]
    numeric = [column for column in texts if pd.api.types.is_numeric_dtype(frame[column])]
    if numeric and not frame.empty:
        raise InputError(f"{', '.join(numeric)}: numbers, where zeros are lost. Make it text.")
    frame = frame.astype(dict.fromkeys(texts, object)).set_index(shape.key)
    frame = frame[[*kinds, "geometry"]].to_crs(crs).sort_index()
    return frame.set_geometry(frame.geometry.force_2d())


def _typed(layer: str, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a sound layer with the types promised: text, float, and int for a population."""
    kinds = ALL_LAYERS[layer].kinds(frame.columns)
    frame = frame.fillna({column: "" for column, kind in kinds.items() if kind is str})
    frame = frame.astype(kinds)
    frame.index = frame.index.astype(str)
    return frame.astype({"population": "int64"}) if layer == "communes" else frame


def _input(folder: Path, sources: pd.DataFrame, name: str) -> Path | None:
    """Return where an input of the territory is, or None when it has not this one."""
    files = sources.loc[(sources["name"] == name) & (sources["sha256"] != ""), "file"]
    return folder / files.iloc[0] if len(files) else None


def _tables(folder: Path, sources: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the tables that the territory has beside its layers, and their faults."""
    readers = {
        "flows": tables.read_flows,
        "jobs": tables.read_jobs,
        "occupations": tables.read_occupations,
    }
    found: dict[str, pd.DataFrame] = {}
    faults: list[str] = []
    for name, reader in readers.items():
        path = _input(folder, sources, name)
        if path is None or not path.is_file():  # a file that is missing is said by its row
            continue
        try:
            found[name] = _mergers.to_today(name, reader(path))[0]
        except InputError as error:
            faults += error.faults
    return found, faults


def _digest(folder: Path, sources: pd.DataFrame, layers: dict[str, gpd.GeoDataFrame]) -> str:
    """Return the digest of a territory whose files have been checked against its register."""
    lines = [f"{TOML} {digest(folder / TOML)}"]
    lines += [f"{file} {sha}" for file, sha in _registered(sources)]
    lines += [f"{layer} {content_digest(_typed(layer, layers[layer]))}" for layer in layers]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _registered(sources: pd.DataFrame) -> Iterator[tuple[str, str]]:
    rows = sources[sources["sha256"] != ""].sort_values("name")
    yield from zip(rows["file"], rows["sha256"], strict=True)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
