r"""Better plans by swaps: one option closes and another opens, or only one of the two.

All swaps of a plan are valued at once (Teitz and Bart 1968; the sums of Resende and Werneck 2007):
with :math:`b_r` and :math:`s_r` the best and the second best gain of row :math:`r`, served by
:math:`o_r`, opening :math:`j` and closing :math:`k` changes a layer by

.. math::

    \sum_r (g_{rj} - b_r)^+ - \sum_{r: o_r = k} (b_r - s_r)
    + \sum_{r: o_r = k} \left[(g_{rj} - s_r)^+ - (g_{rj} - b_r)^+\right].

Where seats or second covers count, what a swap is worth at most is read from the plane of the plan
at hand, and only the swaps of most promise are valued.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.coverage._goals import Goal, Held
from planner.coverage._layers import Floats, Longs, Rows
from planner.coverage._seats import Seats
from planner.coverage._space import Space

if TYPE_CHECKING:
    from planner.coverage._master import Master

_TRIED = 25  # swaps valued anew from one plan, at most, where their worth is not exact
_LOOSE = 1e-6
_OPEN = 0.5

Flags = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class Ways:
    """The swaps of a plan: rows are what closes, columns what opens; the last of each is nothing.

    Attributes
    ----------
    space
        Of the question.
    opened
        The plan, 0 or 1 by option.
    out, into
        Options; the number of options stands for nothing.
    """

    space: Space
    opened: Floats
    out: Longs
    into: Longs

    @classmethod
    def of(cls, space: Space, opened: Floats, *, high: Floats) -> "Ways":
        """Return all swaps of a plan whose options may open."""
        out = np.append(np.flatnonzero(opened > _OPEN), opened.size)
        into = np.append(np.flatnonzero((opened < _OPEN) & (high > _OPEN)), opened.size)
        return cls(space, opened, out, into)

    def plan(self, row: int, column: int) -> Floats:
        """Return the plan after a swap."""
        plan = self.opened.copy()
        for option, value in ((self.out[row], 0.0), (self.into[column], 1.0)):
            if option < plan.size:
                plan[option] = value
        return plan

    def ruled(self) -> Flags:
        """Return which swaps keep the rules."""
        space = self.space
        matrix = space.matrix.toarray()
        table = np.hstack((matrix, np.zeros((matrix.shape[0], 1))))
        now = matrix @ self.opened
        kept = np.empty((self.out.size, self.into.size), np.bool_)
        for k, option in enumerate(self.out):
            after = (now - table[:, option])[:, None] + table[:, self.into]
            low, high = space.lower[:, None] - _LOOSE, space.upper[:, None] + _LOOSE
            kept[k] = ((after >= low) & (after <= high)).all(axis=0)
        return kept

    def blocks(self, name: str) -> Floats | None:
        """Return what each block of a layer is worth after each swap; None where it is not known.

        Returns
        -------
        ndarray or None
            What closes × what opens × blocks.
        """
        layer = self.space.layers[name]
        return _blocks(layer, self) if isinstance(layer, Rows) and layer.second == 0 else None

    def after(self, goal: Goal, known: dict[str, Floats | None]) -> Floats | None:
        """Return what a goal is worth after each swap; None where a layer of it is not known."""
        parts = {name: known[name] for name in goal.uses}
        if any(part is None for part in parts.values()):
            return None
        worth = {name: part for name, part in parts.items() if part is not None}
        if goal.least:
            shares = [
                (worth[one.layer].sum(axis=2) if one.block is None
                 else worth[one.layer][..., one.block]) / one.scale
                for one in goal.least
            ]  # fmt: skip
            return np.asarray(np.min(shares, axis=0))
        total = goal.offset + self.own(goal)
        for name, weight in goal.layers.items():
            total = total + weight * worth[name].sum(axis=2)
        return np.asarray(total)

    def own(self, goal: Goal) -> Floats:
        """Return what the options alone are worth to a goal after each swap."""
        if goal.options is None:
            return np.zeros((self.out.size, self.into.size))
        own = np.append(goal.options, 0.0)
        now = float(goal.options @ self.opened)
        return np.asarray(now - own[self.out][:, None] + own[self.into][None, :])

    def spare(self, held: Sequence[Held], known: dict[str, Floats | None]) -> Floats:
        """Return how far the floors and the goals held are kept; below 0 where one is broken.

        In shares of each value, the tightest of them; goals that are not known are passed over.
        """
        least = np.full((self.out.size, self.into.size), np.inf)
        for floor in self.space.floors:
            worth = known[floor.layer]
            if worth is not None:
                unit = self.space.layers[floor.layer].unit
                over = worth[..., floor.block] - floor.value + unit / 4
                least = np.minimum(least, over / max(abs(floor.value), unit))
        for one in held:
            value = self.after(one.goal, known)
            if value is not None:
                over = value - one.value + one.goal.unit / 4
                least = np.minimum(least, over / max(abs(one.value), one.goal.unit))
        return least


def _blocks(layer: Rows, ways: Ways) -> Floats:
    row = np.repeat(np.arange(layer.block.size), np.diff(layer.pointer))
    here = np.flatnonzero(ways.opened[layer.option] > _OPEN)  # gains fall within each row
    first = np.flatnonzero(np.diff(row[here], prepend=-1))
    best, second = np.zeros(layer.block.size), np.zeros(layer.block.size)
    owner = np.full(layer.block.size, -1)
    rank = np.full(layer.options + 1, -1)
    rank[ways.out[:-1]] = np.arange(ways.out.size - 1)
    served = row[here[first]]
    best[served] = layer.gain[here[first]]
    owner[served] = rank[layer.option[here[first]]]
    two = first[:-1][np.diff(first) > 1]
    two = np.append(two, first[-1:][here.size - first[-1:] > 1]) + 1
    second[row[here[two]]] = layer.gain[here[two]]

    blocks, closing = layer.blocks, ways.out.size
    base = np.bincount(layer.block, best, blocks)
    more = np.maximum(layer.gain - best[row], 0.0)
    add = np.bincount(layer.option * blocks + layer.block[row], more, layer.options * blocks)
    owned = owner >= 0
    loss = np.bincount(
        owner[owned] * blocks + layer.block[owned], (best - second)[owned], closing * blocks
    )
    mine = np.flatnonzero(owned[row])
    extra = np.maximum(layer.gain[mine] - second[row[mine]], 0.0) - more[mine]
    kept = extra > 0
    mine, extra = mine[kept], extra[kept]
    at = (owner[row[mine]] * layer.options + layer.option[mine]) * blocks + layer.block[row[mine]]
    back = np.bincount(at, extra, closing * layer.options * blocks)
    found = back.reshape(closing, layer.options, blocks) + add.reshape(1, layer.options, blocks)
    found = np.concatenate((found, np.zeros((closing, 1, blocks))), axis=1)[:, ways.into]
    return np.asarray((base + found - loss.reshape(closing, 1, blocks)) * layer.unit)


def swap(master: "Master", *, until: float) -> None:
    """Offer better plans, from the best known on, until none is found.

    Parameters
    ----------
    master
        The question. Nothing is done without a plan.
    until
        Seconds that must be left to go on.
    """
    while master.best is not None and master.left() > until:
        value, opened = master.best
        for plan in _hopes(master, opened):
            if _ceiling(master, plan) > value:
                master.offer(plan)
            if master.best[0] > value or master.left() <= until:
                break
        if master.best[0] <= value:
            return


def mended(
    space: Space, goals: Sequence[Goal], held: Sequence[Held], opened: Floats
) -> Floats | None:
    """Return the best plan one swap away from a plan that breaks rules; None where none is allowed.

    Parameters
    ----------
    space
        The rules, of which the plan may break some.
    goals
        What the plan after the swap is to be worth most for, in their order; those whose worth
        after a swap is not known are passed over.
    held
        What it must keep.
    opened
        The plan.
    """
    ways = Ways.of(space, opened, high=np.ones(space.options))
    known = known_after(ways, [*goals, *(one.goal for one in held)])
    row, column = np.nonzero(ways.ruled() & (ways.spare(held, known) >= 0))
    if not row.size:
        return None
    values = [value for goal in goals if (value := ways.after(goal, known)) is not None]
    worth = [np.round(-value[row, column], 6) for value in reversed(values)]
    best = np.lexsort([column, row, *worth])[0]
    return ways.plan(int(row[best]), int(column[best]))


def known_after(ways: Ways, goals: Sequence[Goal]) -> dict[str, Floats | None]:
    """Return what the blocks of all layers that matter are worth after each swap."""
    names = {name for goal in goals for name in goal.uses}
    names |= {floor.layer for floor in ways.space.floors}
    return {name: ways.blocks(name) for name in sorted(names)}


def _hopes(master: "Master", opened: Floats) -> list[Floats]:
    """Return the plans after the swaps of most promise."""
    ways = Ways.of(master.space, opened, high=master.limits[1])
    known = known_after(ways, [master.goal, *(one.goal for one in master.held)])
    value = ways.after(master.goal, known)
    if value is None:
        value = _promised(master, ways)
    more = value - value[-1, -1]
    good = (more > master.goal.unit / 2) & ways.ruled() & (ways.spare(master.held, known) >= 0)
    row, column = np.nonzero(good)
    order = np.argsort(-more[row, column], kind="stable")[:_TRIED]
    return [ways.plan(int(row[k]), int(column[k])) for k in order]


def _ceiling(master: "Master", opened: Floats) -> float:
    """Return what a plan is not worth more than, where seats are dear to share out; or infinity."""
    goal, layers = master.goal, master.space.layers
    if goal.least or not has_seats(master):
        return np.inf
    own = 0.0 if goal.options is None else float(goal.options @ opened)
    return goal.offset + own + sum(
        weight * (layer.ceiling(opened) if isinstance(layer := layers[name], Seats)
                  else float(layer.values(opened).sum()))
        for name, weight in goal.layers.items()
    )  # fmt: skip


def _promised(master: "Master", ways: Ways) -> Floats:
    """Return what a goal is worth after each swap, at most, by the planes at the plan."""
    slope = np.zeros(ways.opened.size + 1)
    for name, weight in master.goal.layers.items():
        planes = master.space.layers[name].planes(ways.opened)
        whole = planes.slope.sum(axis=0) if planes.total is None else planes.total.slope
        slope[:-1] += weight * whole
    return ways.own(master.goal) - slope[ways.out][:, None] + slope[ways.into][None, :]


def has_seats(master: "Master") -> bool:
    """Return whether the goal counts a layer with seats."""
    return any(isinstance(master.space.layers[name], Seats) for name in master.goal.uses)
