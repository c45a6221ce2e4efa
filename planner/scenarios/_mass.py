"""What critical mass costs: the plan held against the one that may have emptier sites."""

from dataclasses import replace

import pandas as pd

from planner import _format, coverage, indicators
from planner.candidates import TIERS
from planner.maps._words import TIERS as TIER_WORDS
from planner.rules import regulars_min
from planner.scenarios._case import Case

_SHOWN = 8  # sites named in a note


def reaches(users: pd.Series, tier: pd.Series, case: Case) -> pd.Series:
    """Return which sites have the users that their tier needs, to the tenth that is shown."""
    needed = tier.map(regulars_min(case.scenario.figures)).astype(float)
    return users.round(1) >= needed.round(1)


def notes(case: Case, solution: coverage.NetworkSolution) -> list[str]:
    """Say what critical mass asks, and what it costs; nothing where it is not asked for.

    Parameters
    ----------
    case
        Of the plan.
    solution
        The plan. The one without critical mass is sought for as long.

    Returns
    -------
    list[str]
        Notes in French.
    """
    if not case.scenario.critical_mass:
        return []
    free = coverage.solve(
        case.asked,
        case.asking,
        case.places,
        rules=replace(case.rules, site_users_min={}),
        between=case.between,
        objective=case.scenario.objective,
        gap=case.scenario.gap,
        time_limit_s=case.scenario.time_limit_s,
    )
    needed = regulars_min(case.scenario.figures)
    asked = ", ".join(
        f"{TIER_WORDS[tier].one.lower()} : {_format.number(needed[tier], decimals=_digits(needed))}"
        for tier in TIERS
    )
    rule = (
        "Masse critique : chaque nouveau site a assez d’usagers attendus dont il est le site le "
        f"plus proche ({asked} ; hypothèses, sans mesure publiée)."
    )
    return [rule, _cost(case, solution, free)]


def _digits(needed: dict[str, float]) -> int:
    return int(any(number != round(number) for number in needed.values()))


def _cost(case: Case, solution: coverage.NetworkSolution, free: coverage.NetworkSolution) -> str:
    """Say how the plan without critical mass differs."""
    kept, other = _given(case, solution.tier), _given(case, free.tier)
    mesh = _format.minutes(case.scenario.mesh_min)
    users = case.users_by_site(free.tier)
    new = (case.places.loc[free.tier.index, "status"] != "existing").to_numpy()
    empty = free.tier.index[new & ~reaches(users, free.tier, case).to_numpy()]
    said = (
        f"Sans masse critique : {len(free.tier)} sites au lieu de {len(solution.tier)}, "
        f"{_format.signed(other['mesh'] - kept['mesh'])} habitants à {mesh} d’un site, "
        f"{_format.signed(other['structuring'] - kept['structuring'])} près d’un site structurant, "
        f"{_format.signed(other['users'] - kept['users'], decimals=1)} usagers attendus"
    )
    if len(empty):
        more = f" et {len(empty) - _SHOWN} autres" if len(empty) > _SHOWN else ""
        said += f" ; mais trop peu d’usagers pour {', '.join(map(str, empty[:_SHOWN]))}{more}"
    sure = solution.proven and free.proven
    return said + (" (optimums prouvés)." if sure else " (optimum non prouvé).")


def _given(case: Case, tier: pd.Series) -> dict[str, float]:
    """Return residents and users that a plan serves."""
    people, scenario = case.people["residents"], case.scenario
    layers = {
        "mesh": (scenario.mesh_min, TIERS),
        "structuring": (scenario.structuring_min, ("structuring",)),
    }
    found = {
        name: float(
            people[indicators.covered(case.minutes, tier, cutoff_min=cutoff, tiers=tiers)].sum()
        )
        for name, (cutoff, tiers) in layers.items()
    }
    users = indicators.users(case.minutes, tier, case.people["users"], decay=case.rules.decay)
    return {**found, "users": users}
