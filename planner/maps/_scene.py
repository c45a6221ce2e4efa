"""What a map is about: the checked input, in web Mercator, in the order it is shown."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.maps._shapes import MERCATOR, Extent, Shapes, extent, lean
from planner.maps._words import TIERS

_COLUMNS = {
    "sites": ["name", "tier", "kind", "commune", "status", "seats", "residents_mesh"],
    "isochrones": ["site", "tier", "minutes"],
    "communes": [
        "name",
        "population",
        "covered_mesh",
        "share_mesh",
        "covered_structuring",
        "share_structuring",
    ],
    "roads": ["highway"],
    "uncovered": ["residents"],
    "uncertain": ["residents"],
    "left_out": ["name", "kind", "commune", "tiers", "gain", "why"],
    "water": [],
}
_MAYBE = {
    "communes": ["centre_lon", "centre_lat"],
    "sites": ["opened_by", "opens"],
    "left_out": ["opened_by"],
}
_YEARS = ["sites", "users"]
_REGISTER = ["what", "source", "date", "licence", "status", "note"]
_SURROUNDINGS = 2500.0  # metres
_POLYGONS = ("Polygon", "MultiPolygon")
_LINES = ("LineString", "MultiLineString")
_SHAPES = {
    "sites": ("Point",),
    "isochrones": _POLYGONS,
    "communes": (*_POLYGONS, "Point"),
    "roads": _LINES,
    "uncovered": ("Point",),
    "uncertain": ("Point",),
    "left_out": ("Point",),
    "water": (*_LINES, *_POLYGONS),
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything `planner.maps.plan_map` was given, ready to be drawn."""

    title: str
    sites: gpd.GeoDataFrame
    isochrones: gpd.GeoDataFrame
    communes: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    uncovered: gpd.GeoDataFrame
    uncertain: gpd.GeoDataFrame
    left_out: gpd.GeoDataFrame
    water: gpd.GeoDataFrame
    mesh_min: float
    structuring_min: float
    figures: Sequence[tuple[str, str] | tuple[str, str, str]]
    proven: str
    estimated: bool
    attribution: Sequence[str]
    plans: int = 0
    years: pd.DataFrame | None = None
    register: pd.DataFrame | None = None

    @property
    def view(self) -> Extent:
        """The extent of communes, sites and zones; a village stands for its surroundings."""
        room = _SURROUNDINGS if (self.communes.geom_type == "Point").any() else 0.0
        zones = self.isochrones[self.isochrones["minutes"] == self.mesh_min]
        return extent(self.communes, self.sites, zones, room=room)

    def lean(self, shapes: Shapes, *, vertices: int, tiled: bool = False) -> Shapes:
        """Simplify shapes to what the eye sees on this map, see `planner.maps._shapes.lean`."""
        return lean(shapes, detail=self.view.detail, vertices=vertices, tiled=tiled)

    def sites_of(self, tier: str) -> gpd.GeoDataFrame:
        """Return the sites of one tier; their index is their number on the map."""
        return self.sites[self.sites["tier"] == tier]


def scene(*, frames: dict[str, gpd.GeoDataFrame | None], **rest: Any) -> Scene:  # noqa: ANN401 - typed by Scene
    """Check the frames and return them as a scene.

    Parameters
    ----------
    frames
        The frames of `plan_scene` by name.
    rest
        Its other arguments.

    Returns
    -------
    Scene
        Frames hold the columns shown and nothing else; sites are in the order of their tiers,
        communes (with their `code`) and places left out in that of the French alphabet, all
        numbered from 0; isochrones name their site by its number.

    Raises
    ------
    InputError
        With every fault found.
    """
    given = {name: _empty(name) if frame is None else frame for name, frame in frames.items()}
    faults = [fault for name, frame in given.items() for fault in _faults(name, frame)]
    for name, wanted in (("register", _REGISTER), ("years", _YEARS)):
        table = rest.get(name)
        lacking = [] if table is None else [column for column in wanted if column not in table]
        faults += [f"{name}: missing columns {', '.join(lacking)}"] if lacking else []
    _refuse([*faults, *_strange_years(given["sites"], rest.get("years"))])
    shown: dict[str, Any] = {name: _shown(name, frame) for name, frame in given.items()}
    sites = _ordered(shown["sites"], ranks=list(TIERS))
    number = {site: n for n, site in enumerate(sites.index)}
    zones = shown["isochrones"]
    strangers = sorted({str(site) for site in zones["site"] if site not in number})
    _refuse([f"isochrones: no such site: {', '.join(strangers)}"] if strangers else [])
    shown["isochrones"] = zones.assign(site=[number[site] for site in zones["site"]])
    shown["sites"] = sites.reset_index(drop=True)
    shown["left_out"] = _ordered(shown["left_out"]).reset_index(drop=True)
    communes = _ordered(shown["communes"])
    shown["communes"] = communes.assign(code=communes.index.map(str)).reset_index(drop=True)
    return Scene(**shown, **rest)


def words(value: object) -> str:
    """Return a cell as text: nothing where it is missing."""
    return "" if value is None or value is pd.NA or value != value else str(value)  # noqa: PLR0124 - true of NaN alone


def _strange_years(sites: gpd.GeoDataFrame, years: pd.DataFrame | None) -> list[str]:
    """Return what is wrong with the years in which sites open."""
    if years is None or "opens" not in sites:
        return []
    known = sites["opens"].isna() | sites["opens"].isin(range(1, len(years) + 1))
    strange = ", ".join(str(site) for site in sites.index[~known])
    return [f"sites: no such year for {strange}"] if strange else []


def _refuse(faults: list[str]) -> None:
    if faults:
        raise InputError(f"The map cannot be drawn: {'; '.join(faults)}.")


def _faults(name: str, frame: gpd.GeoDataFrame) -> list[str]:
    """Return what is wrong with one frame."""
    faults = []
    missing = [column for column in _COLUMNS[name] if column not in frame.columns]
    if missing:
        faults.append(f"{name}: missing columns {', '.join(missing)}")
    if frame.crs is None:
        faults.append(f"{name}: no coordinate reference system")
    if not frame.index.is_unique:
        faults.append(f"{name}: the same index twice")
    kinds = set(frame.geom_type[~(frame.geometry.isna() | frame.geometry.is_empty)])
    if not kinds <= set(_SHAPES[name]):
        faults.append(f"{name}: geometry must be {' or '.join(_SHAPES[name])}, not {sorted(kinds)}")
    if "tier" in frame and "tier" in _COLUMNS[name] and not set(frame["tier"]) <= set(TIERS):
        faults.append(f"{name}: a tier is one of {', '.join(TIERS)}")
    return faults


def _empty(name: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({column: [] for column in _COLUMNS[name]}, geometry=[], crs=MERCATOR)


def _shown(name: str, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Keep the columns shown and the rows that can be drawn, in web Mercator."""
    geometry = frame.geometry.to_crs(MERCATOR)
    maybe = [column for column in _MAYBE.get(name, []) if column in frame]
    columns = {column: frame[column] for column in [*_COLUMNS[name], *maybe]}
    lean = gpd.GeoDataFrame(columns, geometry=geometry, crs=MERCATOR)
    drawn = ~(lean.geometry.isna() | lean.geometry.is_empty)
    finite = np.isfinite(lean.geometry.bounds.to_numpy()).all(axis=1)
    if (drawn & ~finite).any() or (name in {"sites", "communes", "left_out"} and not drawn.all()):
        rows = ", ".join(str(row) for row in lean.index[~(drawn & finite)])
        raise InputError(f"The map cannot be drawn: {name}: no usable geometry for {rows}.")
    return lean[drawn]


def _ordered(frame: gpd.GeoDataFrame, *, ranks: Sequence[str] = ()) -> gpd.GeoDataFrame:
    """Return the rows by tier if there are tiers, then by name, then by index."""
    keys = [
        (ranks.index(row["tier"]) if ranks else 0, _collation(words(row["name"])), str(index))
        for index, row in frame.iterrows()
    ]
    return frame.iloc[sorted(range(len(keys)), key=keys.__getitem__)]


def _collation(name: str) -> str:
    """Return a sort key in which accents and capitals do not count."""
    spelt = name.replace("Œ", "Oe").replace("œ", "oe")
    plain = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    return f"{plain.casefold()}\0{name}"
