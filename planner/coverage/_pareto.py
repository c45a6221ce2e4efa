r"""The front of coverage against cost: exact points, by the :math:`\varepsilon`-constraint method.

From the plan that covers most down to the cheapest, with the cost bound at each of some budgets:
most residents for the budget, then the least cost for these residents (Haimes, Lasdon, Wismer 1971;
the second step makes the point efficient: Mavrotas 2009). Planes learnt for one budget hold for
all, and the plans of the neighbours are the first plans of each.
"""

import time
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import Infeasible, TimeLimit
from planner.coverage._goals import Goal
from planner.coverage._layers import Floats
from planner.coverage._network import Case, prepare, reach
from planner.coverage._space import Rule
from planner.coverage._stages import Question, Reached, lexicographic
from planner.coverage._swaps import mended
from planner.rules import RESIDENT_UNIT, Rules
from planner.travel import TravelTimes


@dataclass(frozen=True, eq=False)
class FrontPoint:
    """A plan that no other betters in coverage and cost at once.

    Attributes
    ----------
    cost_eur
        Investment and running cost over the years of the rules.
    residents
        Residents covered by the mesh.
    most_residents
        What no plan of at most this cost exceeds.
    tier
        Tier of each open site.
    proven
        Whether both are proven.
    """

    cost_eur: float
    residents: float
    most_residents: float
    tier: pd.Series
    proven: bool


@dataclass(frozen=True, eq=False)
class Front:
    """The front, from the cheapest plan to the one that covers most.

    Attributes
    ----------
    points
        By rising cost.
    knee
        Position of the point farthest from the line between the two ends, where more money begins
        to bring less; None when there are fewer than three.
    seconds
        Time it took.
    """

    points: tuple[FrontPoint, ...]
    knee: int | None
    seconds: float

    @property
    def table(self) -> pd.DataFrame:
        """One row a point: cost_eur, residents, most_residents, sites, proven, knee."""
        return pd.DataFrame(
            {
                "cost_eur": [point.cost_eur for point in self.points],
                "residents": [point.residents for point in self.points],
                "most_residents": [point.most_residents for point in self.points],
                "sites": [len(point.tier) for point in self.points],
                "proven": [point.proven for point in self.points],
                "knee": [position == self.knee for position in range(len(self.points))],
            }
        )


def pareto(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    between: TravelTimes | None = None,
    points: int = 20,
    gap: float = 0.0,
    time_limit_s: float = 60.0,
) -> Front:
    """Return the front of residents covered against cost.

    Parameters
    ----------
    minutes, demand, candidates, rules, between, gap
        As :func:`planner.coverage.solve`; the candidates need costs.
    points
        How many points are sought, evenly over what lies between the cheapest plan and the one that
        covers most.
    time_limit_s
        Seconds in all.

    Returns
    -------
    Front
        At most `points` points; fewer where budgets give the same plan or time ran out.

    Raises
    ------
    InputError, Infeasible, TimeLimit
        As :func:`planner.coverage.solve`.

    References
    ----------
    Haimes, Y., Lasdon, L., Wismer, D. (1971). On a bicriterion formulation of the problems of
    integrated system identification and system optimization. IEEE Transactions on Systems, Man, and
    Cybernetics 1. Mavrotas, G. (2009). Effective implementation of the ε-constraint method in
    multi-objective mathematical programming problems. Applied Mathematics and Computation 213.
    """
    began = time.perf_counter()
    case = prepare(
        minutes, demand, candidates, rules=rules, between=between, gap=gap,
        time_limit_s=time_limit_s,
    )  # fmt: skip
    case = _with_goals(case)
    top = reach(case)
    ends = case.question.until(time.perf_counter() + case.question.left() / 4)
    cheap = lexicographic(ends, case.goals[::-1], held=case.held, start=[top.opened])
    found = [_point(case, top, cover=0), _point(case, cheap, cover=1)]
    plans = [top.opened, cheap.opened]
    step = max(int(np.gcd.reduce(_cost_of(case).astype(np.int64))), 1)
    cheapest, dearest = found[1].cost_eur, found[0].cost_eur
    for left in range(points - 2, 0, -1):  # evenly over what is left between the two
        limit = cheapest + np.floor((dearest - cheapest) * left / (left + 1) / step) * step
        limit = min(limit, dearest - step)
        if limit <= cheapest or case.question.left() <= 0:
            break
        dearest = limit
        asked = _within_budget(case, limit)
        near = (mended(asked.space, case.goals, case.held, plan) for plan in plans)
        start = [*plans, *(plan for plan in near if plan is not None)]
        share = 2 * case.question.left() / left
        try:
            one = lexicographic(
                asked.until(time.perf_counter() + share), case.goals, held=case.held, start=start
            )
        except (Infeasible, TimeLimit):
            continue
        plans.append(one.opened)
        found.append(_point(case, one, cover=0))
        if found[-1].cost_eur > cheapest:
            dearest = min(dearest, found[-1].cost_eur)
    ordered = _efficient(found)
    return Front(ordered, _knee(ordered), time.perf_counter() - began)


def _with_goals(case: Case) -> Case:
    """Return the case with two goals: coverage, then cost."""
    cost = _cost_of(case)
    goals = (
        Goal("mesh", RESIDENT_UNIT, layers={"mesh": 1.0}),
        Goal("cost", 1.0, options=-cost),
    )
    return Case(
        case.minutes, case.demand, case.candidates, case.rules, case.question, goals, case.held
    )


def _cost_of(case: Case) -> Floats:
    """Return investment and the years of running cost of each option, whole euros."""
    return case.space.cost_eur(case.rules.cost_years)


def _within_budget(case: Case, budget: float) -> Question:
    space = case.space.with_row(Rule("budget"), _cost_of(case), -np.inf, budget)
    return case.question.within(space)


def _point(case: Case, reached: Reached, *, cover: int) -> FrontPoint:
    mesh, cost = reached.stages[cover], reached.stages[1 - cover]
    return FrontPoint(
        cost.value, mesh.value, mesh.bound, case.tier(reached.opened),
        proven=mesh.proven and cost.proven,
    )  # fmt: skip


def _efficient(found: list[FrontPoint]) -> tuple[FrontPoint, ...]:
    """Return the points that no other betters, by rising cost."""
    kept: list[FrontPoint] = []
    for point in sorted(found, key=lambda one: (one.cost_eur, -one.residents)):
        if not kept or point.residents > kept[-1].residents:
            kept.append(point)
    return tuple(kept)


def _knee(points: tuple[FrontPoint, ...]) -> int | None:
    """Return the point farthest above the line between the ends, both axes taken as 0 to 1."""
    if len(points) < 3:  # noqa: PLR2004 - two ends and something between
        return None
    cost = np.array([point.cost_eur for point in points])
    cover = np.array([point.residents for point in points])
    above = (cover - cover[0]) / (cover[-1] - cover[0]) - (cost - cost[0]) / (cost[-1] - cost[0])
    return int(np.argmax(above[1:-1])) + 1
