"""What a territory is: the value everything else reads, and the shape of its three layers."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import geopandas as gpd
import pandas as pd
import shapely
from pyproj import CRS

from planner.territory._shown import shown

GPKG = "territory.gpkg"
TOML = "territory.toml"

STATUSES = ("candidate", "existing", "to_confirm")
"""What a premises can be: a possible site, a coworking that is open, a room still to be found."""

ORIGINS = ("sourced", "derived", "assumption")
"""What a row of the register can be: as published, computed from what is, or supposed."""

SOURCE_COLUMNS = ("name", "file", "what", "source", "licence", "date", "sha256", "status", "note")
"""Columns of the register, all text. `sha256` is that of an input file; rows that describe the
planner's own GeoPackage have none, so that correcting it in QGIS stays possible."""


class Layer(NamedTuple):
    """The shape of a layer: its key (the index), its columns (text or number), its geometry.

    Columns that are `optional` may be absent, and their cells empty.
    """

    key: str
    columns: Mapping[str, type[str] | type[float]]
    geometry: Literal["Polygon", "Point"]
    optional: Mapping[str, type[str] | type[float]] = MappingProxyType({})

    def kinds(self, present: Collection[str]) -> dict[str, type[str] | type[float]]:
        """Return its columns, and those of the optional ones that are present, with their kind."""
        return {**self.columns, **{c: k for c, k in self.optional.items() if c in present}}


FACTS: Mapping[str, type[str] | type[float]] = MappingProxyType(
    {"area_m2": float, "state": str, "accessible": str, "available_year": float}
)
"""What may be known of a premises: see `Territory.premises`."""

LAYERS: Mapping[str, Layer] = MappingProxyType(
    {
        "communes": Layer(
            "code",
            {"name": str, "population": float, "centre_lon": float, "centre_lat": float},
            "Polygon",
        ),
        "residents": Layer("id", {"commune": str, "residents": float}, "Point"),
        "premises": Layer(
            "id",
            dict.fromkeys(("name", "kind", "commune", "status", "source"), str),
            "Point",
            optional=FACTS,
        ),
    }
)
"""The layers that every territory has, in the order they are written."""

EXTRA_LAYERS: Mapping[str, Layer] = MappingProxyType(
    {
        "establishments": Layer(
            "id", dict.fromkeys(("name", "kind", "commune", "source"), str), "Point"
        )
    }
)
"""Layers that a territory may have, written after the others."""

ALL_LAYERS: Mapping[str, Layer] = MappingProxyType({**LAYERS, **EXTRA_LAYERS})


@dataclass(frozen=True, eq=False, kw_only=True)
class Territory:
    """A territory in memory: its layers in one metric CRS, and the register of their sources.

    Attributes
    ----------
    name
        Name of the folder it was read from, safe in a file name.
    title
        Name for people.
    communes
        Index `code` (text: ``69002``, or ``r42`` where there is no INSEE code); columns name,
        population (int), centre_lon and centre_lat (degrees, WGS84), geometry (polygons).
    residents
        Demand points. Index `id`; columns commune (code), residents (float), geometry (points).
    premises
        Index `id`; columns name (may be empty), kind, commune (code), status (``candidate``,
        ``existing`` or ``to_confirm``), source, geometry (points). Where somebody looked: area_m2,
        state (works it needs: ``light``, ``medium`` or ``heavy``), accessible (``yes`` or ``no``),
        available_year (from 1); a cell that is not known is NaN or empty.
    sources
        The register: one row an input or a derived layer, columns as `SOURCE_COLUMNS`.
    crs
        The metric CRS the three layers are in: EPSG:2154 in metropolitan France, else UTM.
    attribution
        What must be credited wherever the data shows, in French.
    digest
        SHA-256 of the register, the input files and the contents of the layers: it changes when
        any of them does, and not with the version of GDAL that wrote the GeoPackage.
    roads_path
        The OpenStreetMap file that holds the roads, or None.
    establishments
        Cooperatives and associations. Index `id` (SIRET); columns name (may be empty), kind
        (``scop``, ``scic``, ``cae`` or ``association``), commune (code), source, geometry (points);
        None when not known.
    flows
        Commuters: columns home, work (commune codes; work may be outside), workers (float); None
        when not known.
    jobs
        Index code; columns jobs, workers (residents who have one), floats; None when not known.
    occupations
        Index code; residents who have a job by occupation, columns as
        `planner.sources.tables.OCCUPATIONS`, floats; None when not known.
    """

    name: str
    title: str
    communes: gpd.GeoDataFrame = field(repr=False)
    residents: gpd.GeoDataFrame = field(repr=False)
    premises: gpd.GeoDataFrame = field(repr=False)
    sources: pd.DataFrame = field(repr=False)
    crs: CRS = field(repr=False)
    attribution: tuple[str, ...] = field(repr=False)
    digest: str = field(repr=False)
    roads_path: Path | None = None
    establishments: gpd.GeoDataFrame | None = field(default=None, repr=False)
    flows: pd.DataFrame | None = field(default=None, repr=False)
    jobs: pd.DataFrame | None = field(default=None, repr=False)
    occupations: pd.DataFrame | None = field(default=None, repr=False)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a small map, and what the territory holds."""
        return shown(self)


def content_digest(frame: gpd.GeoDataFrame) -> str:
    """Return a SHA-256 of a layer's values, whatever file they were read from.

    Parameters
    ----------
    frame
        One of the layers of a territory.

    Returns
    -------
    str
        The same for two frames with the same index, columns and coordinates.
    """
    values = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    text = values.to_csv(lineterminator="\n")
    hashed = hashlib.sha256(text.encode())
    for shape in shapely.to_wkb(frame.geometry.to_numpy(), byte_order=1):
        hashed.update(shape)
    return hashed.hexdigest()
