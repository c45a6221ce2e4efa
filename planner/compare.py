"""Two to four plans of one territory, side by side: figures, minutes of people, communes.

The first plan is the one the others are held against. A resident's minutes are those to the
nearest open site; where a plan reaches someone in none of the minutes that it looked at, the
longest of these minutes stand in their place, so that a change is never larger than what is known:
it is then a lower bound, and counted apart.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import InputError
from planner._format import euros, headcount, number, percent
from planner._language import say

if TYPE_CHECKING:
    from planner.plan import Plan

MOST_PLANS = 4
LEAST_MIN = 1.0
"""Minutes below which nobody is said to gain or lose: half of what minutes are uncertain by."""

KEYS = (
    "share_mesh", "residents_outside", "share_structuring", "least_share", "mean_min", "users",
    "sites", "invest_eur", "epci_eur", "kg_co2e_avoided_central", "p_deficit",
)  # fmt: skip
"""What plans are compared by, in the order it is read; see :func:`measures`."""

_CENTS = 100


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure by which plans are compared.

    Attributes
    ----------
    key
        Of the row.
    label
        In French.
    better
        1 where more is better, -1 where less is, 0 where neither is.
    value
        Of a plan.
    written
        How it is shown.
    """

    key: str
    label: str
    better: int
    value: "Callable[[Plan], float]"
    written: Callable[[float], str]


def measures(*, mesh: str, far: str) -> list[Measure]:
    """Return what plans are compared by, in the order it is read.

    Parameters
    ----------
    mesh, far
        Minutes of the mesh and of structuring sites, as the labels name them.

    Returns
    -------
    list[Measure]
        The figures.
    """
    told: list[tuple[str, str, int, Callable[[float], str]]] = [
        ("share_mesh", say("Habitants à {mesh} min d’un site"), 1, percent),
        ("residents_outside", say("Habitants à plus de {mesh} min"), -1, headcount),
        ("share_structuring", say("Habitants à {far} min d’un site structurant"), 1, percent),
        ("least_share", say("Commune la moins desservie"), 1, percent),
        ("mean_min", say("Minutes jusqu’au site, en moyenne"), -1, _one_decimal),
        ("users", say("Usagers attendus (hypothèse)"), 1, headcount),
        ("sites", say("Sites du réseau"), 0, number),
        ("invest_eur", say("Investissement des communes"), -1, euros),
        ("epci_eur", say("À la charge de l’EPCI, par an en rythme de croisière"), -1, euros),
        ("kg_co2e_avoided_central", say("kg CO2e évités par an (central)"), 1, number),
        ("p_deficit", say("Risque de déficit du réseau"), -1, percent),
    ]
    return [
        Measure(
            key=key,
            label=label.format(mesh=mesh, far=far),
            better=better,
            value=partial(_value, key=key),
            written=written,
        )
        for key, label, better, written in told
    ]


def measures_of(plan: "Plan") -> list[Measure]:
    """Return what plans are compared by, with the minutes of one of them in the labels.

    Parameters
    ----------
    plan
        The first of those that are compared.
    """
    scenario = plan.scenario
    return measures(mesh=number(scenario.mesh_min), far=number(scenario.structuring_min))


def values(plan: "Plan") -> dict[str, float | None]:
    """Return the figures that a plan is compared by, by key; None where it does not know one.

    Parameters
    ----------
    plan
        The plan.
    """
    found = {one.key: one.value(plan) for one in measures_of(plan)}
    return {key: round(value, 6) if math.isfinite(value) else None for key, value in found.items()}


def figures(plans: "Sequence[Plan]") -> pd.DataFrame:
    """Return the figures of some plans, side by side.

    Parameters
    ----------
    plans
        Two to four plans of one territory, each scenario with a name of its own.

    Returns
    -------
    DataFrame
        Index: the key of the measure; label, better (1, -1, 0), and one column of numbers a plan,
        by the name of its scenario; NaN where a plan does not know it.

    Raises
    ------
    InputError
        When the plans cannot be compared, see :func:`check`.
    """
    check(plans)
    told = measures_of(plans[0])
    table = pd.DataFrame(
        {plan.scenario.name: [one.value(plan) for one in told] for plan in plans},
        index=pd.Index([one.key for one in told], name="measure"),
    )
    table.insert(0, "label", [one.label for one in told])
    table.insert(1, "better", [one.better for one in told])
    return table


def best(row: pd.Series, *, better: int, written: Callable[[float], str] = repr) -> list[str]:
    """Return the names of the plans that are best by a measure; none where all are alike.

    Parameters
    ----------
    row
        The figure by plan.
    better
        1 where more is better, -1 where less is, 0 where neither is.
    written
        How a figure is shown: two that a reader sees as the same are the same.

    Examples
    --------
    >>> best(pd.Series({"A": 3.0, "B": 5.0, "C": 5.0}), better=1)
    ['B', 'C']
    """
    known = row.dropna().astype(float)
    if not better or known.empty:
        return []
    top = written(float(known.max() if better > 0 else known.min()))
    found = [str(name) for name, value in known.items() if written(float(value)) == top]
    return found if len(found) < len(known) else []


def minutes(first: "Plan", other: "Plan") -> gpd.GeoDataFrame:
    """Return how the way of each resident to the nearest site changes.

    Parameters
    ----------
    first, other
        Two plans of one territory.

    Returns
    -------
    GeoDataFrame
        Demand points: commune, residents, before and after (minutes; infinite where no site is
        reached), change_min (below 0 where `other` is nearer; a bound where `bounded`), bounded;
        EPSG:4326.

    Raises
    ------
    InputError
        When the plans cannot be compared, see :func:`check`.
    """
    check([first, other])
    before, after = (plan.people["minutes"].to_numpy(float) for plan in (first, other))
    longest = max(_horizon(first), _horizon(other))
    change = np.minimum(after, longest) - np.minimum(before, longest)
    return gpd.GeoDataFrame(
        {
            "commune": first.people["commune"],
            "residents": first.people["residents"],
            "before": before,
            "after": after,
            "change_min": change,
            "bounded": (before > longest) != (after > longest),
        },
        geometry=first.people.geometry,
        index=first.people.index,
        crs=first.people.crs,
    )


def communes(first: "Plan", other: "Plan", *, least_min: float = LEAST_MIN) -> gpd.GeoDataFrame:
    """Return what changes for each commune from one plan to another.

    Parameters
    ----------
    first, other
        Two plans of one territory.
    least_min
        Minutes below which nobody gains or loses.

    Returns
    -------
    GeoDataFrame
        Index code, sorted; name, residents, nearer and farther (residents who gain or lose at
        least `least_min`), change_min (mean over all residents, below 0 where nearer, NaN where
        nobody lives), share_before and share_after (within the mesh minutes), invest_eur (what the
        commune pays more, below 0 where less), opened and closed (names of sites, sorted), geometry
        (EPSG:4326).

    Raises
    ------
    InputError
        When the plans cannot be compared, see :func:`check`.
    """
    moved = minutes(first, other)
    people = moved["residents"]
    by = moved["commune"]
    table = first.communes[["name", "residents", "geometry"]].copy()

    def total(values: pd.Series) -> pd.Series:
        return values.groupby(by).sum().reindex(table.index).fillna(0.0)

    table["nearer"] = total(people.where(moved["change_min"] <= -least_min, 0.0)).round(2)
    table["farther"] = total(people.where(moved["change_min"] >= least_min, 0.0)).round(2)
    inhabited = total(people).where(total(people) > 0)
    table["change_min"] = total(people * moved["change_min"]) / inhabited
    table["share_before"] = first.communes["share_mesh"]
    table["share_after"] = other.communes["share_mesh"].reindex(table.index)
    table["invest_eur"] = _invested(other, table.index) - _invested(first, table.index)
    table["opened"] = _only(other, first, table.index)
    table["closed"] = _only(first, other, table.index)
    return table[[*(name for name in table if name != "geometry"), "geometry"]]


def check(plans: "Sequence[Plan]") -> None:
    """Refuse plans that cannot be held against each other.

    Parameters
    ----------
    plans
        Two to four plans.

    Raises
    ------
    InputError
        When there are too few or too many, two scenarios have one name, or the plans are not of
        the same territory with the same demand points.
    """
    if len(plans) < 2:  # noqa: PLR2004 - a comparison takes two
        raise InputError(f"{len(plans)} plans to compare: give two to {MOST_PLANS}.")
    check_names([plan.scenario.name for plan in plans])
    first = plans[0]
    for plan in plans[1:]:
        if plan.digest != first.digest:
            raise InputError(
                f"{plan.title} and {first.title} are not the same territory, or its data changed "
                f"between {first.scenario.name} and {plan.scenario.name}. Run both again."
            )
        if not plan.people.index.equals(first.people.index):
            raise InputError(
                f"{first.scenario.name} and {plan.scenario.name} have other demand points "
                "(demand_cell_m). Use the same."
            )


def check_names(names: Sequence[str]) -> None:
    """Refuse names of scenarios that a comparison could not tell apart, or too many of them.

    Parameters
    ----------
    names
        Of one to four scenarios.

    Raises
    ------
    InputError
        When two are the same, or there are more than four.
    """
    if len(names) > MOST_PLANS:
        raise InputError(f"{len(names)} plans to compare: give two to {MOST_PLANS}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"scenarios with one name: {', '.join(twice)}. Give each a `name` of its own."
        )


def _value(plan: "Plan", *, key: str) -> float:
    """Return a figure of a plan; NaN where it does not know it."""
    if key == "sites":
        return float(len(plan.sites))
    if key == "least_share":
        return float(plan.communes["share_mesh"].min())
    if key == "mean_min":
        people = plan.people["residents"].to_numpy(float)
        away = np.minimum(plan.people["minutes"].to_numpy(float), _horizon(plan))
        return float(people @ away / people.sum()) if people.sum() > 0 else float("nan")
    if key == "invest_eur":
        return float(_invested(plan, plan.communes.index).sum())
    if key == "epci_eur":
        return -float(plan.indicators.get("balance_eur", float("nan")))
    return float(plan.indicators.get(key, float("nan")))


def _invested(plan: "Plan", codes: pd.Index) -> pd.Series:
    """Return what each commune pays over the years of the plan, in euros, grants taken off."""
    lines = plan.ledger[plan.ledger["payer"] == "commune"]
    paid = lines.groupby("commune")["cents"].sum().reindex(codes).fillna(0)
    return pd.Series(paid.to_numpy(float) / _CENTS, index=codes)


def _only(plan: "Plan", other: "Plan", codes: pd.Index) -> pd.Series:
    """Return, by commune, the names of the sites that one plan opens and the other does not."""
    sites = plan.sites[~plan.sites.index.isin(other.sites.index)]
    names = {code: sorted(group["name"]) for code, group in sites.groupby("commune")}
    return pd.Series([", ".join(names.get(code, [])) for code in codes], codes, dtype=object)


def _horizon(plan: "Plan") -> float:
    """Return the longest minutes that a plan looked at."""
    scenario = plan.scenario
    return max(scenario.mesh_min, scenario.structuring_min, scenario.use_until_min)


def _one_decimal(value: float) -> str:
    return number(value, decimals=1)
