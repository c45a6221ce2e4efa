r"""Better plans by swaps, where seats make it costly to say what a plan is worth.

One option closes and another opens (Teitz and Bart 1968), or only one of the two. What that does to
goals held is counted for all swaps at once; how many users it would seat at most is read from the
plane of the plan at hand, and only swaps that it lets hope are seated anew, the best hope first.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from planner.coverage._goals import Held
from planner.coverage._layers import Floats, Longs, Rows
from planner.coverage._seats import Seats

if TYPE_CHECKING:
    from planner.coverage._master import Master

_TRIED = 25  # swaps seated anew from one plan, at most
_LOOSE = 1e-6
_OPEN = 0.5

Flags = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


def swap(master: "Master", *, until: float) -> None:
    """Offer better plans, from the best known on, until none is found.

    Parameters
    ----------
    master
        The question; its goal counts a layer with seats. Nothing is done without a plan.
    until
        Seconds that must be left to go on.
    """
    while master.best is not None and master.left() > until:
        value, opened = master.best
        for out, into in _hopes(master, opened):
            plan = opened.copy()
            plan[[k for k in (out,) if k < plan.size]] = 0.0
            plan[[k for k in (into,) if k < plan.size]] = 1.0
            master.offer(plan)
            if master.best[0] > value or master.left() <= until:
                break
        if master.best[0] <= value:
            return


def _hopes(master: "Master", opened: Floats) -> Iterator[tuple[int, int]]:
    """Yield the swaps of most promise: what closes, what opens; one past the last is nothing."""
    out = np.append(np.flatnonzero(opened > _OPEN), opened.size)
    into = np.append(np.flatnonzero((opened < _OPEN) & (master.limits[1] > _OPEN)), opened.size)
    promise = _promised(master, opened)
    more = promise[into][None, :] - promise[out][:, None]
    good = (more > _LOOSE) & _ruled(master, opened, out, into)
    for one in master.held:
        if good.any():
            good &= _holds(master, one, opened, (out, into))
    row, column = np.nonzero(good)
    for k in np.argsort(-more[row, column], kind="stable")[:_TRIED].tolist():
        yield int(out[row[k]]), int(into[column[k]])


def _promised(master: "Master", opened: Floats) -> Floats:
    """Return what each option adds to the goal, at most, by the planes at a plan; 0 for none."""
    goal, size = master.goal, opened.size
    found = np.zeros(size + 1)
    if goal.options is not None:
        found[:size] += goal.options
    for name, weight in goal.layers.items():
        planes = master.space.layers[name].planes(opened)
        slope = planes.slope.sum(axis=0) if planes.total is None else planes.total.slope
        found[:size] += weight * slope
    return found


def _ruled(master: "Master", opened: Floats, out: Longs, into: Longs) -> Flags:
    """Return which swaps keep the rules."""
    space = master.space
    table = np.hstack((space.matrix.toarray(), np.zeros((space.matrix.shape[0], 1))))
    now = space.matrix @ opened
    kept = np.empty((out.size, into.size), np.bool_)
    for k, option in enumerate(out):
        after = (now - table[:, option])[:, None] + table[:, into]
        low, high = space.lower[:, None] - _LOOSE, space.upper[:, None] + _LOOSE
        kept[k] = ((after >= low) & (after <= high)).all(axis=0)
    return kept


def _holds(
    master: "Master", held: Held, opened: Floats, ways: tuple[Longs, Longs]
) -> Flags | np.bool_:
    """Return which swaps keep a goal that is a sum over rows; for other goals, all."""
    goal, layers = held.goal, master.space.layers
    out, into = ways
    if goal.least or not all(
        isinstance(layer := layers[name], Rows) and layer.second == 0 for name in goal.layers
    ):
        return np.True_
    own = np.append(np.zeros(opened.size) if goal.options is None else goal.options, 0.0)
    total = goal.offset + float(own[:-1] @ opened) - own[out][:, None] + own[into][None, :]
    for name, weight in goal.layers.items():
        layer = layers[name]
        if isinstance(layer, Rows):
            total += weight * _worth(layer, opened, out)[:, into]
    return np.asarray(total >= held.value - goal.unit / 4)


def _worth(layer: Rows, opened: Floats, out: Longs) -> Floats:
    """Return what a layer is worth when an option (rows) closes and another (columns) opens."""
    row = np.repeat(np.arange(layer.block.size), np.diff(layer.pointer))
    found = np.empty((out.size, layer.options + 1))
    for k, option in enumerate(out):
        here = (opened[layer.option] > _OPEN) & (layer.option != option)
        best = np.zeros(layer.block.size)
        np.maximum.at(best, row[here], layer.gain[here])
        more = np.maximum(layer.gain - best[row], 0.0)
        found[k, :-1] = np.bincount(layer.option, more, layer.options)
        found[k, -1] = 0.0
        found[k] += best.sum()
    return found * layer.unit


def has_seats(master: "Master") -> bool:
    """Return whether the goal counts a layer with seats."""
    return any(isinstance(master.space.layers[name], Seats) for name in master.goal.uses)
