"""An independent second look at a plan: is it allowed, worth what it says, and how far from best.

Nothing of the model or the solver is used here: only raw minutes, the rules, and arithmetic in
whole numbers. Every rule is checked anew, every value computed anew, and for every goal a bound of
its own is worked out from the solver's hints (:mod:`planner.certificate._bound`): where the plan
reaches it, the goal needs no solver's word.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp

from planner._errors import SolveError
from planner._tables import listed
from planner.candidates import TIERS
from planner.certificate import _space
from planner.certificate._bound import own_bounds
from planner.certificate._limits import Limits, broken, strangers
from planner.certificate._space import Floats, Goal
from planner.certificate._values import opened_by, seating, worth
from planner.rules import Hints, Rules
from planner.travel import BOUNDARY_MIN, TravelTimes

_SLACK = 0.51  # of a unit: what rounding may take from a claim
_MOST_EUR = 10**12
_WORDS = {
    "mesh": "residents", "backup": "residents", "structuring": "residents", "users": "users",
    "fairness": "of each commune", "cost": "€", "sites": "sites", "minutes": "resident-minutes",
    "worst": "minutes", "ids": "in ranks",
}  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """What a plan says of one goal.

    Attributes
    ----------
    name
        ``mesh``, ``backup``, ``structuring``, ``users``, ``fairness``, ``cost``, ``sites``,
        ``minutes``, ``worst`` or ``ids``.
    value, bound
        What is reached, and what the solver says no plan betters that keeps the claims before.
    smaller
        Whether less is better.
    """

    name: str
    value: float
    bound: float
    smaller: bool = False


@dataclass(frozen=True)
class Certificate:
    """The result of the second look; what is made small is a positive number.

    Attributes
    ----------
    value
        By goal, recomputed from raw minutes.
    solver_bound, own_bound
        What no plan betters while the goals before hold: the solver's word, and the one computed
        here.
    gap, own_gap
        By goal: how far the value may be from the optimum, relative, by either bound.
    proven
        Whether the solver closed every gap: its word, where a goal is not in `independent`.
    independent
        Goals whose optimality needs no solver's word: the own bound is reached.
    """

    value: Mapping[str, float]
    solver_bound: Mapping[str, float]
    own_bound: Mapping[str, float]
    gap: Mapping[str, float]
    own_gap: Mapping[str, float]
    proven: bool
    independent: tuple[str, ...]


def certify(
    tier: pd.Series,
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    claims: Sequence[Claim],
    proven: bool,
    between: TravelTimes | None = None,
    hints: Mapping[str, Hints] | None = None,
    assignment: sp.csr_array | None = None,
) -> Certificate:
    """Check a plan from its inputs, or refuse it.

    Parameters
    ----------
    tier
        Tier of each open site, by id.
    minutes, demand, candidates
        The raw inputs of the plan, in one order: residents, and maybe users and commune;
        candidates with status, tiers, and maybe commune, accessible, and by tier invest_eur,
        running_eur and users_seated.
    rules
        What the plan must respect.
    claims
        What it says of each goal, in the order of the goals.
    proven
        Whether the solver says that every goal is optimal.
    between
        Minutes between candidates, where the rules ask for spacing.
    hints
        By goal, multipliers to work out a bound from; by point in the order of their ids.
    assignment
        Where seats bind: which share of a point's users goes where, in the order of the tables.

    Returns
    -------
    Certificate
        What was recomputed.

    Raises
    ------
    SolveError
        When the plan breaks a rule, or claims what the inputs do not bear out. A plan without a
        certificate is not written.
    """
    _refuse(
        [
            *_tables(minutes, demand, candidates, rules),
            *_columns(demand, candidates, rules),
            *_between(between, candidates, rules),
        ]
    )
    space = _space.space_of(minutes, demand, candidates, rules)
    limits, goals = Limits(space, between), _space.goals(space)
    _refuse([*strangers(tier, limits), *_strange(claims, goals)])
    opened = opened_by(tier, candidates)
    faults = [*broken(tier, limits, opened), *seating(space, opened, assignment)]
    aims = [goals[claim.name] for claim in claims]
    reached = [worth(space, goal, opened, assignment) for goal in aims]
    for claim, goal, value in zip(claims, aims, reached, strict=True):
        faults += _contradictions(claim, goal, goal.shown(value), proven=proven)
    _refuse(faults)
    pairs = list(zip(aims, reached, strict=True))
    own = own_bounds(limits, pairs, _in_order(hints or {}, minutes.origins))
    _refuse([f"{g.name}: better than the own bound" for g, value in pairs if value > own[g.name]])
    return _certificate(claims, pairs, own, proven=proven)


def _certificate(
    claims: Sequence[Claim],
    reached: Sequence[tuple[Goal, int | Fraction]],
    own: Mapping[str, Fraction],
    *,
    proven: bool,
) -> Certificate:
    value = {goal.name: goal.shown(worth) for goal, worth in reached}
    own_bound = {goal.name: goal.shown(own[goal.name]) for goal, _ in reached}
    return Certificate(
        value=value,
        solver_bound={claim.name: claim.bound for claim in claims},
        own_bound=own_bound,
        gap={claim.name: _gap(value[claim.name], claim.bound) for claim in claims},
        own_gap={name: _gap(value[name], bound) for name, bound in own_bound.items()},
        proven=proven,
        independent=tuple(
            goal.name
            for goal, worth in reached
            if own[goal.name] <= worth + (0 if goal.whole or goal.split else Fraction(1, 2))
        ),
    )


def _gap(value: float, bound: float) -> float:
    return abs(bound - value) / max(abs(bound), abs(value), 1e-12)


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise SolveError(f"the plan does not stand up to its own inputs: {'; '.join(faults)}.")


def _tables(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    rules: Rules,
) -> Iterator[str]:
    """Say which tables are not those of the travel times: nothing more can then be checked."""
    if not demand.index.equals(minutes.origins):
        yield "the residents are not the origins of the travel times"
    if not candidates.index.equals(minutes.destinations):
        yield "the candidates are not the destinations of the travel times"
    if candidates.index.has_duplicates:
        yield "the same candidate twice"
    for name in ("residents", "users"):
        if name in demand and not (demand[name].to_numpy(float) >= 0).all():
            yield f"{name} that are no number, 0 or more"
    for name in ("mesh_min", "structuring_min"):
        if not getattr(rules, name) <= minutes.cutoff_min + BOUNDARY_MIN:
            yield (
                f"{name}: {getattr(rules, name):g} minutes, but the travel times end at "
                f"{minutes.cutoff_min:g}"
            )


def _between(
    between: TravelTimes | None, candidates: gpd.GeoDataFrame, rules: Rules
) -> Iterator[str]:
    """Say what minutes between candidates the rules need and are not there."""
    spaced = max(rules.spacing_min.values(), default=0.0)
    if spaced > 0 and (between is None or not spaced <= between.cutoff_min + BOUNDARY_MIN):
        yield f"spacing: the minutes between candidates are missing, or end before {spaced:g}"
    elif spaced > 0 and between is not None:
        ends = between.origins.intersection(between.destinations)
        if not candidates.index.isin(ends).all():
            yield "spacing: candidates without minutes between them"


def _columns(demand: pd.DataFrame, candidates: gpd.GeoDataFrame, rules: Rules) -> Iterator[str]:
    """Say what a rule needs and is not there."""
    needs = {
        "commune": rules.commune_sites_max is not None or rules.commune_invest_max_eur is not None,
        "invest_eur": (rules.invest_max_eur, rules.commune_invest_max_eur) != (None, None),
        "running_eur": rules.running_max_eur is not None,
        "users_seated": rules.seats,
    }
    for name, needed in needs.items():
        given = {name, *(f"{name}_{tier}" for tier in TIERS)} & set(candidates)
        if needed and not given:
            yield f"rules ask for {name} of the candidates, which is not given"
    if any(rules.site_users_min.values()) and "users" not in demand:
        yield "rules ask for users of the residents, which is not given"
    if rules.commune_share_min > 0 and "commune" not in demand:
        yield "rules ask for commune of the residents, which is not given"
    for column in (f"{name}_{tier}" for name in ("invest_eur", "running_eur") for tier in TIERS):
        if column in candidates:
            euros = candidates[column].to_numpy(float)
            if not ((euros >= 0) & (euros < _MOST_EUR) & (euros == np.rint(euros))).all():
                yield f"{column} that are no whole euros, 0 or more"


def _strange(claims: Sequence[Claim], goals: Mapping[str, Goal]) -> list[str]:
    """Return what makes claims meaningless."""
    names = [claim.name for claim in claims]
    faults = [] if claims else ["it claims nothing that could be checked"]
    if unknown := sorted({name for name in names if name not in goals}):
        faults.append(f"claims that cannot be checked: {listed(unknown)}")
    if len(set(names)) < len(names):
        faults.append("it claims the same twice")
    return faults + [
        f"{claim.name}: {'less' if goals[claim.name].smaller else 'more'} is better"
        for claim in claims
        if claim.name in goals and claim.smaller != goals[claim.name].smaller
    ]


def _contradictions(claim: Claim, goal: Goal, value: float, *, proven: bool) -> list[str]:
    """Compare so that a claim which is not a number never passes."""
    slack, sign = (_SLACK + goal.split) * goal.unit, -1.0 if goal.smaller else 1.0
    name, what = claim.name, _WORDS[claim.name]
    source = "sites" if goal.layer is None and name != "worst" else "minutes"
    faults = []
    if not abs(value - claim.value) <= slack:
        faults.append(
            f"{name}: claims {_number(claim.value)} {what}, {source} give {_number(value)}"
        )
    if not sign * value <= sign * claim.bound + slack:
        verb = "are less than" if goal.smaller else "exceed"
        faults.append(f"{name}: {_number(value)} {what} {verb} the bound {_number(claim.bound)}")
    if not math.isfinite(claim.bound):
        faults.append(f"{name}: no bound")
    elif proven and not sign * claim.bound <= sign * value + slack:
        faults.append(f"{name}: said proven, but the bound is {_number(claim.bound)}")
    return faults


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.6f}"


def _in_order(hints: Mapping[str, Hints], points: pd.Index) -> dict[str, Hints]:
    """Return hints with points in the order of the tables, not of their ids."""
    order = np.argsort(points.to_numpy(), kind="stable")
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)

    def turned(table: Mapping[str, Floats]) -> dict[str, Floats]:
        return {n: v[place] for n, v in table.items() if np.shape(v) == place.shape}

    return {
        name: replace(one, points=turned(one.points), must=turned(one.must))
        for name, one in hints.items()
    }
