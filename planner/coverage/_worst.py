r"""The resident farthest from a site, as near as can be (Hakimi 1964; Minieka 1970).

The answer is one of the minutes that are there: those within it must cover everyone, which is a
question of feasibility for each, and easier the longer they are. So the list is halved.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.sparse as sp

from planner._errors import Infeasible, TimeLimit
from planner.coverage._goals import Goal, Held
from planner.coverage._layers import Floats, Longs, cover_rows
from planner.coverage._master import maximise
from planner.coverage._space import Space, communes_of
from planner.coverage._stages import Question, Reached, Stage, lexicographic
from planner.rules import RESIDENT_UNIT
from planner.travel import TravelTimes


def smallest_worst(
    question: Question,
    goals: Sequence[Goal],
    minutes: TravelTimes,
    demand: pd.DataFrame,
    *,
    held: Sequence[Held],
) -> Reached:
    """Return the plan whose farthest resident is nearest, then the other goals in their order.

    People that no option reaches within the travel times are left out. Where no plan reaches all
    the others, the worst minutes are those at which the travel times end.

    Parameters
    ----------
    question
        The space and the time there is.
    goals
        The first is this one.
    minutes, demand
        Sorted by id.
    held
        Goals that must keep their values.

    Returns
    -------
    Reached
        Its first stage is the worst minutes.
    """
    pairs = sp.csr_array(minutes.minutes[:, question.space.site])
    lived = demand["residents"].to_numpy(float) >= RESIDENT_UNIT / 2
    rows = np.flatnonzero(lived & (np.diff(pairs.indptr) > 0))
    pairs = sp.csr_array(pairs[rows])
    nearest = np.minimum.reduceat(pairs.data, pairs.indptr[:-1]) if rows.size else np.zeros(0)
    values = np.unique(pairs.data)
    values = values[values >= nearest.max(initial=0.0)]
    low, high = 0, values.size  # infeasible below `low`, feasible from `high`
    best: Floats | None = None
    stopped = False
    while low < high and question.left() > 0:
        middle = (low + high) // 2
        space, all_of = _within(question.space, pairs, float(values[middle]), demand, rows=rows)
        try:
            opened = _any_plan(question.within(space), [*held, all_of])
        except (TimeLimit, KeyboardInterrupt) as stop:
            if best is None:
                raise
            stopped = isinstance(stop, KeyboardInterrupt)
            break
        if opened is None:
            low = middle + 1
        else:
            best, high = opened, int(np.searchsorted(values, _farthest(pairs, opened)))
    asked = question if not stopped else replace(question, deadline=time.perf_counter())
    if best is None:
        rest = lexicographic(asked, goals[1:], held=held)
    else:
        space, all_of = _within(question.space, pairs, float(values[high]), demand, rows=rows)
        rest = lexicographic(asked.within(space), goals[1:], held=[*held, all_of], start=[best])
    steps = np.append(values, minutes.cutoff_min) if rows.size else np.zeros(1)
    worst = min(_farthest(pairs, rest.opened), minutes.cutoff_min)
    bound = min(float(steps[low]), worst)
    stage = Stage("worst", round(worst, 6), round(bound, 6), proven=bound >= worst, smaller=True)
    return replace(
        rest,
        stages=(stage, *rest.stages),
        found=(None, *rest.found),
        interrupted=rest.interrupted or stopped,
    )


def _within(
    space: Space, pairs: sp.csr_array, worst: float, demand: pd.DataFrame, *, rows: Longs
) -> tuple[Space, Held]:
    """Return the space with the layer of everyone within some minutes, and that goal, held."""
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    kept = pairs.data <= worst
    near = sp.csr_array(
        (np.ones(int(kept.sum()), np.bool_), (row[kept], pairs.indices[kept])), shape=pairs.shape
    )
    layer = cover_rows(
        near, np.ones(rows.size, np.int64), communes_of(demand.iloc[rows])[0], unit=1.0
    )
    source = np.full(len(demand), -1, np.int64)  # of all points: hints are about these
    source[rows] = layer.source
    layer = replace(layer, source=source)
    goal = Goal("worst", 1.0, layers={"worst": 1.0})
    return replace(space, layers={**space.layers, "worst": layer}), Held(goal, float(rows.size))


def _any_plan(question: Question, held: Sequence[Held]) -> Floats | None:
    """Return any plan that keeps the goals held, or None when there is none."""
    nothing = Goal("nothing", 1.0, options=np.zeros(question.space.options))
    fresh = Question(question.space, question.deadline)
    try:
        return maximise(
            fresh.space, nothing, pool=fresh.pool, deadline=fresh.deadline, held=held
        ).opened
    except Infeasible:
        return None


def _farthest(pairs: sp.csr_array, opened: Floats) -> float:
    """Return the minutes of the point farthest from its nearest open option."""
    if not pairs.shape[0]:
        return 0.0
    minutes = np.where(opened[pairs.indices] > 0, pairs.data, np.inf)
    return float(np.minimum.reduceat(minutes, pairs.indptr[:-1]).max())
