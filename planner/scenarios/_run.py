"""From a territory and a scenario to a plan: the line, stage by stage."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from planner import _format, certificate, coverage, demand, indicators, travel
from planner import candidates as candidate_sites
from planner._errors import InputError
from planner.candidates import TIERS
from planner.maps._words import KINDS
from planner.network import RoadNetwork
from planner.plan import Plan
from planner.scenarios._accounts import accounts
from planner.scenarios._case import Case, cut_short, longest_min, seated
from planner.scenarios._mass import notes as mass_notes
from planner.scenarios._mass import reaches
from planner.scenarios._ranking import base_community
from planner.scenarios._scenario import Scenario
from planner.scenarios._shared import Shared
from planner.scenarios._shown import left_out
from planner.scenarios._shown import people as shown_people
from planner.scenarios._studies import studies
from planner.scenarios._table import StudyTable
from planner.scenarios._work import Work, work
from planner.territory import Territory
from planner.travel import TravelTimes

StageProgress = Callable[[str, int, int], None]


def run(
    territory: Territory,
    scenario: Scenario | None = None,
    *,
    cache: Path | None = None,
    shared: Shared | None = None,
    progress: StageProgress | None = None,
) -> Plan:
    """Plan the network of a territory.

    Roads, minutes, candidates, the optimum, its certificate, coverage and isochrones, in this
    order; each is a public function of its own.

    Parameters
    ----------
    territory
        The territory.
    scenario
        The numbers; all defaults when left out.
    cache
        Folder where roads and minutes are kept between runs; found each time without it.
    shared
        What earlier scenarios of this territory found, for many of them one after the other; it
        changes no result. It has a cache of its own, and `cache` is then not looked at.
    progress
        Called with a stage, what is done of it, and its total.

    Returns
    -------
    Plan
        With its certificate; nothing is written.

    Raises
    ------
    InputError
        When the scenario asks what the territory does not have, or `shared` is of another one.
    SolveError
        When no plan exists, none was found in time, or one does not stand up to its inputs.
    """
    scenario = scenario or Scenario()
    shared = shared or Shared(territory, folder=cache)
    if shared.territory.digest != territory.digest:
        raise InputError(f"shared: of {shared.territory.name}, not of {territory.name}.")
    clock = _Clock(progress)
    with clock.stage("roads"):
        roads, water = shared.roads(scenario.profile), shared.water
    with clock.stage("demand"):
        jobs = work(territory, scenario, roads)
        ends = _ends(territory, scenario, jobs)
    with clock.stage("minutes") as report:
        case = replace(_timed(shared, scenario, roads, ends, report=report), work=jobs)
    with clock.stage("optimum"):
        solution = _solve(case)
    with clock.stage("certificate"):
        proof = _certify(case, solution)
    notes = []
    if scenario.critical_mass:
        with clock.stage("mass"):
            notes = mass_notes(case, solution)
    with clock.stage("isochrones") as report:
        sites = _sites(case, solution.tier)
        areas = _isochrones(case, sites, report)
    with clock.stage("indicators"):
        served = _served(case, solution.tier)
        figures = _figures(case, solution.tier, served)
        communes = indicators.by_commune(case.people, territory.communes, layers=served)
    with clock.stage("ranges"):
        others = list(_other_speeds(case, case.places.loc[solution.tier.index]))
        ranges = _ranges(case, solution.tier, figures, others)
        people = shown_people(case, solution.tier, served, others=others)
    found = {}
    if scenario.studies:
        with clock.stage("studies") as report:
            found = studies(case, solution.tier, report=report)
    with clock.stage("accounts"):
        money = accounts(case, solution.tier, year=_opening_years(found))
    return Plan(
        territory=territory.name,
        title=territory.title,
        scenario=scenario,
        sites=sites,
        communes=communes.to_crs(4326),
        isochrones=areas,
        people=people,
        left_out=left_out(case, solution.tier, people, studies=found),
        roads=None if roads is None else shared.road_lines(roads),
        water=water,
        indicators=figures | money.figures,
        ranges=ranges,
        assumed={} if roads is None else roads.assumed,
        certificate=proof,
        stages=solution.stages,
        sources=territory.sources,
        attribution=territory.attribution,
        digest=territory.digest,
        notes=(*notes, *_notes(case, figures, solution.tier)),
        estimated=case.minutes.estimated,
        seconds=clock.seconds,
        studies=found,
        ledger=money.ledger,
        accounts=money.tables,
    )


def _opening_years(found: Mapping[str, StudyTable]) -> dict[str, int]:
    """Return the year in which each site opens, where the study of phasing was asked for."""
    if "phasage" not in found:
        return {}
    rows = found["phasage"].rows
    return dict(zip(rows["identifiant"], rows["année d’ouverture"].astype(int), strict=True))


class _Clock:
    """Seconds by stage, and the caller's progress."""

    def __init__(self, progress: StageProgress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        def report(done: int, total: int) -> None:
            if self._progress is not None:
                self._progress(name, done, total)

        report(0, 1)
        began = time.perf_counter()
        yield report
        self.seconds[name] = time.perf_counter() - began
        report(1, 1)


def _ends(
    territory: Territory, scenario: Scenario, jobs: Work
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return who is to be served, and where."""
    people = demand.residents(territory, cell_m=scenario.demand_cell_m)
    users = demand.users_by_level(
        people,
        changes=scenario.changes,
        per_1000=scenario.users_per_1000,
        occupations=territory.occupations,
        answers=scenario.answers,
        far=jobs.far,
    )
    told = demand.chain(people, figures=scenario.figures, occupations=territory.occupations)
    able = told["compatible"]
    share = np.nan if jobs.far is None else people["commune"].map(jobs.far).fillna(0.0)
    people = people.assign(
        base=able * share,
        users=users[scenario.demand_level],
        **{f"users_{level}": users[level] for level in users},
    )
    places = candidate_sites.sites(
        territory,
        forced=scenario.forced,
        forbidden=scenario.forbidden,
        bourg_min_population=scenario.bourg_min_population,
        seats=scenario.seats,
        inaccessible=scenario.inaccessible,
        costs=scenario.costs,
        figures=scenario.figures,
    )
    return people, places.assign(**seated(scenario))


def _timed(
    shared: Shared,
    scenario: Scenario,
    roads: RoadNetwork | None,
    ends: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame],
    *,
    report: Callable[[int, int], None],
) -> Case:
    """Return the case, with minutes on the roads, or estimates where there are none."""
    people, places = ends
    minutes = shared.times(
        roads,
        scenario,
        people,
        places,
        cutoff_min=longest_min(scenario),
        keep=True,
        progress=report,
    )
    spaced = max(scenario.structuring_spacing_min, scenario.mini_spacing_min)
    between = None
    if spaced > 0 and len(places):
        between = shared.times(roads, scenario, places, places, cutoff_min=spaced)
    return Case(shared.territory, scenario, roads, people, places, minutes, between, shared)


def _solve(case: Case) -> coverage.NetworkSolution:
    return coverage.solve(
        case.asked,
        case.asking,
        case.places,
        rules=case.rules,
        between=case.between,
        objective=case.scenario.objective,
        gap=case.scenario.gap,
        time_limit_s=case.scenario.time_limit_s,
    )


def _certify(case: Case, solution: coverage.NetworkSolution) -> certificate.Certificate:
    claims = tuple(
        certificate.Claim(stage.name, stage.value, stage.bound, smaller=stage.smaller)
        for stage in solution.stages
    )
    return certificate.certify(
        solution.tier,
        case.asked,
        case.asking,
        case.places,
        rules=case.rules,
        between=case.between,
        claims=claims,
        hints=solution.hints,
        assignment=solution.assignment,
        proven=solution.proven,
    )


def _sites(case: Case, tier: pd.Series) -> gpd.GeoDataFrame:
    """Return the open sites as the outputs show them."""
    chosen = case.places.loc[tier.index]
    people, mesh_min = case.people["residents"], case.scenario.mesh_min
    commune = case.territory.communes["name"].reindex(chosen["commune"]).set_axis(chosen.index)
    kinds = chosen["kind"].map(lambda kind: str(KINDS.get(kind, kind)).capitalize())
    unnamed = kinds + " sans nom, " + commune
    users = indicators.users_by_site(
        case.minutes, tier, case.people["users"], decay=case.rules.decay
    )
    columns = {
        "name": chosen["name"].where(chosen["name"].str.strip() != "", unnamed),
        "tier": tier,
        "kind": chosen["kind"],
        "commune": chosen["commune"],
        "commune_name": commune,
        "status": chosen["status"].where(chosen["status"] != "candidate", "chosen"),
        "seats": [int(chosen.loc[site, f"seats_{name}"]) for site, name in tier.items()],
        "residents_mesh": indicators.by_site(case.minutes, tier, people, cutoff_min=mesh_min),
        "users": users.round(2),
        "critical_mass": reaches(case.users_by_site(tier), tier, case),
        "base_community": base_community(case).reindex(tier.index).round(2),
        "employer_users": _employer_users(case, tier),
    }
    return gpd.GeoDataFrame(columns, geometry=chosen.geometry, index=tier.index).to_crs(4326)


def _employer_users(case: Case, tier: pd.Series) -> pd.Series:
    """Return the users whom employers place in each corpoworking site; NaN where not known."""
    minutes, employers = case.employer_minutes, case.work.employers
    if minutes is None or employers is None:
        return pd.Series(np.nan, tier.index)
    found = indicators.users_by_site(minutes, tier, employers["users"], decay=case.rules.decay)
    return found.round(2).where(tier == "corpoworking")


def _isochrones(
    case: Case, sites: gpd.GeoDataFrame, report: Callable[[int, int], None]
) -> gpd.GeoDataFrame:
    cutoffs = tuple(sorted({case.scenario.mesh_min, *case.scenario.isochrones_min}))
    areas = case.shared.polygons(case.roads, case.scenario, sites, minutes=cutoffs, progress=report)
    return areas.assign(tier=sites["tier"].reindex(areas["site"]).to_numpy())


def _served(case: Case, tier: pd.Series) -> dict[str, pd.Series]:
    """Return which demand points each layer of service reaches."""
    cutoffs = {
        "mesh": (case.scenario.mesh_min, TIERS),
        "structuring": (case.scenario.structuring_min, ("structuring",)),
    }
    return {
        name: indicators.covered(case.minutes, tier, cutoff_min=cutoff, tiers=tiers)
        for name, (cutoff, tiers) in cutoffs.items()
    }


def _figures(case: Case, tier: pd.Series, served: dict[str, pd.Series]) -> dict[str, float]:
    people = case.people["residents"]
    total = float(people.sum())
    figures = {"residents": round(total, 2)}
    for name, inside in served.items():
        reached = float(people[inside].sum())
        figures |= {f"covered_{name}": round(reached, 2), f"share_{name}": reached / total}
    figures["residents_outside"] = round(total - figures["covered_mesh"], 2)
    figures |= _use(case, tier)
    lost = people.reindex(case.minutes.unreachable_origins).sum()
    return figures | {"residents_beyond_roads": round(float(lost), 2)}


def _use(case: Case, tier: pd.Series) -> dict[str, float]:
    """Return the users to be expected, and what the new sites cost."""
    new = tier[(case.places.loc[tier.index, "status"] != "existing").to_numpy()]
    money = {
        name: float(sum(case.places.loc[site, f"{name}_{one}"] for site, one in new.items()))
        for name in ("invest_eur", "running_eur")
    }
    users = {
        name: indicators.users(case.minutes, tier, case.people[name], decay=case.rules.decay)
        for name in ("users", *(f"users_{level}" for level in demand.LEVELS))
    }
    door = {
        f"users_at_door_{level}": float(case.people[f"users_{level}"].sum())
        for level in demand.LEVELS
    }
    return {name: round(value, 2) for name, value in (users | door).items()} | money


def _ranges(
    case: Case, tier: pd.Series, figures: dict[str, float], others: Sequence[TravelTimes]
) -> dict[str, tuple[float, float]]:
    """Return the range of each figure when the same sites are reached slower and faster."""
    rows = [figures]
    for minutes in others:
        other = replace(case, minutes=minutes)
        rows.append(_figures(other, tier, _served(other, tier)))
    return {key: (min(r[key] for r in rows), max(r[key] for r in rows)) for key in figures}


def _other_speeds(case: Case, sites: gpd.GeoDataFrame) -> Iterator[TravelTimes]:
    """Return minutes to some sites at the low and the high end of what is known of speeds."""
    cutoff_min = case.minutes.cutoff_min
    for roads, kph in case.shared.speeds(case.scenario):
        yield case.shared.times(
            roads, case.scenario, case.people, sites, cutoff_min=cutoff_min, crow_kph=kph
        )


def _notes(case: Case, figures: dict[str, float], tier: pd.Series) -> tuple[str, ...]:
    notes = _demand_notes(case)
    lost = tier.index.intersection(case.minutes.unreachable_destinations)
    if len(lost):
        notes.append(
            f"Sites à plus de {_format.number(case.scenario.max_snap_m)} m d’une route, qui ne "
            f"desservent personne : {', '.join(lost)}."
        )
    if case.minutes.estimated:
        notes.append(
            f"Temps estimés : distance à vol d’oiseau à {travel.CROW_KPH:g} km/h, en attendant "
            "les routes."
        )
    if case.roads is not None and (cut := cut_short(case.roads, case.territory, case.scenario)):
        notes.append(cut)
    if figures["residents_beyond_roads"]:
        notes.append(
            f"{_format.number(figures['residents_beyond_roads'])} habitants à plus de "
            f"{_format.number(case.scenario.max_snap_m)} m d’une route : comptés comme non "
            "desservis."
        )
    return tuple(notes)


def _demand_notes(case: Case) -> list[str]:
    """Say where users come from assumed occupations, or are beyond what was observed."""
    users, people = (float(case.people[name].sum()) for name in ("users", "residents"))
    far = demand.outside_band(users, people, figures=case.scenario.figures)
    notes = [f"À vérifier : {far}."] if far else []
    if case.scenario.survey:
        notes.append(_survey_note(case))
    if case.scenario.users_per_1000 is None and (said := _assumed_occupations(case)):
        notes.append(f"Métiers des actifs supposés{said}")
    return [*notes, *case.work.notes]


def _survey_note(case: Case) -> str:
    """Say what a questionnaire did to the users."""
    scenario, home = case.scenario, case.territory
    said = scenario.answers
    if said is None or scenario.users_per_1000 is not None:
        return "Enquête non prise en compte : le scénario impose les usagers pour 1 000 habitants."
    far = case.work.far
    factor = {}
    for level in demand.LEVELS:
        figures = demand.figures_at(level, scenario.changes)
        told = demand.chain(case.people, figures=figures, occupations=home.occupations, far=far)
        found = demand.survey_at(level, case.people, told, answers=said, changes=scenario.changes)
        users = told["users"].groupby(case.people["commune"]).sum()
        factor[level] = float((users * found["multiplier"]).sum() / users.sum())
    low, central, high = (_format.number(factor[level], decimals=2) for level in demand.LEVELS)
    return (
        f"Enquête : {_format.number(int(said.to_numpy().sum()))} réponses dans {len(said)} "
        f"communes, supposées d’actifs ; usagers multipliés par {central} en moyenne (demande "
        f"basse {low}, haute {high}) ; petits échantillons ramenés vers l’ensemble, facteur borné "
        f"à {_format.number(scenario.figures['survey_bound'], decimals=1)}."
    )


def _assumed_occupations(case: Case) -> str:
    """Say where the occupations of those at work are assumed, or ""."""
    known = case.territory.occupations
    if known is None:
        return ", en attendant les fichiers de l’Insee : les usagers sont un ordre de grandeur."
    lived = set(case.people["commune"])
    assumed = len(lived - set(known.index))
    where = f" dans {assumed} communes sur {len(lived)}, absentes du fichier des métiers."
    return where if assumed else ""
