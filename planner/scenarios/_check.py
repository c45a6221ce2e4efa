"""All that a planner should know before a run: the territory, its roads, the scenario in words."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import geopandas as gpd

from planner import _format, network
from planner import candidates as candidate_sites
from planner import territory as territories
from planner._errors import InputError
from planner.assumptions import DEFAULTS, STATUS_WORDS
from planner.network import RoadNetwork
from planner.network._snap import snap
from planner.scenarios._case import cut_short
from planner.scenarios._reading import read_scenario
from planner.scenarios._scenario import Scenario
from planner.territory import Remark, Report, Territory

_SHOWN = 8  # names in one remark


def check(name_or_path: str | Path, scenario: Path | str | None = None) -> Report:
    """Return all that is wrong or estimated in a territory, its roads and a scenario.

    Beside what :func:`planner.territory.check` finds: roads that cannot be read or are cut too near
    the border, residents and premises beyond reach of a road, communes where nothing could host a
    mini-cowork, premises of the scenario that do not exist, and what the scenario changes.

    Parameters
    ----------
    name_or_path
        As :func:`planner.territory.read` takes it.
    scenario
        A TOML file; all defaults when left out.

    Returns
    -------
    Report
        Its territory is left out when a fault was found anywhere.

    Raises
    ------
    InputError
        When there is no such territory.

    Examples
    --------
    >>> check("saone-beaujolais").sound
    True
    """
    found = territories.check(name_or_path)
    faults: list[str] = []
    told: tuple[str, ...] = ()
    settings = Scenario()
    if scenario is not None:
        try:
            settings = read_scenario(scenario)
            told = tuple(_explained(settings))
        except InputError as error:
            faults += error.faults
    remarks: list[Remark] = []
    if found.territory is not None:
        faults += _refusals(found.territory, settings)
        try:
            remarks += _remarks(found.territory, settings)
        except InputError as error:
            faults += error.faults
    return replace(
        found,
        faults=(*found.faults, *faults),
        remarks=(*found.remarks, *remarks),
        scenario=told,
        territory=None if faults else found.territory,
    )


def _refusals(home: Territory, settings: Scenario) -> tuple[str, ...]:
    """Return what the scenario asks of premises that the territory does not have."""
    try:
        candidate_sites.sites(
            home,
            forced=settings.forced,
            forbidden=settings.forbidden,
            inaccessible=settings.inaccessible,
            bourg_min_population=settings.bourg_min_population,
        )
    except InputError as error:
        return error.faults
    return ()


def _remarks(home: Territory, settings: Scenario) -> Iterator[Remark]:
    if home.roads_path is not None:
        yield from _on_roads(
            home, network.read_osm(home.roads_path, profile=settings.profile), settings
        )
    hosts = candidate_sites.sites(home)
    able = hosts.loc[hosts["mini"] & (hosts["kind"] != candidate_sites.UNCONFIRMED), "commune"]
    bare = home.communes.loc[~home.communes.index.isin(able), "name"]
    if len(bare):
        yield Remark(
            "doubtful",
            f"Communes sans lieu connu pour un mini-cowork, hors local à confirmer : {len(bare)} "
            f"sur {len(home.communes)} ({_some(list(bare))}).",
        )


def _on_roads(home: Territory, roads: RoadNetwork, settings: Scenario) -> Iterator[Remark]:
    if cut := cut_short(roads, home, settings):
        yield Remark("doubtful", cut)
    limit = f"à plus de {_format.number(settings.max_snap_m)} m d’une route"
    lost = _beyond(home.residents, roads, settings)
    if len(lost):
        yield Remark(
            "doubtful",
            f"{_format.people(lost['residents'].sum())} {limit}, comptés comme non desservis "
            f"({_some(list(lost.index))}).",
        )
    lost = _beyond(home.premises, roads, settings)
    if len(lost):
        text = f"Lieux {limit}, qui ne desservent personne : {_some(list(lost.index))}."
        yield Remark("doubtful", text)


def _beyond(points: gpd.GeoDataFrame, roads: RoadNetwork, settings: Scenario) -> gpd.GeoDataFrame:
    """Return the points that no road is near enough to."""
    onto = snap(roads, points, max_snap_m=settings.max_snap_m, walk_kph=settings.walk_kph)
    return points[~onto.reachable]


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} et {len(names) - _SHOWN} autres" if len(names) > _SHOWN else shown


def _explained(settings: Scenario) -> Iterator[str]:
    """Yield, in words, what differs from the defaults."""
    usual = Scenario()
    changed = [
        key
        for key in Scenario.model_fields
        if key not in {"name", "assumptions"} and getattr(settings, key) != getattr(usual, key)
    ]
    for key in changed:
        if key in DEFAULTS and getattr(settings, key) is not None:
            yield _figure(key, getattr(settings, key))
        else:
            now, before = (_value(getattr(each, key)) for each in (settings, usual))
            yield f"{key} : {now}, au lieu de {before}"
    for key, value in settings.assumptions:
        if value != DEFAULTS[key].value:
            yield _figure(key, value)


def _figure(key: str, value: float) -> str:
    """Return a figure of the assumptions with its label and unit, beside its default and range."""
    row = DEFAULTS[key]
    low, high = _value(row.low), _value(row.high)
    beyond = "" if row.low <= value <= row.high else ", hors de la plage"
    return (
        f"{row.label} ({key}) : {_value(value)} {row.unit}, au lieu de {_value(row.value)} "
        f"({STATUS_WORDS[row.status]} ; de {low} à {high}){beyond}"
    )


def _value(value: object) -> str:
    """Return a value of a scenario as a French reader writes it."""
    if value is None or value == ():
        return "rien"
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, int | float):
        decimals = next((n for n in range(7) if round(value, n) == value), 6)
        return _format.number(value, decimals=decimals)
    if isinstance(value, tuple):
        return " ; ".join(_value(item) for item in value)
    return str(value)
