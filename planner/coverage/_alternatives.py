"""Other plans nearly as good, as different as they can be (modelling to generate alternatives).

Every goal may give up a share of its optimum; then the plan sought is the one that shares least
with those found before (Brill, Chang, Hopkins 1982). A site in all of them is sure.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import Infeasible, TimeLimit
from planner.coverage._away import away
from planner.coverage._goals import Goal, Held
from planner.coverage._layers import Floats
from planner.coverage._network import Case, prepare, reach
from planner.coverage._stages import SMALLER, lexicographic, value_of
from planner.rules import Objective, Rules
from planner.travel import TravelTimes

_REST_GAP = 0.005  # how near the best of the most different plans is to be looked for


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Plans within some share of the optimum.

    Attributes
    ----------
    tiers
        Of each plan, the optimum first: tier by site.
    goals
        One row a plan, one column a goal, in the terms of the stages.
    sites
        Index site id: how many of the plans open it (`plans`), their share (`share`), and whether
        all do (`sure`).
    different
        Of each plan, how many of its sites the optimum does not open.
    proven
        Of each plan after the optimum, whether no other plan shares less with those before.
    seconds
        Time it took.
    """

    tiers: tuple[pd.Series, ...]
    goals: pd.DataFrame
    sites: pd.DataFrame
    different: tuple[int, ...]
    proven: tuple[bool, ...]
    seconds: float


def alternatives(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    between: TravelTimes | None = None,
    objective: Objective = "service",
    plans: int = 10,
    within: float = 0.02,
    start: Sequence[pd.Series] = (),
    time_limit_s: float = 60.0,
) -> Alternatives:
    """Return plans nearly as good as the optimum that differ most from it and from one another.

    Parameters
    ----------
    minutes, demand, candidates, rules, between, objective
        As :func:`planner.coverage.solve`.
    plans
        How many, besides the optimum.
    within
        Share of its optimum that each goal may give up (0-1).
    start
        Plans known, as tiers by site; the optimum, where it is known.
    time_limit_s
        Seconds in all.

    Returns
    -------
    Alternatives
        Fewer plans where there are no more, or time ran out.

    Raises
    ------
    InputError, Infeasible, TimeLimit
        As :func:`planner.coverage.solve`.

    References
    ----------
    Brill, E., Chang, S.-Y., Hopkins, L. (1982). Modeling to generate alternatives: the HSJ
    approach. Management Science 28.
    """
    began = time.perf_counter()
    case = prepare(
        minutes, demand, candidates, rules=rules, between=between, objective=objective,
        time_limit_s=time_limit_s,
    )  # fmt: skip
    best = reach(case, start=[case.opened(tier) for tier in start])
    goals = [goal for goal in case.goals if goal.name not in ("ids", "worst")]
    held = [*case.held, *(_relaxed(case, goal, best.opened, within) for goal in goals)]
    found: list[Floats] = [best.opened]
    proven: list[bool] = []
    for number in range(plans):
        share = case.question.left() / (plans - number)
        question = case.question.until(time.perf_counter() + share)
        used = np.sum(found, axis=0) * case.space.new
        fewest = Goal("shared", 1.0, options=-used)
        half = time.perf_counter() + share / 2
        near = [away(case.space, held, one, used=used, deadline=half) for one in found[:1]]
        try:
            one = lexicographic(
                question,
                [fewest, *_cover(goals)],
                held=held,
                start=[*found, *near],
                gap_after=_REST_GAP,
            )
        except (Infeasible, TimeLimit):
            break
        if any((one.opened == other).all() for other in found):
            break
        found.append(one.opened)
        proven.append(one.stages[0].proven)
    return _table(case, found, proven, goals, seconds=time.perf_counter() - began)


def _cover(goals: list[Goal]) -> list[Goal]:
    """Return the goal that decides among plans that are as different: the last of coverage."""
    return [goal for goal in goals if goal.layers][-1:]


def _relaxed(case: Case, goal: Goal, opened: Floats, within: float) -> Held:
    """Hold a goal at its optimum less a share of it."""
    value = value_of(case.space, goal, opened)
    least = np.floor((value - within * abs(value)) / goal.unit) * goal.unit
    return Held(goal, float(least))


def _table(
    case: Case, found: list[Floats], proven: list[bool], goals: list[Goal], *, seconds: float
) -> Alternatives:
    tiers = tuple(case.tier(opened) for opened in found)
    rows = [
        {
            goal.name: (-1.0 if goal.name in SMALLER else 1.0) * value_of(case.space, goal, opened)
            for goal in goals
        }
        for opened in found
    ]
    counts = pd.concat([pd.Series(1, index=tier.index) for tier in tiers]).groupby(level=0).sum()
    sites = pd.DataFrame(
        {"plans": counts, "share": counts / len(found), "sure": counts == len(found)}
    )
    first = set(tiers[0].index)
    return Alternatives(
        tiers=tiers,
        goals=pd.DataFrame(rows),
        sites=sites.sort_index(),
        different=tuple(len(set(tier.index) - first) for tier in tiers),
        proven=tuple(proven),
        seconds=seconds,
    )
