r"""Plans that stand up to what is not known: speeds, demand, the loss of a host.

A state of the world has its own minutes and its own demand. The regret of a plan there is what it
lacks to the best plan of that state, as a share of it; the minimax-regret plan has the smallest
largest regret (Savage 1951; Kouvelis and Yu 1997):

.. math::

    \max_y \min_s \frac{v_s(y)}{v_s^*}, \qquad v_s^* = \max_y v_s(y).

The plan best against the loss of any one host makes the residents that are left covered when the
worst of its sites closes as many as they can be.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.coverage._goals import Goal, Part
from planner.coverage._layers import Floats, Longs, Planes, Rows, cover_rows, gain_rows
from planner.coverage._network import Case, prepare, reach
from planner.coverage._space import Space, communes_of, user_gains
from planner.coverage._stages import lexicographic, value_of
from planner.rules import RESIDENT_UNIT, USER_UNIT, Rules
from planner.travel import TravelTimes

_RATIO_UNIT = 1e-5  # of the best: regrets that differ by less are the same


@dataclass(frozen=True, eq=False)
class State:
    """A way the world may be.

    Attributes
    ----------
    minutes
        From the same demand points to the same candidates.
    demand
        What users and residents are multiplied by.
    """

    minutes: TravelTimes
    demand: float = 1.0


@dataclass(frozen=True, eq=False)
class Robustness:
    """How plans do in each state of the world.

    Attributes
    ----------
    regret
        One row a plan (``plan``, then the best of each state, then ``minimax`` and ``host_loss``),
        one column a state: share of the state's best that it lacks.
    tiers
        Of each row of `regret`.
    best
        By state, the largest value.
    largest
        By plan, its largest regret; and `lost_residents`, what the loss of its worst site takes
        from the residents covered, and that site.
    proven
        Whether the minimax-regret plan and the plan against the loss of a host are proven.
    seconds
        Time it took.
    """

    regret: pd.DataFrame
    tiers: Mapping[str, pd.Series]
    best: pd.Series
    largest: pd.DataFrame
    proven: Mapping[str, bool]
    seconds: float


def robustness(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    states: Mapping[str, State],
    between: TravelTimes | None = None,
    tier: pd.Series | None = None,
    gap: float = 0.001,
    time_limit_s: float = 60.0,
) -> Robustness:
    """Return the regrets of plans over states of the world, and the plans that stand up best.

    The value of a plan in a state is its expected users, or its residents covered where no users
    are given. The rules are those of the central minutes.

    Parameters
    ----------
    minutes, demand, candidates, rules, between
        As :func:`planner.coverage.solve`: the central case.
    states
        By name.
    tier
        The plan that is looked at; the optimum of service when left out.
    gap
        Relative distance of value and bound that is good enough.
    time_limit_s
        Seconds in all.

    Returns
    -------
    Robustness
        The table of regrets and the plans.

    Raises
    ------
    InputError, Infeasible, TimeLimit
        As :func:`planner.coverage.solve`; and when a state's minutes are between other places.

    References
    ----------
    Kouvelis, P., Yu, G. (1997). Robust discrete optimization and its applications. Kluwer.
    """
    began = time.perf_counter()
    case = prepare(
        minutes, demand, candidates, rules=rules, between=between, gap=gap,
        time_limit_s=time_limit_s,
    )  # fmt: skip
    if not states:
        raise InputError("states: give at least one state of the world.")
    plan = reach(case).opened if tier is None else case.opened(tier)
    case = _with_states(case, minutes, states)
    plans: dict[str, Floats] = {"plan": plan}
    share = case.question.left() / (len(states) + 2)
    for name in states:
        goal = _goal(case.space, name)
        question = case.question.until(time.perf_counter() + share)
        found = lexicographic(question, [goal], held=case.held, start=list(plans.values()))
        plans[name] = found.opened
    best = pd.Series({name: _best(case.space, name, plans) for name in states}, dtype=float)
    proven = {}
    for name, goal in (("minimax", _minimax(best)), ("host_loss", _after_loss(case.space))):
        question = case.question.until(time.perf_counter() + max(share, case.question.left() / 2))
        goals = [goal, Goal("mesh", RESIDENT_UNIT, layers={"mesh": 1.0})]
        found = lexicographic(
            question, goals if name == "host_loss" else goals[:1], held=case.held,
            start=list(plans.values()), gap_after=0.01,
        )  # fmt: skip
        plans[name], proven[name] = found.opened, found.stages[0].gap <= gap + _RATIO_UNIT
    return _report(case, plans, best, proven=proven, seconds=time.perf_counter() - began)


def _with_states(case: Case, minutes: TravelTimes, states: Mapping[str, State]) -> Case:
    """Return the case with a layer for each state, and one for the loss of a host."""
    rows = np.argsort(minutes.origins.to_numpy(), kind="stable")
    columns = np.argsort(minutes.destinations.to_numpy(), kind="stable")
    blocks, _ = communes_of(case.demand)
    layers = dict(case.space.layers)
    for name, state in states.items():
        times = state.minutes
        same = times.origins.equals(minutes.origins) and times.destinations.equals(
            minutes.destinations
        )
        if not same:
            raise InputError(f"state {name}: its minutes are between other places.")
        ordered = replace(times, minutes=times.minutes[rows][:, columns])
        if "users" in case.demand:
            users = case.demand["users"] * state.demand
            gains = user_gains(ordered, users, case.space.site, rules=case.rules)
            layers[f"state {name}"] = gain_rows(gains, blocks, unit=USER_UNIT)
        else:
            near = ordered.within(case.rules.mesh_min)[:, case.space.site]
            people = case.demand["residents"].to_numpy(float) * state.demand
            weights = np.rint(people / RESIDENT_UNIT).astype(np.int64)
            layers[f"state {name}"] = cover_rows(near, weights, blocks, unit=RESIDENT_UNIT)
    mesh = layers["mesh"]
    if isinstance(mesh, Rows):
        layers["after_loss"] = AfterLoss(mesh, case.space.site)
    space = replace(case.space, layers=layers)
    return replace(case, question=case.question.within(space))


def _goal(space: Space, state: str) -> Goal:
    return Goal(state, space.layers[f"state {state}"].unit, layers={f"state {state}": 1.0})


def _best(space: Space, state: str, plans: Mapping[str, Floats]) -> float:
    return max(value_of(space, _goal(space, state), opened) for opened in plans.values())


def _minimax(best: pd.Series) -> Goal:
    parts = tuple(
        Part(f"state {name}", None, float(value)) for name, value in best.items() if value > 0
    )
    return Goal("minimax", _RATIO_UNIT, least=parts)


def _after_loss(space: Space) -> Goal:
    return Goal("after_loss", space.layers["after_loss"].unit, layers={"after_loss": 1.0})


@dataclass(frozen=True, eq=False)
class AfterLoss:
    """The residents still covered when the worst of the open sites closes: one block.

    It is the smallest of concave functions, one a site, and so is bounded by the plane of the
    smallest.
    """

    cover: Rows
    site: Longs

    @property
    def unit(self) -> float:
        """Smallest difference between two worths."""
        return self.cover.unit

    @property
    def most(self) -> Floats:
        """Largest worth."""
        return np.array([self.cover.most.sum()])

    def values(self, opened: Floats) -> Floats:
        """Return the worth after the worst loss."""
        return np.array([self.worst(opened)[0]])

    def worst(self, opened: Floats) -> tuple[float, int]:
        """Return the residents still covered after the worst loss, and the site (-1: none open)."""
        least, lost = float(self.cover.values(opened).sum()), -1
        for site in np.unique(self.site[opened > 0]):
            left = float(self.cover.values(np.where(self.site == site, 0.0, opened)).sum())
            if left < least:
                least, lost = left, int(site)
        return least, lost

    def planes(self, opened: Floats) -> Planes:
        """Return the worth after the worst loss, and its plane."""
        least, lost = self.worst(opened)
        gone = self.site == lost
        found = self.cover.planes(np.where(gone, 0.0, opened))
        slope = np.where(gone, 0.0, found.slope.sum(axis=0))
        return Planes(
            np.array([least]), np.array([found.intercept.sum()]), slope[None, :], np.zeros(0)
        )


def _report(
    case: Case,
    plans: Mapping[str, Floats],
    best: pd.Series,
    *,
    proven: Mapping[str, bool],
    seconds: float,
) -> Robustness:
    space = case.space
    regret = pd.DataFrame(
        {
            state: {
                name: 1 - value_of(space, _goal(space, str(state)), opened) / value
                if value
                else 0.0
                for name, opened in plans.items()
            }
            for state, value in best.items()
        }
    ).clip(lower=0.0)
    layer = space.layers["after_loss"]
    rows = {}
    for name, opened in plans.items():
        left, site = layer.worst(opened) if isinstance(layer, AfterLoss) else (0.0, -1)
        covered = float(space.layers["mesh"].values(opened).sum())
        rows[name] = {
            "regret": float(regret.loc[name].to_numpy(float).max()),
            "residents": covered,
            "lost_residents": round(covered - left, 2),
            "worst_site": "" if site < 0 else str(case.candidates.index[site]),
        }
    return Robustness(
        regret=regret.round(6),
        tiers={name: case.tier(opened) for name, opened in plans.items()},
        best=best,
        largest=pd.DataFrame.from_dict(rows, orient="index"),
        proven=dict(proven),
        seconds=seconds,
    )
