"""Writing a territory's folder: the same bytes for the same inputs, and all of it or none."""

import contextlib
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from planner._errors import InputError
from planner._files import fixed_clock
from planner._tables import listed
from planner.territory._model import ALL_LAYERS, SOURCE_COLUMNS, TOML

_OURS = re.compile(r"\.cache|territory\.toml|territory\.gpkg(-wal|-shm)?|inputs|roads\..+")
_WRITE_ERRORS = (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError, OSError)


def rounded(frame: gpd.GeoDataFrame, *, step_m: float = 0.01) -> gpd.GeoDataFrame:
    """Return a frame in metres with coordinates on a grid, so that every PROJ gives the same.

    Polygons come back valid, with their rings in a canonical order.

    Parameters
    ----------
    frame
        A frame in a metric CRS.
    step_m
        Step of the grid, in metres; the inverse must be a whole number.

    Returns
    -------
    GeoDataFrame
        The same rows and columns.
    """
    steps = round(1 / step_m)
    shapes = shapely.transform(
        shapely.force_2d(frame.geometry.to_numpy()), lambda xy: np.round(xy * steps) / steps
    )
    broken = ~shapely.is_valid(shapes)
    if broken.any():
        shapes[broken] = shapely.set_precision(shapely.make_valid(shapes[broken]), step_m)
    return frame.set_geometry(
        gpd.GeoSeries(shapely.normalize(shapes), index=frame.index, crs=frame.crs)
    )


def write_gpkg(path: Path, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Write the layers of a territory to one GeoPackage, sorted by id, with spatial indexes."""
    with fixed_clock():
        for layer, shape in ALL_LAYERS.items():
            if layer not in layers:
                continue
            frame = layers[layer].sort_index()
            frame = frame[[*shape.kinds(frame.columns), "geometry"]].reset_index(names=shape.key)
            geometry = "Point" if shape.geometry == "Point" else "MultiPolygon"
            pyogrio.write_dataframe(
                *(frame, path),
                layer=layer,
                driver="GPKG",
                geometry_type=geometry,
                promote_to_multi=geometry == "MultiPolygon",
            )


def write_toml(
    path: Path, *, title: str, crs: str, attribution: tuple[str, ...], sources: pd.DataFrame
) -> None:
    """Write territory.toml: what the territory is called, its CRS, and the register."""
    credits_ = ", ".join(quoted(line) for line in attribution)
    lines = [
        "# Written by `planner build`. To change the territory, change its inputs and build again.",
        "format = 1",
        f"title = {quoted(title)}",
        f"crs = {quoted(crs)}",
        f"attribution = [{credits_}]",
    ]
    for row in sources.to_dict("records"):
        lines += ["", "[[sources]]", *(f"{name} = {quoted(row[name])}" for name in SOURCE_COLUMNS)]
    path.write_bytes(("\n".join(lines) + "\n").encode())


def quoted(text: str) -> str:
    r"""Return a text as TOML writes it.

    Examples
    --------
    >>> print(quoted('Le "Relais"\n'))
    "Le \"Relais\"\n"
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def refuse_folder(out: Path, *, overwrite: bool) -> None:
    """Refuse to build over what is there, unless it is a territory and `overwrite` says so."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file. Give a folder that does not exist yet.")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / TOML).is_file():
        raise InputError(f"{out} holds something else than a territory. Give another folder.")
    if not overwrite:
        raise InputError(
            f"{out} already holds a territory. Give another folder, or ask to overwrite it."
        )
    others = sorted(path.name for path in out.iterdir() if not _OURS.fullmatch(path.name))
    if others:
        raise InputError(
            f"{out} also holds {listed(others)}, which overwriting would lose. Move them away."
        )


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a temporary folder beside `out` that takes its place only when the block succeeds.

    On any error the temporary folder is removed and what was at `out` stays.
    """
    temporary = out.parent / f".{out.name}-{secrets.token_hex(4)}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _swap(temporary, out)
    except _WRITE_ERRORS as error:
        raise InputError(f"{out}: could not be written ({error}). Nothing was changed.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(new: Path, out: Path) -> None:
    """Put the folder `new` at `out`; what was there leaves only once `new` is in place."""
    if not out.exists():
        new.rename(out)
        return
    old = new.with_name(f"{new.name}-old")
    out.rename(old)
    try:
        new.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
