"""Building a territory from local files, in stages that each can be read alone."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import geopandas as gpd
import pandas as pd

from planner._errors import InputError
from planner._files import digest
from planner._osm import SUFFIXES, checked_path
from planner._tables import refuse
from planner.sources import api_geo, osm, tables
from planner.territory import _checks, _mergers, _places, _premises, _residents, _write
from planner.territory._model import FACTS, GPKG, SOURCE_COLUMNS, TOML, Territory
from planner.territory._read import read

OSM_CREDIT = "© les contributeurs OpenStreetMap (ODbL)"

_WHAT: Mapping[str, str] = MappingProxyType(
    {
        "roads": "Routes, limites communales, bâtiments, commerces et services",
        "populations": "Population des communes",
        "communes": "Communes : code, population, position du village",
        "contours": "Communes : code, contour, population, position de la mairie",
        "residents": "Carreaux habités",
        "premises": "Équipements, coworkings et zones d’activité connus",
        "flows": "Actifs par commune de résidence et de travail",
        "jobs": "Emplois et actifs occupés par commune",
        "establishments": "Coopératives et associations",
        "occupations": "Actifs occupés par métier et commune de résidence",
    }
)


class _Inputs(NamedTuple):
    """What the input files hold, once read; None for those not given."""

    paths: Mapping[str, Path]
    extract: osm.Extract | None
    populations: pd.DataFrame | None
    communes: pd.DataFrame | None
    contours: gpd.GeoDataFrame | None
    cells: pd.DataFrame | None
    premises: pd.DataFrame | None
    establishments: pd.DataFrame | None
    origins: pd.DataFrame | None
    moved: Mapping[str, str]


class _Built(NamedTuple):
    """The layers, and for the register what was done to make each."""

    layers: Mapping[str, gpd.GeoDataFrame]
    notes: Mapping[str, str]


def build(  # noqa: PLR0913 - one option a kind of file
    out: Path | str,
    *,
    title: str,
    pbf: Path | str | None = None,
    populations: Path | str | None = None,
    communes: Path | str | None = None,
    contours: Path | str | None = None,
    residents: Path | str | None = None,
    premises: Path | str | None = None,
    establishments: Path | str | None = None,
    flows: Path | str | None = None,
    jobs: Path | str | None = None,
    occupations: Path | str | None = None,
    sources: Path | str | None = None,
    overwrite: bool = False,
) -> Territory:
    """Build a territory's folder from local files.

    Communes come either from `pbf` and `populations` (boundaries of OpenStreetMap, inhabitants
    of the table, which also says which communes make the territory), or from `contours` (those of
    API Géo), or from `communes` and `residents` (a point each, with their grid cells as contour).
    Residents come from the grid cells if given, else from the buildings of `pbf`. Premises come
    from `pbf`, from `premises` (but those already in `pbf`: the same kind, close by), and from a
    host to be confirmed at the centre of every commune. The columns of each table are those of
    `planner.sources.tables`.

    The inputs are copied into the folder, so that it can be built again from itself; the same
    inputs give the same bytes with the same version of GDAL.

    Parameters
    ----------
    out
        The folder to make. Its name becomes the territory's.
    title
        The territory's name for people.
    pbf
        OpenStreetMap data (``.osm.pbf``, ``.osm``, ``.osm.gz``, ``.osm.bz2``), which also becomes
        the territory's roads. Take it at least 15 km wider than the territory.
    populations
        CSV: inhabitants of each commune, for the boundaries of `pbf`.
    communes
        CSV: code, name, inhabitants and position of each commune.
    contours
        JSON of API Géo: communes with contour, inhabitants and town hall.
    residents
        CSV: inhabited cells of the INSEE grid.
    premises
        CSV: facilities, coworkings and activity zones known from elsewhere.
    establishments
        CSV: cooperatives and associations.
    flows
        CSV: commuters by commune of home and of work.
    jobs
        CSV: jobs and workers of each commune.
    occupations
        CSV: residents of each commune who have a job, by occupation.
    sources
        CSV: who published each of these files, under which licence and when, for the register.
        A row for an input that is not given says in the register what is missing.
    overwrite
        Whether to replace a territory already at `out`.

    Returns
    -------
    Territory
        As `read` returns it.

    Raises
    ------
    InputError
        When an input is missing or faulty, or `out` holds something. Nothing is then left at
        `out`, or what was there stays.
    """
    out = Path(out)
    _write.refuse_folder(out, overwrite=overwrite)
    given = {
        "roads": pbf,
        "populations": populations,
        "communes": communes,
        "contours": contours,
        "residents": residents,
        "premises": premises,
        "establishments": establishments,
        "flows": flows,
        "jobs": jobs,
        "occupations": occupations,
        "sources": sources,
    }
    inputs = _read_inputs({name: Path(p) for name, p in given.items() if p is not None})
    built = _layers(inputs)
    register = _register(inputs, built)
    layers = built.layers
    draft = _checks.Draft(layers, register, layers["communes"].crs)
    refuse(f"{out} (as built)", _checks.faults(draft))
    _save(out, title, inputs, draft)
    return read(out)


def _read_inputs(paths: Mapping[str, Path]) -> _Inputs:
    """Read every file given, after checking that together they can make a territory."""
    has = set(paths)
    enough: tuple[set[str], ...] = (
        *({"roads", "populations"}, {"communes", "residents"}),
        *({"contours", "roads"}, {"contours", "residents"}),
    )
    if not any(files <= has for files in enough):
        raise InputError(
            "These files cannot make a territory. Give either an OpenStreetMap file and the "
            "populations of its communes, or the communes and their residents by grid cell, or "
            "the communes' contours and one of the two: an OpenStreetMap file, or residents."
        )
    several = [name for name in ("populations", "communes", "contours") if name in has]
    if len(several) > 1:
        raise InputError(
            f"Both {' and '.join(several)} are given, and each says who the communes are. "
            "Give one of them."
        )

    found, moved = _tables(paths)
    extract = osm.read(paths["roads"]) if "roads" in paths else None
    if extract is not None:
        extract, moved["roads"] = _mergers.boundaries_to_today(extract)
    return _Inputs(
        paths=paths,
        populations=found.get("populations"),
        communes=found.get("communes"),
        contours=found.get("contours"),
        cells=found.get("residents"),
        premises=found.get("premises"),
        establishments=found.get("establishments"),
        origins=found.get("sources"),
        extract=extract,
        moved=moved,
    )


def _tables(paths: Mapping[str, Path]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tables given, in the communes of now, and what was moved; or all their faults.

    Flows and jobs are kept as files and read again with the territory.
    """
    found: dict[str, Any] = {}
    moved: dict[str, str] = {}
    errors: list[InputError] = []
    for name, reader in _READERS.items():
        if name not in paths:
            continue
        try:
            found[name] = reader(paths[name])
            if name != "sources":
                found[name], moved[name] = _mergers.to_today(name, found[name])
        except InputError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    refuse("the input files", [fault for error in errors for fault in error.faults])
    return found, moved


_READERS = MappingProxyType(
    {
        "populations": tables.read_populations,
        "communes": tables.read_communes,
        "contours": api_geo.read,
        "residents": tables.read_cells,
        "premises": tables.read_premises,
        "establishments": tables.read_establishments,
        "flows": tables.read_flows,
        "jobs": tables.read_jobs,
        "occupations": tables.read_occupations,
        "sources": tables.read_sources,
    }
)


def _layers(inputs: _Inputs) -> _Built:
    """Make the layers, one after the other."""
    try:
        communes, communes_note = _communes(inputs)
        residents, residents_note = _people(inputs, communes)
        premises, premises_note = _sites(inputs, communes)
        layers = {"communes": communes, "residents": residents, "premises": premises}
        notes = {"communes": communes_note, "residents": residents_note, "premises": premises_note}
        if inputs.establishments is not None:
            known = _premises.establishments_from_table(inputs.establishments, communes)
            layers["establishments"] = known
            notes["establishments"] = f"{len(known)} établissements du fichier establishments.csv."
    except InputError as error:  # faults between files: name them all
        files = ", ".join(str(path) for n, path in inputs.paths.items() if n in tables.INPUTS)
        raise InputError(f"{files} do not agree.\n{error}") from error
    return _Built({name: frame.sort_index() for name, frame in layers.items()}, notes)


def _communes(inputs: _Inputs) -> tuple[gpd.GeoDataFrame, str]:
    if inputs.contours is not None:
        frame = _places.communes_from_contours(inputs.contours)
        note = "Contours, populations et positions des mairies, tels que publiés."
        return frame, note + _places.repairs_note(inputs.contours["repair_change"])
    if inputs.communes is not None and inputs.cells is not None:
        frame = _places.communes_from_cells(inputs.communes, inputs.cells)
        side = inputs.cells["side"].max() / 1000
        note = f"Contours approchés par les carreaux Insee habités de {side:g} km, non découpés."
        return frame, note
    if inputs.extract is None or inputs.populations is None:  # refused by _read_inputs
        raise InputError("Give an OpenStreetMap file and the populations of its communes.")
    frame = _places.communes_from_osm(inputs.extract, inputs.populations)
    return frame, (
        "Limites administratives de niveau 8 complètes dans le fichier OpenStreetMap et nommées "
        "dans le fichier des populations. Centre : le lieu habité du même nom, sinon le nœud "
        "admin_centre, sinon un point intérieur."
    )


def _people(inputs: _Inputs, communes: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, str]:
    if inputs.cells is not None:
        return _residents.residents_from_cells(inputs.cells, communes)
    if inputs.extract is None:  # refused by _read_inputs
        raise InputError("Give an OpenStreetMap file, or residents by grid cell.")
    return _residents.residents_from_buildings(inputs.extract, communes)


def _sites(inputs: _Inputs, communes: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, str]:
    parts = [_premises.hosts_to_confirm(communes)]
    notes = []
    if inputs.extract is not None:
        found = _premises.premises_from_osm(inputs.extract, communes)
        parts.append(found)
        notes.append(
            f"{len(found)} lieux d’OpenStreetMap ; zones d’activité : emprises industrielles ou "
            f"commerciales d’au moins {osm.ZONE_MIN_HA:g} ha."
        )
    if inputs.premises is not None:
        known = _premises.premises_from_table(inputs.premises, communes)
        notes.append(f"{len(known)} lieux du fichier premises.csv.")
        if inputs.extract is not None:
            new = _premises.without_doubles(known, parts[-1])
            parts[-1] = _premises.with_facts(parts[-1], known)
            notes.append(
                f"{len(known) - len(new)} d’entre eux écartés : déjà dans OpenStreetMap (même "
                f"genre à moins de {_premises.DOUBLE_M:g} m)."
            )
            known = new
        parts.append(known)
    every = pd.concat(parts)
    texts = {fact: "" for fact, kind in FACTS.items() if kind is str and fact in every}
    return every.fillna(texts), " ".join(notes)


def _register(inputs: _Inputs, built: _Built) -> pd.DataFrame:
    """Return the register: one row an input file, one a layer, one for the hosts supposed."""
    rows = [_input_row(inputs, name) for name in tables.INPUTS if name in inputs.paths]
    rows += _missing_rows(inputs)
    what = {
        "communes": "Communes",
        "residents": "Points de demande",
        "premises": "Lieux",
        "establishments": "Coopératives et associations",
    }
    for layer, note in built.notes.items():
        if note:
            row = {"name": f"layer-{layer}", "what": what[layer], "status": "derived", "note": note}
            rows.append(row | {"file": GPKG, "source": "calcul du planificateur"})
    hosts = len(built.layers["communes"])
    rows.append(
        {
            "name": "hosts-to-confirm",
            "file": GPKG,
            "what": "Locaux à confirmer",
            "source": "hypothèse du planificateur",
            "status": "assumption",
            "note": f"{hosts} locaux à confirmer, un au centre de chaque commune : aucun n’est "
            "vérifié.",
        }
    )
    return pd.DataFrame(rows, columns=list(SOURCE_COLUMNS), dtype=object).fillna("").astype(str)


def _input_row(inputs: _Inputs, name: str) -> dict[str, str]:
    """Return the register's row for one input file, with what `sources` says of it."""
    path = inputs.paths[name]
    row = {
        "name": name,
        "file": _stored_as(name, path),
        "what": _WHAT[name],
        "sha256": digest(path),
        "status": "sourced",
        "note": "",
    }
    if name == "roads" and inputs.extract is not None:
        row |= {"source": "OpenStreetMap", "licence": "ODbL 1.0", "date": inputs.extract.date}
    if inputs.origins is not None and name in inputs.origins.index:
        said = inputs.origins.loc[name]
        row |= {str(column): str(text) for column, text in said.items() if text}
    if not row.get("source"):
        row |= {"status": "assumption", "note": f"Source à préciser. {row['note']}".strip()}
    row["note"] = f"{row['note']} {inputs.moved.get(name, '')}".strip()
    return row


def _missing_rows(inputs: _Inputs) -> list[dict[str, str]]:
    """Return a row for each input that is not there and of which `sources` says something."""
    if inputs.origins is None:
        return []
    return [
        {"name": name, "file": GPKG, "what": _WHAT[name]}
        | {str(column): str(text) for column, text in inputs.origins.loc[name].items() if text}
        | {"status": "assumption"}
        for name in tables.INPUTS
        if name in inputs.origins.index and name not in inputs.paths
    ]


def _stored_as(name: str, path: Path) -> str:
    """Return where an input is kept in the territory's folder."""
    if name != "roads":
        return f"inputs/{name}.{'json' if name == 'contours' else 'csv'}"
    suffix = next(s for s in SUFFIXES if checked_path(path).name.lower().endswith(s))
    return f"roads{'.osm.pbf' if suffix == '.pbf' else suffix}"


def _credits(register: pd.DataFrame) -> tuple[str, ...]:
    """Return the lines that credit the sources, each once, in the order of the register."""
    lines = []
    files = register[register["sha256"] != ""]
    for source, licence in zip(files["source"], files["licence"], strict=True):
        if source.startswith("OpenStreetMap"):
            lines.append(OSM_CREDIT)
        elif source:
            lines.append(f"{source} ({licence})" if licence else source)
    return tuple(dict.fromkeys(lines))


def _save(out: Path, title: str, inputs: _Inputs, draft: _checks.Draft) -> None:
    """Write the folder whole: copies of the inputs, the GeoPackage, then the register."""
    with _write.new_folder(out) as folder:
        copies = {_stored_as(name, path): path for name, path in inputs.paths.items()}
        for name, path in copies.items():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, folder / name)
        _write.write_gpkg(folder / GPKG, draft.layers)
        _write.write_toml(
            folder / TOML,
            title=title,
            crs=f"EPSG:{draft.crs.to_epsg()}",
            attribution=_credits(draft.sources),
            sources=draft.sources,
        )
