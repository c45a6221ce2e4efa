"""The plan as a GeoPackage that QGIS opens already drawn: layers and their styles in one file."""

import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from planner._files import fixed_clock
from planner._language import say
from planner.dossier import _qml
from planner.maps._words import TIERS, kind_words, status_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.plan import Plan

_FIXED = "2000-01-01T00:00:00.000Z"
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY, f_table_catalog TEXT, f_table_schema TEXT, f_table_name TEXT,
    f_geometry_column TEXT, styleName TEXT, styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
    description TEXT, owner TEXT, ui TEXT, update_time DATETIME
)
"""


def geopackage(plan: "Plan") -> bytes:
    """Return the layers of a plan as one GeoPackage, EPSG:4326, with a QGIS style each.

    Parameters
    ----------
    plan
        The plan.

    Returns
    -------
    bytes
        Layers communes, isochrones, habitants (minutes are empty where no site is reached),
        ecartes, sites, and routes where there are any; table layer_styles, which QGIS reads when
        it opens a layer. The same plan gives the same bytes.
    """
    layers = _layers(plan)
    with tempfile.TemporaryDirectory() as folder, fixed_clock():
        path = Path(folder) / "reseau.gpkg"
        for name, frame in layers.items():
            pyogrio.write_dataframe(
                frame, path, layer=name, driver="GPKG", promote_to_multi=_areal(frame),
                geometry_type=_geometry(frame),
            )  # fmt: skip
        _add_styles(path, layers)
        return path.read_bytes()


def _layers(plan: "Plan") -> "dict[str, gpd.GeoDataFrame]":
    """Return the layers from the ground up, the columns named for readers."""
    layers = {
        "communes": _communes(plan),
        "isochrones": plan.isochrones.assign(niveau=_tier_words(plan.isochrones["tier"])).drop(
            columns="tier"
        ),
        "habitants": _people(plan),
        "ecartes": _left_out(plan),
        "sites": _sites(plan),
    }
    if plan.roads is not None and len(plan.roads):
        layers["routes"] = plan.roads.rename(columns={"highway": "classe"})
    doubt = say("temps estimés") if plan.estimated else say("temps par la route")
    for name in ("communes", "isochrones", "habitants"):
        layers[name] = layers[name].assign(temps=doubt)
    return {name: _whole(frame) for name, frame in layers.items()}


def _whole(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a layer whose texts GDAL does not cut: it ends them at a NUL."""

    def whole(value: object) -> object:
        return value.replace("\0", "") if isinstance(value, str) else value

    texts = frame.select_dtypes(["object", "str"]).columns
    return frame.assign(**{name: list(map(whole, frame[name])) for name in texts})


def _communes(plan: "Plan") -> gpd.GeoDataFrame:
    communes = plan.communes
    return gpd.GeoDataFrame(
        {
            "code": communes.index.astype(str),
            "commune": communes["name"].to_numpy(),
            "population": communes["population"].to_numpy(int),
            "desservis": communes["covered_mesh"].to_numpy(float),
            "part_desservie": communes["share_mesh"].to_numpy(float),
            "pres_structurant": communes["covered_structuring"].to_numpy(float),
            "part_structurant": communes["share_structuring"].to_numpy(float),
        },
        geometry=communes.geometry.to_numpy(),
        crs=communes.crs,
    )


def _people(plan: "Plan") -> gpd.GeoDataFrame:
    people = plan.people
    finite = {
        said: people[name].where(np.isfinite(people[name])).to_numpy(float)
        for said, name in {
            "minutes": "minutes", "minutes_lent": "minutes_slow", "minutes_rapide": "minutes_fast"
        }.items()
    }  # fmt: skip
    return gpd.GeoDataFrame(
        {
            "identifiant": people.index.astype(str),
            "commune": people["commune"].to_numpy(),
            "habitants": people["residents"].to_numpy(float),
            **finite,
            "site": people["site"].to_numpy(),
            "desservi": people["inside"].to_numpy(bool),
        },
        geometry=people.geometry.to_numpy(),
        crs=people.crs,
    )


def _left_out(plan: "Plan") -> gpd.GeoDataFrame:
    left = plan.left_out
    return gpd.GeoDataFrame(
        {
            "identifiant": left.index.astype(str),
            "nom": left["name"].to_numpy(),
            "type": [kind_words(kind) for kind in left["kind"]],
            "commune": left["commune_name"].to_numpy(),
            "pourrait_etre": left["tiers"].to_numpy(),
            "habitants_en_plus": left["gain"].to_numpy(float),
            "pourquoi": left["why"].to_numpy(),
        },
        geometry=left.geometry.to_numpy(),
        crs=left.crs,
    )


def _sites(plan: "Plan") -> gpd.GeoDataFrame:
    sites = plan.sites
    return gpd.GeoDataFrame(
        {
            "identifiant": sites.index.astype(str),
            "nom": sites["name"].to_numpy(),
            "niveau": _tier_words(sites["tier"]).to_numpy(),
            "type": [kind_words(kind) for kind in sites["kind"]],
            "commune": sites["commune_name"].to_numpy(),
            "code_commune": sites["commune"].to_numpy(),
            "statut": [
                status_words(kind, status)
                for kind, status in zip(sites["kind"], sites["status"], strict=True)
            ],
            "places": sites["seats"].to_numpy(int),
            "habitants_a_portee": sites["residents_mesh"].to_numpy(float),
            "usagers_attendus": sites["users"].to_numpy(float),
        },
        geometry=sites.geometry.to_numpy(),
        crs=sites.crs,
    )


def _tier_words(tiers: pd.Series) -> pd.Series:
    return tiers.map(lambda tier: TIERS[tier].one)


def _areal(frame: gpd.GeoDataFrame) -> bool:
    return bool(frame.geom_type.str.contains("Polygon").any())


def _geometry(frame: gpd.GeoDataFrame) -> str:
    """Return the type of a layer, the same whatever its rows."""
    if _areal(frame):
        return "MultiPolygon"
    return "LineString" if frame.geom_type.str.contains("Line").any() else "Point"


def _add_styles(path: Path, layers: "Mapping[str, gpd.GeoDataFrame]") -> None:
    """Add the table in which QGIS looks for styles, and tell the GeoPackage of it."""
    with sqlite3.connect(path) as base:
        base.execute(_STYLES)
        for number, (name, style) in enumerate(sorted(_qml.styles().items()), start=1):
            if name in layers:
                base.execute(
                    "INSERT INTO layer_styles VALUES (?, '', '', ?, 'geom', ?, ?, '', 1, ?, '', "
                    "NULL, ?)",
                    (number, name, name, style, "planner", _FIXED),
                )
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', ?)",
            (_FIXED,),
        )
    base.close()
