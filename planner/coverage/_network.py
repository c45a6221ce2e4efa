r"""The planner's own model: one network of three tiers, chosen by goals in their order.

Sets: demand points :math:`i` with :math:`w_i` residents and :math:`u_i` users to be expected;
options :math:`(j, t)`, site and tier, open when :math:`y_{jt} = 1`, under the rules of
:mod:`planner.coverage._space`. What a plan gives:

.. math::

    \text{mesh} = \sum_i w_i \min\Bigl(1, \sum_{(j,t): m_{ij} \le r} y_{jt}\Bigr), \quad
    \text{structuring} = \sum_i w_i \min\Bigl(1, \sum_{j: m_{ij} \le s} y_{j1}\Bigr), \quad
    \text{users} = \sum_i \max_{(j,t)} u_i f(m_{ij}) y_{jt}

with minutes :math:`m`, cutoffs :math:`r, s` and the decay :math:`f` of use with time. Mesh and
structuring are the maximal covering problem of Church and ReVelle (1974); users its gradual form
(Berman and Krass 2002); a second site within :math:`r`, where it is rewarded, the backup coverage
of Hogan and ReVelle (1986). Each goal is optimal among the optima of those before it; the last is
the lowest sum of the options' ranks by id, so that what still ties is the same plan in every run.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp

from planner._errors import Infeasible, InputError
from planner.candidates import TIERS
from planner.coverage import _explain
from planner.coverage._check import checked
from planner.coverage._goals import Goal, Held, Part
from planner.coverage._hints import hints_of
from planner.coverage._layers import Floats, Rows
from planner.coverage._seats import Seats
from planner.coverage._space import MINUTES_UNIT, Space, build, least_covered, saved_minutes
from planner.coverage._stages import Question, Reached, Stage, lexicographic
from planner.coverage._worst import smallest_worst
from planner.rules import OBJECTIVES, RESIDENT_UNIT, USER_UNIT, Hints, Objective, Rules
from planner.travel import TravelTimes

SHARE_UNIT = 1e-6  # shares that differ by less are the same


@dataclass(frozen=True, eq=False)
class NetworkSolution:
    """The sites to open, by tier, and how well the choice is proven.

    Attributes
    ----------
    tier
        Tier of each open site; index site id, sorted.
    stages
        The goals in their order.
    hints
        By stage, multipliers from which :mod:`planner.certificate` makes a bound of its own.
    reduced
        Demand points and the rows they were merged to, by layer.
    assignment
        Where seats bind: demand points × sites, the share of a point's users who go there.
    interrupted
        Whether the user stopped the search.
    seconds
        Time to build and solve.
    """

    tier: pd.Series
    stages: tuple[Stage, ...]
    hints: Mapping[str, Hints] = field(repr=False)
    reduced: Mapping[str, tuple[int, int]]
    interrupted: bool
    seconds: float
    assignment: sp.csr_array | None = field(default=None, repr=False)

    @property
    def proven(self) -> bool:
        """Whether every stage is proven optimal."""
        return all(stage.proven for stage in self.stages)


@dataclass(frozen=True, eq=False)
class Case:
    """Tables in order of their ids, the space they span, the goals of an objective."""

    minutes: TravelTimes
    demand: pd.DataFrame
    candidates: gpd.GeoDataFrame
    rules: Rules
    question: Question
    goals: tuple[Goal, ...]
    held: tuple[Held, ...]

    @property
    def space(self) -> Space:
        """What may be chosen."""
        return self.question.space

    def tier(self, opened: Floats) -> pd.Series:
        """Return the tier of each open site, by id."""
        chosen = np.flatnonzero(opened > 0.5)  # noqa: PLR2004 - open or not
        names = np.array(TIERS, dtype=object)[self.space.tier[chosen]]
        ids = self.candidates.index[self.space.site[chosen]]
        return pd.Series(names, index=ids, name="tier", dtype=object).sort_index()

    def opened(self, tier: pd.Series) -> Floats:
        """Return a plan as openings of the options."""
        found = np.zeros(self.space.options)
        ids = self.candidates.index[self.space.site]
        wanted = tier.reindex(ids).to_numpy()
        found[wanted == np.array(TIERS, dtype=object)[self.space.tier]] = 1.0
        return found


def solve(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    between: TravelTimes | None = None,
    objective: Objective = "service",
    start: Sequence[pd.Series] = (),
    gap: float = 0.0,
    time_limit_s: float = 60.0,
) -> NetworkSolution:
    """Choose the sites of all tiers together.

    Parameters
    ----------
    minutes
        From demand points to candidate sites, at least as far as the rules look.
    demand
        Index as the origins of `minutes`; residents, and maybe users (expected where a site is at
        the door) and commune.
    candidates
        As :func:`planner.candidates.sites` gives them; index as the destinations of `minutes`.
        Sites whose status is ``existing`` are open, free and not counted, wherever they are;
        ``forced`` ones open in one of their tiers.
    rules
        What a plan must respect.
    between
        Minutes between candidates, where the rules ask for spacing.
    objective
        ``service``: cover most, then serve most users, then spend least. ``cost``: spend least for
        the share of residents that the rules ask. ``minutes``: fewest resident-minutes to the
        nearest site, those beyond the travel times counted at their cutoff. ``worst``: the
        resident farthest from a site is as near as can be. ``fairness``: the commune covered
        least is covered most.
    start
        Plans known, as tiers by site.
    gap
        Relative distance of value and bound that is good enough at each stage; 0 for a proof.
    time_limit_s
        Seconds for all stages together.

    Returns
    -------
    NetworkSolution
        The plan; not proven when time ran out or the user interrupted.

    Raises
    ------
    InputError
        When tables do not match, the travel times end before a cutoff, or a rule needs a column
        that is missing.
    Infeasible
        When no plan satisfies the rules; the message names the rules that clash, the residents or
        sites, and the least change that makes a plan possible.
    TimeLimit
        When time ran out before a first plan.

    References
    ----------
    Church, R., ReVelle, C. (1974). The maximal covering location problem. Papers of the Regional
    Science Association 32. Berman, O., Krass, D. (2002). The generalized maximal covering location
    problem. Computers & Operations Research 29. Hogan, K., ReVelle, C. (1986). Concepts and
    applications of backup coverage. Management Science 32.
    """
    began = time.perf_counter()
    case = prepare(
        minutes, demand, candidates, rules=rules, between=between, objective=objective,
        gap=gap, time_limit_s=time_limit_s,
    )  # fmt: skip
    reached = reach(case, start=[case.opened(tier) for tier in start])
    return NetworkSolution(
        tier=case.tier(reached.opened),
        stages=reached.stages,
        hints=hints_of(case.space, case.demand, case.candidates.index, reached),
        reduced={
            name: (int((layer.source >= 0).sum()), int(layer.block.size))
            for name, layer in sorted(case.space.layers.items())
            if isinstance(layer, Rows)
        },
        assignment=_assignment(case, reached.opened, demand.index, candidates.index),
        interrupted=reached.interrupted,
        seconds=time.perf_counter() - began,
    )


def _assignment(
    case: Case, opened: Floats, points: pd.Index, sites: pd.Index
) -> sp.csr_array | None:
    """Return who goes where, in the order of the caller's tables; None where seats never bind."""
    layer = case.space.layers.get("users")
    if not isinstance(layer, Seats):
        return None
    options = np.arange(case.space.options)
    site = sp.csr_array(
        (np.ones(options.size), (options, case.space.site)), shape=(options.size, sites.size)
    )
    shares = sp.csr_array(layer.assignment(opened) @ site)
    row = case.demand.index.get_indexer(points)
    column = case.candidates.index.get_indexer(sites)
    return sp.csr_array(shares[row][:, column])


def prepare(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    between: TravelTimes | None = None,
    objective: Objective = "service",
    gap: float = 0.0,
    time_limit_s: float = 60.0,
) -> Case:
    """Check the tables, put them in order, and lay out the question; as :func:`solve`."""
    deadline = time.perf_counter() + time_limit_s
    if objective not in OBJECTIVES:
        raise InputError(f"objective {objective!r}: choose one of {', '.join(OBJECTIVES)}.")
    tables = checked(minutes, demand, candidates, rules=rules, between=between)
    space = build(
        tables.minutes, tables.demand, tables.candidates, rules=rules, between=tables.between
    )
    if objective == "minutes":
        saved = saved_minutes(space, tables.minutes, tables.demand)
        space = replace(space, layers={**space.layers, "saved": saved})
    question = Question(space, deadline, gap)
    held = tuple(_floors(space, rules))
    goals = tuple(_goals(space, rules, objective, cutoff_min=minutes.cutoff_min))
    return Case(tables.minutes, tables.demand, tables.candidates, rules, question, goals, held)


def reach(case: Case, *, start: Sequence[Floats] = ()) -> Reached:
    """Solve a case; where no plan exists, say why and what would change it."""
    try:
        if case.goals[0].name == "worst":
            return smallest_worst(
                case.question, case.goals, case.minutes, case.demand, held=case.held
            )
        return lexicographic(case.question, case.goals, held=case.held, start=start)
    except Infeasible as error:
        raise _explain.infeasible(case, error) from error


def _floors(space: Space, rules: Rules) -> list[Held]:
    """Return the share of all residents that must be covered, as a goal held."""
    if rules.mesh_share_min <= 0:
        return []
    least = least_covered(float(space.people.sum()), rules.mesh_share_min)
    return [Held(Goal("mesh_share", RESIDENT_UNIT, layers={"mesh": 1.0}), least)]


def _goals(space: Space, rules: Rules, objective: Objective, *, cutoff_min: float) -> list[Goal]:
    """Return the goals of an objective, in their order."""
    cover = [Goal("mesh", RESIDENT_UNIT, layers={"mesh": 1.0})]
    if "backup" in space.layers:
        cover[0] = Goal("backup", space.layers["backup"].unit, layers={"backup": 1.0})
    cover.append(Goal("structuring", RESIDENT_UNIT, layers={"structuring": 1.0}))
    if "users" in space.layers:
        cover.append(Goal("users", USER_UNIT, layers={"users": 1.0}))
    cost = space.cost_eur(rules.cost_years)
    spend = Goal("cost", 1.0, options=-cost)
    if not cost.any():
        spend = Goal("sites", 1.0, options=-np.ones(space.options))
    ids = Goal("ids", 1.0, options=-np.arange(1.0, space.options + 1))
    if objective == "cost":
        return [spend, *cover, ids]
    far = float(np.rint(space.people.sum() * cutoff_min / MINUTES_UNIT)) * MINUTES_UNIT
    first = {
        "service": [],
        "minutes": [Goal("minutes", MINUTES_UNIT, layers={"saved": 1.0}, offset=-far)],
        "worst": [Goal("worst", 1e-6)],
        "fairness": [_fairness(space)],
    }[objective]
    return [*first, *cover, spend, ids]


def _fairness(space: Space) -> Goal:
    """Return the smallest share of a commune's residents that is covered."""
    people = space.people
    parts = tuple(
        Part("mesh", block, float(people[block])) for block in np.flatnonzero(people > 0).tolist()
    )
    return Goal("fairness", SHARE_UNIT, least=parts)
