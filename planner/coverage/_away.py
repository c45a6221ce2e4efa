"""A walk by swaps to a plan that shares little with plans known, and still keeps all that is held.

The heuristic of the alternatives: a bound on what plans must share is weak where sites abound, so a
plan that shares little has to be found before it can be proven.
"""

import time
from collections.abc import Sequence

import numpy as np

from planner.coverage._goals import Held
from planner.coverage._layers import Floats
from planner.coverage._space import Space
from planner.coverage._swaps import Ways, known_after

_TRIED = 25  # swaps looked at from one plan, at most, where goals with seats are held
_LEVEL = 1e-9  # less to spare is no more


def away(
    space: Space,
    held: Sequence[Held],
    opened: Floats,
    *,
    used: Floats,
    deadline: float,
) -> Floats:
    """Return a plan reached by swaps that shares less with others, and then has more to spare.

    Parameters
    ----------
    space
        The rules.
    held
        Goals that no plan on the way may let fall.
    opened
        The plan to start from, which keeps all.
    used
        For each option, in how many of the other plans it is open.
    deadline
        On the clock of :func:`time.perf_counter`.
    """
    goals = [one.goal for one in held]
    spare = -np.inf
    while time.perf_counter() < deadline:
        ways = Ways.of(space, opened, high=np.ones(space.options))
        known = known_after(ways, goals)
        sure = all(ways.after(goal, known) is not None for goal in goals)
        room = np.where(ways.ruled(), ways.spare(held, known), -np.inf)
        weight = np.append(used, 0.0)
        shared = weight[ways.into][None, :] - weight[ways.out][:, None]
        better = (shared < 0) | ((shared == 0) & (room > spare + _LEVEL))
        row, column = np.nonzero(better & (room >= 0))
        order = np.lexsort((-room[row, column], shared[row, column]))[: 1 if sure else _TRIED]
        for k in order:
            plan = ways.plan(int(row[k]), int(column[k]))
            if sure or _keeps(space, held, plan):
                opened, spare = plan, float(room[row[k], column[k]])
                break
        else:
            break
    return opened


def _keeps(space: Space, held: Sequence[Held], opened: Floats) -> bool:
    """Return whether a plan keeps the goals held, valued from the layers themselves."""
    for one in held:
        worth = {name: space.layers[name].values(opened) for name in one.goal.uses}
        if one.goal.value(opened, worth) < one.value - one.goal.unit / 4:
            return False
    return True
