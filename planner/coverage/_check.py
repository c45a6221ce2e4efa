"""The tables of a question: refused where they do not match, put in the order of their ids."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp

from planner._errors import Infeasible, InputError
from planner._tables import listed
from planner.candidates import TIERS
from planner.rules import Rules
from planner.travel import BOUNDARY_MIN, TravelTimes

_MOST_PEOPLE = 20_000_000  # in all: beyond, a hundredth is lost in the tolerance of the solver
_MOST_EUR = 10**12
_MONEY = ("invest_eur", "running_eur")


@dataclass(frozen=True, eq=False)
class Tables:
    """Minutes, people, candidates and minutes between these, in the order of their ids."""

    minutes: TravelTimes
    demand: pd.DataFrame
    candidates: gpd.GeoDataFrame
    between: TravelTimes | None


def checked(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    between: TravelTimes | None,
) -> Tables:
    """Refuse tables that do not match or do not hold what the rules need; sort the others.

    Parameters
    ----------
    minutes, demand, candidates, rules, between
        As :func:`planner.coverage.solve`.

    Returns
    -------
    Tables
        Sorted by id.

    Raises
    ------
    InputError
        With all that is wrong.
    Infeasible
        When forced sites are more than the rules allow of the only tiers they can be.
    """
    faults = [
        *_indexes(minutes, demand, candidates, between),
        *_people(demand, rules),
        *_cutoffs(minutes, rules, between),
        *_columns(candidates, rules),
    ]
    if faults:
        raise InputError("; ".join(faults) + ".")
    _check_numbers(candidates, rules)
    rows = np.argsort(minutes.origins.to_numpy(), kind="stable")
    columns = np.argsort(minutes.destinations.to_numpy(), kind="stable")
    near = None
    if between is not None:
        ends = candidates.index[columns]
        near = _taken(
            between, between.origins.get_indexer(ends), between.destinations.get_indexer(ends)
        )
    return Tables(_taken(minutes, rows, columns), demand.iloc[rows], candidates.iloc[columns], near)


def _taken(times: TravelTimes, rows: np.ndarray, columns: np.ndarray) -> TravelTimes:
    matrix = sp.csr_array(times.minutes[rows][:, columns])
    matrix.sort_indices()
    return replace(
        times,
        minutes=matrix,
        origins=times.origins[rows],
        destinations=times.destinations[columns],
    )


def _indexes(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    between: TravelTimes | None,
) -> Iterator[str]:
    if not demand.index.equals(minutes.origins):
        yield "residents: the index must be the origins of the travel times"
    if not candidates.index.equals(minutes.destinations):
        yield "candidates: the index must be the destinations of the travel times"
    for name, index in (("residents", demand.index), ("candidates", candidates.index)):
        if index.has_duplicates:
            twice = sorted(set(map(str, index[index.duplicated()])))
            yield f"{name}: the same id twice: {listed(twice)}"
    if between is not None:
        known = set(between.origins) & set(between.destinations)
        missing = [str(name) for name in candidates.index if name not in known]
        if missing:
            yield f"minutes between candidates: none for {listed(missing)}"


def _people(demand: pd.DataFrame, rules: Rules) -> Iterator[str]:
    for name in ("residents", "users"):
        if name not in demand:
            if name == "residents":
                yield "residents: there is no such column"
            continue
        values = demand[name].to_numpy(float)
        if not ((values >= 0).all() and values.sum() <= _MOST_PEOPLE):
            yield (
                f"{name}: every demand point needs a number of people, 0 or more, and no more than "
                f"{_MOST_PEOPLE:,} in all"
            )
    if any(rules.site_users_min.values()) and "users" not in demand:
        yield "site_users_min: the demand points have no column users"
    if rules.commune_share_min > 0 and "commune" not in demand:
        yield "commune_share_min: the demand points have no column commune"


def _cutoffs(minutes: TravelTimes, rules: Rules, between: TravelTimes | None) -> Iterator[str]:
    for name in ("mesh_min", "structuring_min"):
        cutoff = getattr(rules, name)
        if not 0 <= cutoff <= minutes.cutoff_min + BOUNDARY_MIN:
            yield f"{name}={cutoff!r}: the travel times given end at {minutes.cutoff_min} min"
    spaced = max(rules.spacing_min.values(), default=0.0)
    if spaced > 0 and between is None:
        yield "spacing_min: the minutes between candidates are missing"
    if between is not None and spaced > between.cutoff_min + BOUNDARY_MIN:
        yield f"spacing_min={spaced!r}: the minutes between candidates end at {between.cutoff_min}"


def _columns(candidates: gpd.GeoDataFrame, rules: Rules) -> Iterator[str]:
    missing = [name for name in ("status", *TIERS) if name not in candidates]
    if missing:
        yield f"candidates: no column {', '.join(missing)}"
        return
    strange = sorted(set(map(str, candidates["status"])) - {"existing", "forced", "candidate"})
    if strange:
        yield f"candidates: a status is existing, forced or candidate, not {listed(strange)}"
    shut = ~candidates[list(TIERS)].any(axis=1).to_numpy()
    closed = candidates.index[shut]
    stuck = [str(site) for site in closed[candidates["status"][shut] != "candidate"]]
    if stuck:
        yield f"existing or forced sites that have no tier: {listed(stuck)}"
    needs_commune = rules.commune_sites_max is not None or rules.commune_invest_max_eur is not None
    if needs_commune and "commune" not in candidates:
        yield "candidates: limits by commune need a column commune"
    if "accessible" in candidates and not _truths(candidates["accessible"]):
        yield "candidates: accessible must be true or false for every site"
    yield from _money(candidates, rules)
    yield from _seats(candidates, rules)


def _money(candidates: gpd.GeoDataFrame, rules: Rules) -> Iterator[str]:
    """Say which costs are missing, or are no whole euros."""
    for name, limit in (
        ("invest_eur", rules.invest_max_eur),
        ("running_eur", rules.running_max_eur),
    ):
        if limit is not None and not any(f"{name}_{tier}" in candidates for tier in TIERS):
            yield f"candidates: a budget needs columns {name}_<tier>"
    for column in (f"{name}_{tier}" for name in _MONEY for tier in TIERS):
        if column in candidates:
            values = candidates[column].to_numpy(float)
            if not ((values >= 0) & (values < _MOST_EUR) & (values == np.rint(values))).all():
                yield f"candidates: {column} must be whole euros, 0 or more"


def _truths(column: pd.Series) -> bool:
    """Return whether every value of a column is true or false."""
    return bool(column.isin([True, False]).all())


def _seats(candidates: gpd.GeoDataFrame, rules: Rules) -> Iterator[str]:
    """Say where it is not known how many users the seats of a site hold, if they bind."""
    for tier in TIERS if rules.seats else ():
        open_to = candidates[tier].to_numpy().astype(np.bool_)
        if f"users_seated_{tier}" not in candidates:
            if open_to.any():
                yield f"candidates: seats bind, and there is no column users_seated_{tier}"
            continue
        users = candidates.loc[open_to, f"users_seated_{tier}"].to_numpy(float)
        if not (users >= 0).all():
            yield f"candidates: users_seated_{tier} must be a number, 0 or more, where seats bind"


def _check_numbers(candidates: gpd.GeoDataFrame, rules: Rules) -> None:
    """Refuse numbers of sites that no choice meets.

    It is enough to look at every set of tiers: whether as many sites may be of these tiers as
    they ask for together, and whether the forced sites that can be nothing else fit in them.
    """
    low, high = rules.at_least, rules.at_most
    faults = [
        f"{tier}: at least {low[tier]} but at most {high[tier]}"
        for tier in TIERS
        if low[tier] > high[tier]
    ]
    barred = _barred(candidates, rules)
    faults += _too_few(candidates, low, barred)
    if faults:
        raise InputError(
            f"the scenario asks what the territory does not have: {'; '.join(faults)}. "
            "Ask for fewer sites, or add premises."
        )
    forced = (candidates["status"] == "forced").to_numpy()
    if stuck := list(map(str, candidates.index[barred & forced])):
        raise Infeasible(
            f"no plan opens all forced sites: {listed(stuck)} not accessible. Force others, or "
            "turn the gate off."
        )
    if faults := list(_too_many(candidates, high)):
        raise Infeasible(
            f"no plan opens all forced sites: {'; '.join(faults)}. Allow more sites, or force "
            "fewer."
        )


def _barred(candidates: gpd.GeoDataFrame, rules: Rules) -> np.ndarray:
    """Return which candidates the gate rules out."""
    if not rules.gate or "accessible" not in candidates:
        return np.zeros(len(candidates), np.bool_)
    accessible = candidates["accessible"].to_numpy().astype(np.bool_)
    return np.asarray(~accessible & (candidates["status"] != "existing").to_numpy())


def _too_few(
    candidates: gpd.GeoDataFrame, at_least: Mapping[str, int], barred: np.ndarray
) -> Iterator[str]:
    """Say which tiers ask together for more sites than may be of them."""
    free = (candidates["status"] != "existing").to_numpy() & ~barred
    may = candidates[list(TIERS)].to_numpy().astype(np.bool_)
    said: list[tuple[str, ...]] = []
    for tiers in _sets_of_tiers():
        asked = sum(at_least[tier] for tier in tiers)
        some = may[:, [TIERS.index(tier) for tier in tiers]].any(axis=1)
        found = int((some & free).sum())
        if asked > found and not any(set(part) <= set(tiers) for part in said):
            said.append(tiers)
            more = int((some & barred).sum())
            gate = f" and {more} not accessible" if more else ""
            yield f"{asked} {' and '.join(tiers)} sites asked, {found} candidates{gate}"


def _too_many(candidates: gpd.GeoDataFrame, at_most: Mapping[str, int]) -> Iterator[str]:
    """Say which forced sites are more than the only tiers they can be may open."""
    forced = (candidates["status"] == "forced").to_numpy()
    may = candidates[list(TIERS)].to_numpy().astype(np.bool_)
    said: list[tuple[str, ...]] = []
    for tiers in _sets_of_tiers():
        others = [rank for rank, tier in enumerate(TIERS) if tier not in tiers]
        only = [str(site) for site in candidates.index[forced & ~may[:, others].any(axis=1)]]
        most = sum(at_most[tier] for tier in tiers)
        if len(only) > most and not any(set(part) <= set(tiers) for part in said):
            said.append(tiers)
            yield f"{listed(only)} can only be {' or '.join(tiers)}, at most {most} allowed"


def _sets_of_tiers() -> Iterator[tuple[str, ...]]:
    for size in range(1, len(TIERS) + 1):
        yield from combinations(TIERS, size)
