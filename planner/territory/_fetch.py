"""A territory from open data, by the SIREN of its EPCI: fetch, crop to the communes, build.

Every file comes through a cache that holds whole and checked files only, so that a run that was
stopped anywhere is simply run again. What each publisher gave, or why it is missing, goes to the
register; without communes or roads there is no territory, without the rest there is one that says
what is estimated.
"""

import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import geopandas as gpd
import pandas as pd

from planner._errors import InputError, PlannerError
from planner._files import digest, existing_file, safe_cell, slug
from planner._tables import listed
from planner.sources import (
    api_geo,
    bpe,
    employment,
    filosofi,
    france_services,
    mobpro,
    osm_crop,
    overpass,
    sirene,
    third_places,
)
from planner.sources._http import POLITE, Polite, Receipt, SourceError, kept_or_made
from planner.sources._national import OtherTableError
from planner.territory import _write
from planner.territory._build import build
from planner.territory._model import TOML, Territory
from planner.territory._read import read

BUFFER_KM = 15.0
"""How far beyond the communes roads are taken: a trip of twenty minutes between two of their
places strays no further."""

JOBS_KM = 50.0
"""How far beyond the communes jobs are counted: most of those who work elsewhere do so nearer."""

SERVERS: Mapping[str, str] = MappingProxyType(
    {
        "communes": api_geo.SERVER,
        "osm": overpass.SERVER,
        "filosofi": filosofi.URL,
        "bpe": bpe.URL,
        "third-places": third_places.URL,
        "france-services": france_services.URL,
        "sirene": sirene.URL,
        "sirene-units": sirene.URL,
        "sirene-places": sirene.URL,
        "mobpro": mobpro.URL,
        "jobs": employment.URL,
        "centres": api_geo.CENTRES_URL,
    }
)
"""Where each source is asked for: the address of a service, or of a file."""

NONE: Mapping[str, str] = MappingProxyType({})

Progress = Callable[[str, int, int], None]
"""Told the source, what is done of it, and the whole (0 when not known)."""

_PREMISES: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        "bpe": ("Commerces et services (BPE)", bpe),
        "third-places": ("Tiers-lieux", third_places),
        "france-services": ("France services", france_services),
    }
)
_METRES_PER_DEGREE = 111_320.0
_DECIMALS = 4  # of degrees, for boxes: about ten metres
_PLACES = 6


class _Run(NamedTuple):
    """What every stage needs to know."""

    siren: str
    cache: Path
    files: Mapping[str, Path]
    servers: Mapping[str, str]
    polite: Polite
    progress: Progress

    def told(self, name: str) -> Callable[[int, int], None]:
        return lambda done, total: self.progress(name, done, total)


class _Made(NamedTuple):
    """One input of `build`: its file, or None, and its row in the register."""

    path: Path | None
    source: str
    licence: str
    date: str
    note: str


class _Centres(NamedTuple):
    """Where the communes of the country are, or None and why that is not known."""

    table: pd.DataFrame | None
    missing: str


def fetch(
    siren: str,
    out: Path | str | None = None,
    *,
    cache: Path | str = "planner-cache",
    pbf: Path | str | None = None,
    files: Mapping[str, Path | str] = NONE,
    servers: Mapping[str, str] = NONE,
    buffer_km: float = BUFFER_KM,
    polite: Polite = POLITE,
    progress: Progress = lambda _name, _done, _total: None,
    overwrite: bool = False,
) -> Territory:
    """Make the territory of an EPCI from open data.

    Communes come from API Géo, roads and premises from OpenStreetMap, residents, shops, commuters
    and jobs from INSEE, cooperatives and associations from SIRENE, third places and France services
    from their lists. Communes and roads are needed; a source that cannot be had otherwise is
    replaced by an estimate, and the register says which and why. Downloads are kept in `cache`: run
    again after a failure, and only what is missing is asked for.

    Parameters
    ----------
    siren
        The SIREN of the EPCI, nine digits.
    out
        The folder to make; by default one named after the EPCI.
    cache
        Where downloads are kept, shared by territories.
    pbf
        An OpenStreetMap file to crop (a region of Geofabrik) instead of asking Overpass.
    files
        Files downloaded by hand, by the name of their source (`SERVERS`): nothing is then asked
        for it.
    servers
        Other addresses than those of `SERVERS`.
    buffer_km
        How far beyond the communes roads are taken, in kilometres.
    polite
        How patient to be with servers.
    progress
        Told what is going on.
    overwrite
        Whether to replace a territory already at `out`. Without it, the same territory is left
        as it is, and another is refused.

    Returns
    -------
    Territory
        As `planner.territory.read` returns it.

    Raises
    ------
    InputError
        When an argument or a file given by hand is faulty.
    NetworkError
        When the communes or the roads cannot be had; the message says how to go on by hand.
    """
    _check_names(files, servers)
    if not (math.isfinite(buffer_km) and 0 <= buffer_km <= 200):  # noqa: PLR2004 - km, a region
        raise InputError(f"buffer_km={buffer_km!r}: give kilometres, from 0 to 200.")
    run = _Run(
        api_geo.checked_siren(siren),
        Path(cache),
        {name: existing_file(path, what=name) for name, path in files.items()},
        {**SERVERS, **servers},
        polite,
        progress,
    )
    title, contours = _communes(run)
    shapes = api_geo.read(contours.path or "")
    out = Path(out) if out is not None else Path(slug(title))
    if not (out / TOML).is_file():
        _write.refuse_folder(out, overwrite=overwrite)
    with tempfile.TemporaryDirectory(prefix="planner-") as work:
        made = {
            "contours": contours,
            "residents": _residents(run, shapes, Path(work)),
            "premises": _premises(run, shapes, Path(work)),
            "establishments": _establishments(run, shapes, Path(work)),
        }
        centres = _centres(run)
        made["flows"] = _flows(run, shapes, centres, Path(work))
        made["jobs"] = _jobs(run, shapes, centres, Path(work))
        made["occupations"] = _occupations(run, shapes, Path(work))
        buildings = made["residents"].path is None
        made["roads"] = _roads(run, shapes, pbf, buffer_km=buffer_km, buildings=buildings)
        progress("build", 0, 1)
        home = _built(out, title, made, Path(work), overwrite=overwrite)
        progress("build", 1, 1)
    return home


def _check_names(files: Mapping[str, Path | str], servers: Mapping[str, str]) -> None:
    known = {"files": [n for n in SERVERS if n != "osm"], "servers": list(SERVERS)}
    for what, given in (("files", files), ("servers", servers)):
        strange = [name for name in given if name not in known[what]]
        if strange:
            raise InputError(
                f"{what}: {listed(strange)} is no source. Known: {', '.join(known[what])}."
                + (" OpenStreetMap files are given as pbf." if "osm" in strange else "")
            )
    for name, url in servers.items():
        if not url.startswith(("http://", "https://")):
            raise InputError(f"server of {name}: “{url}” is no address. It begins with https://.")


def _communes(run: _Run) -> tuple[str, _Made]:
    """Return the name of the EPCI, and its communes."""
    given = run.files.get("communes")
    if given is not None:
        name = run.cache / f"epci-{run.siren}.json"
        title = api_geo.read_name(name) if name.is_file() else f"EPCI {run.siren}"
        return title, _Made(given, api_geo.SOURCE, api_geo.LICENCE, "", _by_hand(given))
    found = api_geo.fetch(
        run.siren,
        run.cache,
        server=run.servers["communes"],
        polite=run.polite,
        progress=run.told("communes"),
    )
    receipt = found.communes
    return api_geo.read_name(found.name.path), _Made(
        receipt.path, api_geo.SOURCE, api_geo.LICENCE, receipt.date, _origin(receipt)
    )


def _residents(run: _Run, shapes: gpd.GeoDataFrame, work: Path) -> _Made:
    """Return the residents by grid cell, or why there are none."""
    try:
        raw = _raw(run, "filosofi", filosofi.fetch)
        grid = filosofi.read(raw.path, shapes)
    except PlannerError as error:
        if "filosofi" in run.files:
            raise
        instead = "Habitants répartis sur les bâtiments d’OpenStreetMap."
        return _Made(None, "", "", "", f"{_missing(run, 'Grille Filosofi', error)} {instead}")
    path = _csv(grid.cells, work / "residents.csv")
    share = grid.imputed_share
    imputed = "part inconnue" if math.isnan(share) else f"{100 * share:.0f} %"
    note = (
        f"Carreaux de {grid.side_m} m, commune selon la géométrie ; habitants de carreaux imputés "
        f"par l’Insee : {imputed}. {_origin(raw)}"
    )
    return _Made(path, filosofi.SOURCE, filosofi.LICENCE, raw.date, note)


def _premises(run: _Run, shapes: gpd.GeoDataFrame, work: Path) -> _Made:
    """Return the premises of all the lists that could be had, and why others could not."""
    frames, notes, sources, days = [], [], [], []
    for name, (what, module) in _PREMISES.items():
        try:
            raw = _raw(run, name, module.fetch)
            found = module.read(raw.path, shapes)
        except PlannerError as error:
            if name in run.files:
                raise
            notes.append(_missing(run, what, error))
            continue
        frames.append(found.frame)
        notes.append(f"{what} : {found.note} {_origin(raw)}")
        sources.append(module.SOURCE)
        days.append(raw.date)
    note = " ".join(notes)
    frame = pd.concat(frames) if frames else pd.DataFrame()
    if frame.empty:
        return _Made(None, "", "", "", note)
    path = _csv(frame.sort_values("id"), work / "premises.csv")
    return _Made(path, " ; ".join(sources), third_places.LICENCE, max(days), note)


def _centres(run: _Run) -> _Centres:
    """Return where the communes of the country are, or why that is not known."""
    try:
        raw = _raw(run, "centres", api_geo.fetch_centres)
        return _Centres(api_geo.read_centres(raw.path), "")
    except PlannerError as error:
        if "centres" in run.files:
            raise
        return _Centres(None, f" {_missing(run, 'Centres des communes de travail', error)}")


def _establishments(run: _Run, shapes: gpd.GeoDataFrame, work: Path) -> _Made:
    """Return the cooperatives and associations, at their commune's centre where need be."""
    what = "Coopératives et associations (Sirene)"
    try:
        raw = _raw(run, "sirene", sirene.fetch)
        units = _raw(run, "sirene-units", sirene.fetch_units)
        places, nowhere = None, ""
        try:
            places = _raw(run, "sirene-places", sirene.fetch_places)
        except SourceError as error:
            nowhere = f" {_missing(run, 'Positions', error)}"
        at = places.path if places else None
        found = sirene.read(raw.path, shapes, units=units.path, places=at)
    except PlannerError as error:
        if "sirene" in run.files:
            raise
        return _Made(None, "", "", "", _missing(run, what, error))
    files = " ".join(_origin(receipt) for receipt in (raw, units, places) if receipt)
    note = f"{found.note}{nowhere} {files}"
    if found.frame.empty:
        return _Made(None, "", "", "", f"{what} : {note}")
    path = _csv(found.frame.drop(columns="status"), work / "establishments.csv")
    return _Made(path, sirene.SOURCE, sirene.LICENCE, raw.date, note)


def _flows(run: _Run, shapes: gpd.GeoDataFrame, centres: _Centres, work: Path) -> _Made:
    """Return who lives where and works where, and where that is outside the territory."""
    try:
        raw = _raw(run, "mobpro", mobpro.fetch)
        found = mobpro.read(raw.path, shapes.index)
    except PlannerError as error:
        if "mobpro" in run.files:
            raise
        return _Made(None, "", "", "", _missing(run, "Flux domicile-travail (MOBPRO)", error))
    frame = found.frame.copy()
    note = f"{found.note}{centres.missing}"
    if centres.table is not None:
        outside = frame["work"].where(~frame["work"].isin(shapes.index))
        for name in ("lon", "lat"):
            frame[f"work_{name}"] = outside.map(centres.table[name]).round(_PLACES)
        lost = sorted(set(outside.dropna()) - set(centres.table.index) - {mobpro.ABROAD})
        if lost:
            left = frame.loc[frame["work"].isin(lost), "workers"].sum()
            note += f" Communes de travail sans position ({left:.0f} actifs) : {listed(lost)}."
    path = _csv(frame, work / "flows.csv")
    return _Made(path, mobpro.SOURCE, mobpro.LICENCE, raw.date, f"{note} {_origin(raw)}")


def _jobs(run: _Run, shapes: gpd.GeoDataFrame, centres: _Centres, work: Path) -> _Made:
    """Return the jobs of each commune, and of those around."""
    west, south, east, north = _box(shapes, JOBS_KM)
    near = pd.DataFrame(columns=["lon", "lat"], dtype=float)
    note = f"Communes du territoire seulement.{centres.missing} "
    if centres.table is not None:
        inside = centres.table["lon"].between(west, east) & centres.table["lat"].between(
            south, north
        )
        near = centres.table[inside & ~centres.table.index.isin(shapes.index)]
        note = f"Avec les communes jusqu’à {JOBS_KM:g} km. "
    try:
        raw = _raw(run, "jobs", employment.fetch)
        found = employment.read(raw.path, shapes.index, around=near.index)
    except PlannerError as error:
        if "jobs" in run.files:
            raise
        return _Made(None, "", "", "", _missing(run, "Emplois par commune", error))
    frame = found.frame.copy()
    for name in ("lon", "lat"):
        frame[name] = frame["code"].map(near[name]).round(_PLACES)
    note = " ".join(filter(None, (found.note, note.strip(), _origin(raw))))
    path = _csv(frame, work / "jobs.csv")
    return _Made(path, employment.SOURCE, employment.LICENCE, raw.date, note)


def _occupations(run: _Run, shapes: gpd.GeoDataFrame, work: Path) -> _Made:
    """Return those who have a job by occupation, from the file of the jobs."""
    try:
        raw = _raw(run, "jobs", employment.fetch)
        found = employment.read_occupations(raw.path, shapes.index)
    except PlannerError as error:
        if "jobs" in run.files and not isinstance(error, OtherTableError):
            raise
        return _Made(None, "", "", "", _missing(run, "Métiers des actifs", error))
    path = _csv(found.frame, work / "occupations.csv")
    note = " ".join(filter(None, ("Actifs occupés de 15 à 64 ans.", found.note, _origin(raw))))
    return _Made(path, employment.SOURCE, employment.LICENCE, raw.date, note)


def _roads(
    run: _Run,
    shapes: gpd.GeoDataFrame,
    pbf: Path | str | None,
    *,
    buffer_km: float,
    buildings: bool,
) -> _Made:
    """Return the OpenStreetMap file of the territory, from Overpass or cropped from `pbf`."""
    inner, outer = _box(shapes, 0.0), _box(shapes, buffer_km)
    if pbf is not None:
        raw = Receipt(existing_file(pbf, what="OpenStreetMap file"), "", digest(pbf), "")
    else:
        raw = overpass.fetch_territory(
            inner,
            outer,
            run.cache,
            buildings=buildings,
            server=run.servers["osm"],
            polite=run.polite,
            progress=run.told("osm"),
        )
    key = hashlib.sha256(f"{raw.sha256} {inner} {outer}".encode()).hexdigest()[:12]
    path = run.cache / f"roads-{key}.osm.pbf"
    told = run.told("crop")
    kept_or_made(
        path,
        lambda new: osm_crop.crop(raw.path, new, inner=inner, outer=outer, progress=told),
        origin=raw.path.name,
    )
    note = f"Routes prises jusqu’à {buffer_km:g} km autour des communes. {_origin(raw)}"
    return _Made(path, "OpenStreetMap", "ODbL 1.0", raw.date, note)


def _box(shapes: gpd.GeoDataFrame, buffer_km: float) -> overpass.Box:
    """Return the box of the communes, widened on every side."""
    west, south, east, north = shapes.total_bounds
    lat = buffer_km * 1000 / _METRES_PER_DEGREE
    lon = lat / math.cos(math.radians(max(abs(south), abs(north))))
    sides = (west - lon, south - lat, east + lon, north + lat)
    w, s, e, n = (round(float(side), _DECIMALS) for side in sides)
    return (w, s, e, n)


def _raw(run: _Run, name: str, fetching: Callable[..., Receipt]) -> Receipt:
    """Return the raw file of a source: the one given by hand, else the cache's."""
    given = run.files.get(name)
    if given is not None:
        return Receipt(given, "", digest(given), "")
    return fetching(run.cache, url=run.servers[name], polite=run.polite, progress=run.told(name))


def _origin(receipt: Receipt) -> str:
    """Say which raw file an input was made of."""
    if not receipt.url:
        return _by_hand(receipt.path, receipt.sha256)
    address = receipt.url.split("?", maxsplit=1)[0]
    return f"Téléchargé de {address} (SHA-256 {receipt.sha256[:16]}…)."


def _by_hand(path: Path, sha256: str = "") -> str:
    return f"Fichier fourni : {path.name} (SHA-256 {(sha256 or digest(path))[:16]}…)."


def _missing(run: _Run, what: str, error: PlannerError) -> str:
    """Say in one line why a source is not there; where files lie on this machine is left out."""
    said = error.reason if isinstance(error, SourceError) else str(error)
    said = " ".join(said.replace(f"{run.cache}{os.sep}", "").split())
    return f"{what} : non obtenu ({said[:200].rstrip('. ')})."


def _csv(frame: pd.DataFrame, path: Path) -> Path:
    frame.map(safe_cell).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    return path


def _built(
    out: Path, title: str, made: Mapping[str, _Made], work: Path, *, overwrite: bool
) -> Territory:
    """Build the territory; one that is already there is compared, never replaced unasked."""
    rows = [{"name": name, **one._asdict()} for name, one in made.items()]
    columns = ["name", "source", "licence", "date", "note"]
    sources = _csv(pd.DataFrame(rows)[columns], work / "sources.csv")
    paths = {name: one.path for name, one in made.items() if one.path is not None}
    paths["pbf"] = paths.pop("roads")
    if overwrite or not (out / TOML).is_file():
        return build(out, title=title, sources=sources, overwrite=overwrite, **paths)
    fresh = build(work / "fresh", title=title, sources=sources, overwrite=False, **paths)
    there = read(out)
    if there.digest != fresh.digest:
        raise InputError(
            f"{out} already holds a territory, which is not this one as fetched now. Give another "
            "folder with --out, or replace it with --overwrite."
        )
    return there
