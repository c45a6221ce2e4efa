"""All that a planner should know before a run: the territory, its roads, the scenario in words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
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
from planner.scenarios._scenario import Scenario
from planner.scenarios._sweep import read_scenarios
from planner.scenarios._words import value_in_words
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
        A TOML file of one scenario or many; all defaults when left out.

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
    settings: tuple[Scenario, ...] = (Scenario(),)
    if scenario is not None:
        try:
            settings = read_scenarios(scenario)
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
        remarks=(*found.remarks, *dict.fromkeys(remarks)),
        scenario=told,
        territory=None if faults else found.territory,
    )


def _refusals(home: Territory, settings: Iterable[Scenario]) -> list[str]:
    """Return what the scenarios ask of premises that the territory does not have."""
    faults: list[str] = []
    for one in _unlike(settings, "forced", "forbidden", "inaccessible", "bourg_min_population"):
        try:
            candidate_sites.sites(
                home,
                forced=one.forced,
                forbidden=one.forbidden,
                inaccessible=one.inaccessible,
                bourg_min_population=one.bourg_min_population,
            )
        except InputError as error:
            faults += error.faults
    return list(dict.fromkeys(faults))


def _remarks(home: Territory, settings: Iterable[Scenario]) -> Iterator[Remark]:
    if home.roads_path is not None:
        read = cache(partial(network.read_osm, home.roads_path))
        for one in _unlike(settings, "profile", "max_snap_m", "walk_kph", "mesh_min"):
            yield from _on_roads(home, read(profile=one.profile), one)
    hosts = candidate_sites.sites(home)
    able = hosts.loc[hosts["mini"] & (hosts["kind"] != candidate_sites.UNCONFIRMED), "commune"]
    bare = home.communes.loc[~home.communes.index.isin(able), "name"]
    if len(bare):
        yield Remark(
            "doubtful",
            f"Communes sans lieu connu pour un mini-cowork, hors local à confirmer : {len(bare)} "
            f"sur {len(home.communes)} ({_some(list(bare))}).",
        )


def _unlike(settings: Iterable[Scenario], *keys: str) -> Iterable[Scenario]:
    """Return the first scenario of each combination of the values of some keys."""
    firsts: dict[tuple[object, ...], Scenario] = {}
    for one in settings:
        firsts.setdefault(tuple(getattr(one, key) for key in keys), one)
    return firsts.values()


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


def _explained(settings: Sequence[Scenario]) -> Iterator[str]:
    """Yield, in words, what differs from the defaults: of all the scenarios, then of each."""
    changes = [tuple(_changes(one)) for one in settings]
    if len(settings) == 1:
        yield from changes[0]
        return
    yield f"{_format.number(len(settings))} scénarios"
    same = [line for line in changes[0] if all(line in lines for lines in changes)]
    for line in same:
        yield f"tous : {line}"
    for one, lines in zip(settings, changes, strict=True):
        own = [line for line in lines if line not in same]
        rest = "rien d’autre" if same else "les valeurs par défaut"
        yield f"« {one.name} » : {' ; '.join(own) or rest}"


def _changes(settings: Scenario) -> Iterator[str]:
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
            now, before = (value_in_words(getattr(each, key)) for each in (settings, usual))
            yield f"{key} : {now}, au lieu de {before}"
    for key, value in settings.assumptions:
        if value != DEFAULTS[key].value:
            yield _figure(key, value)


def _figure(key: str, value: float) -> str:
    """Return a figure of the assumptions with its label and unit, beside its default and range."""
    row = DEFAULTS[key]
    low, high = value_in_words(row.low), value_in_words(row.high)
    beyond = "" if row.low <= value <= row.high else ", hors de la plage"
    return (
        f"{row.label} ({key}) : {value_in_words(value)} {row.unit}, au lieu de "
        f"{value_in_words(row.value)} ({STATUS_WORDS[row.status]} ; de {low} à {high}){beyond}"
    )
