r"""The exact search: a small program in what opens, that learns the layers by their planes.

To make a goal as large as possible, the worth of each block of each layer is one column
:math:`\theta`, and a plane :math:`\theta \le a + b^\top y` is added wherever the program believes
too much (Benders 1962; one column a block: Birge and Louveaux 1988). First on the linear
relaxation, between its point and a point that lags behind it (in-out separation, Ben-Ameur and
Neto 2007), then with whole openings, until the plan found is worth what the program promises.
Whole openings are always valued anew, from the layers themselves.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from planner._errors import Infeasible, TimeLimit
from planner.coverage._goals import Goal, Held, Part, part_of, worths
from planner.coverage._highs import Answer, Program
from planner.coverage._implied import covers, masses
from planner.coverage._layers import Floats, Rows, Total
from planner.coverage._relaxation import Plane, Pool, Prices, Relaxation
from planner.coverage._space import BlockFloor, Rule, Space
from planner.coverage._swaps import has_seats
from planner.coverage._tree import Tree, all_but

_SMALL = 1e-7  # of a block's worth: a plane that says no more is not added
_MOST_ROUNDS = 400
_LAG = 0.5
_FADING, _FADED = 4, 2e-4  # rounds in which planes of seats must lower the bound by a share
_ALMOST = 0.9  # of a unit: plans differ by whole units


@dataclass(frozen=True, eq=False)
class Found:
    """A plan, its value for the goal, and what no plan exceeds."""

    opened: Floats
    value: float
    bound: float
    proven: bool
    prices: Prices | None
    relaxed: float
    reduced_cost: Floats
    limits: tuple[Floats, Floats]
    interrupted: bool = False


class Master:
    """One question: a goal, goals held, and the program that answers it."""

    def __init__(
        self,
        space: Space,
        goal: Goal,
        held: Sequence[Held],
        pool: Pool,
        *,
        deadline: float,
        limits: tuple[Floats, Floats] | None = None,
    ) -> None:
        """Lay out the columns: options, blocks of the layers in use, the smallest part."""
        self.space, self.goal, self.held, self.pool = space, goal, tuple(held), pool
        self.deadline = deadline
        self.limits = limits or (np.zeros(space.options), np.ones(space.options))
        self.full: dict[str, Rows] = {
            name: layer
            for one in held
            for name, layer in _all_of(one, space).items()
            if name not in goal.uses
        }
        self.floors = [
            floor
            for floor in space.floors
            if floor.layer not in self.full or not _kept_by_all(floor, space)
        ]
        self.kept = [one for one in held if not _all_of(one, space).keys() & self.full.keys()]
        names = {*goal.uses, *(floor.layer for floor in self.floors)}
        names |= {name for one in self.kept for name in one.goal.uses}
        self.layers = tuple(sorted(names))
        self.start: dict[str, int] = {}
        width = space.options
        for name in self.layers:
            self.start[name] = width
            width += space.layers[name].most.size
        self.smallest = width
        self.width = width + bool(goal.least)
        self.best: tuple[float, Floats] | None = None
        self.least = -np.inf  # only plans worth more are looked for
        self.implied: list[tuple[Floats, float, float]] = []  # rows that rules imply
        self.implied_by: list[Rule] = []
        self.without: list[Floats] = []  # plans that are ruled out

    # The program

    def _gain(self, goal: Goal) -> Floats:
        """Return a goal that is a sum as a row over the columns."""
        row = np.zeros(self.width)
        if goal.options is not None:
            row[: self.space.options] = goal.options
        for name, weight in goal.layers.items():
            row[self.columns(name)] += weight
        return row

    def columns(self, name: str, block: int | None = None) -> slice:
        """Return the columns of a layer, or of one of its blocks."""
        first = self.start[name]
        if block is not None:
            return slice(first + block, first + block + 1)
        return slice(first, first + self.space.layers[name].most.size)

    def _part(self, part: Part) -> Floats:
        row = np.zeros(self.width)
        row[self.columns(part.layer, part.block)] = 1.0 / part.scale
        return row

    def _fixed_rows(self) -> list[tuple[Floats, float, float]]:
        """Floors of blocks, goals held, parts of the goal: in the order that prices are read."""
        rows = []
        for floor in self.floors:
            row = self._part(Part(floor.layer, floor.block, 1.0))
            rows.append((row, floor.value - self.space.layers[floor.layer].unit / 2, np.inf))
        for one in self.kept:
            least = one.value - one.goal.unit / 2
            if one.goal.least:
                rows += [(self._part(part), least, np.inf) for part in one.goal.least]
            else:
                rows.append((self._gain(one.goal), least, np.inf))
        for part in self.goal.least:
            row = self._part(part)
            row[self.smallest] = -1.0
            rows.append((row, 0.0, np.inf))
        return rows

    def program(self, planes: Sequence[tuple[Floats, float, float]]) -> Program:
        """Return the program with the rows of some planes."""
        gain = self._gain(self.goal)
        high = np.ones(self.width)
        low = np.zeros(self.width)
        low[: self.space.options], high[: self.space.options] = self.limits
        for name in self.layers:
            high[self.columns(name)] = self.space.layers[name].most
        if self.goal.least:
            gain[self.smallest] = 1.0
            high[self.smallest] = max(
                float(high[self.columns(part.layer, part.block)].sum()) / part.scale
                for part in self.goal.least
            )
        space = self.space
        pad = sp.csr_array((space.matrix.shape[0], self.width - space.options))
        rules = sp.csr_array(sp.hstack((space.matrix, pad), format="csr"))
        program = Program(
            gain, rules, (space.lower, space.upper), (low, high), offset=self.goal.offset
        )
        program.add(self._fixed_rows())
        for name in sorted(self.full):
            program.add(self._whole_rows(name))
        program.add(self.implied)
        program.add(planes)
        program.add([all_but(other, self.width) for other in self.without])
        return program

    def _whole_rows(self, name: str) -> list[tuple[Floats, float, float]]:
        """Return the rows that say that every row of a layer is served."""
        if name not in self.pool.needed:
            self.pool.needed[name] = self.full[name].needed()
        served, _ = self.pool.needed[name]
        rows = np.zeros((len(served), self.width))
        rows[:, : self.space.options] = served
        return [(row, 1.0, np.inf) for row in rows]

    def program_of(self, planes: Sequence[tuple[str, Plane]]) -> Program:
        """Return the program with some planes."""
        return self.program([self.row(*one) for one in planes])

    def row(self, name: str, plane: Plane) -> tuple[Floats, float, float]:
        """Return a plane of a layer as a row of the program, with its limits."""
        row = np.zeros(self.width)
        row[: self.space.options] = -plane.slope
        row[self.columns(name, plane.block)] = 1.0
        return row, -np.inf, plane.intercept

    # Learning

    def learn(self, opened: Floats, believed: Floats | None) -> list[tuple[str, Plane]]:
        """Return planes at some openings that the program does not know: all, or those it needs."""
        fresh = []
        for name in self.layers:
            layer = self.space.layers[name]
            found = layer.planes(opened)
            theta = None if believed is None else believed[self.columns(name)]
            for block in range(found.value.size):
                slack = _SMALL * max(1.0, found.value[block])
                if theta is None or theta[block] > found.value[block] + slack:
                    slope = found.slope[block]
                    price = found.price[self.rows_of(name)[block]]
                    plane = Plane(block, float(found.intercept[block]), slope, price)
                    self.pool.planes.setdefault(name, []).append(plane)
                    fresh.append((name, plane))
            if found.total is not None:
                fresh += self._together(name, found.total, believed)
        return fresh

    def _together(
        self, name: str, found: Total, believed: Floats | None
    ) -> list[tuple[str, Plane]]:
        """Return the plane over all blocks of a layer, if the program does not know it."""
        plane = Plane(None, found.intercept, found.slope, found.price, found.seats)
        if believed is not None:
            says = plane.at(believed[: self.space.options])
            if believed[self.columns(name)].sum() <= says + _SMALL * max(1.0, says):
                return []
        self.pool.planes.setdefault(name, []).append(plane)
        return [(name, plane)]

    def rows_of(self, name: str) -> list[slice]:
        """Return the rows of each block of a layer."""
        if name not in self.pool.rows_of:
            layer = self.space.layers[name]
            homes = getattr(layer, "block", np.zeros(0, np.int32))
            edges = np.searchsorted(homes, np.arange(layer.most.size + 1))
            self.pool.rows_of[name] = [slice(int(a), int(b)) for a, b in pairwise(edges)]
        return self.pool.rows_of[name]

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.deadline - time.perf_counter()

    def relax(self) -> Relaxation:
        """Solve the linear relaxation, learning planes until they say no more."""
        known = [(n, p) for n in self.layers for p in self.pool.planes.get(n, ())]
        program = self.program([self.row(*one) for one in known])
        lagging: Floats | None = None
        last: tuple[Answer, Floats, Floats] | None = None
        first = program.rows - len(known) - len(self.without)
        planes_at, implied_at = list(range(first, first + len(known))), list[int]()
        bounds: list[float] = []
        for _ in range(_MOST_ROUNDS):
            asked = program.relaxed(seconds=max(self.left(), 0.1))
            answer = asked[0]
            if answer.infeasible:
                raise Infeasible("no plan satisfies all the rules of the scenario.")
            if answer.x is None or not answer.finished:
                break
            last = asked
            bounds.append(answer.bound)
            here = answer.x[: self.space.options].clip(0.0, 1.0)
            lagging = here if lagging is None else _LAG * lagging + (1 - _LAG) * here
            fresh = self.learn(_LAG * lagging + (1 - _LAG) * here, answer.x)
            violated = self.learn(here, answer.x)
            known += fresh + violated
            planes_at += range(program.rows, program.rows + len(fresh) + len(violated))
            program.add([self.row(*one) for one in fresh + violated])
            needed = [] if violated else [*covers(self, here), *masses(self, here)]
            implied_at += range(program.rows, program.rows + len(needed))
            program.add(needed)
            if not (violated or needed) or self.left() <= 0 or self._fades(bounds):
                break
        if last is None:
            raise TimeLimit("time ran out before a first plan was found; raise time_limit_s.")
        return Relaxation(self, last, known, (planes_at, implied_at))

    def _fades(self, bounds: Sequence[float]) -> bool:
        """Return whether planes of seats hardly lower the bound: whole openings then teach more."""
        if len(bounds) <= _FADING or not has_seats(self):
            return False
        return bounds[-1 - _FADING] - bounds[-1] <= _FADED * abs(bounds[-1])

    # Whole openings

    def offer(self, opened: Floats) -> bool:
        """Take a plan as the best so far when it is allowed and better; say whether it is."""
        opened = np.rint(opened)
        if any((opened == other).all() for other in self.without):
            return False
        reached = self.space.matrix @ opened
        if (reached > self.space.upper + 1e-6).any() or (reached < self.space.lower - 1e-6).any():
            return False
        worth = worths(self.space.layers, [*self.layers, *self.full], opened)
        for floor in self.space.floors:
            unit = self.space.layers[floor.layer].unit
            if worth[floor.layer][floor.block] < floor.value - unit / 4:
                return False
        if self.space.mass is not None and self.space.mass.short(opened).size:
            return False
        for one in self.held:
            if one.goal.value(opened, worth) < one.value - one.goal.unit / 4:
                return False
        value = self.goal.value(opened, worth)
        if value >= self.least and (self.best is None or value > self.best[0]):
            self.best = (value, opened)
        return True

    def point(self, opened: Floats) -> Floats:
        """Return a plan as a point of the program."""
        worth = worths(self.space.layers, self.layers, opened)
        point = np.zeros(self.width)
        point[: self.space.options] = opened
        for name in self.layers:
            point[self.columns(name)] = worth[name]
        if self.goal.least:
            point[self.smallest] = min(part_of(p, worth) / p.scale for p in self.goal.least)
        return point

    def enough(self, gap: float) -> float:
        """Return the bound below which no plan is better than the best by what was asked."""
        if self.best is None:
            return self.least
        return self.best[0] + max(_ALMOST * self.goal.unit, gap * abs(self.best[0]))


def maximise(
    space: Space,
    goal: Goal,
    *,
    pool: Pool,
    deadline: float,
    held: Sequence[Held] = (),
    start: Sequence[Floats] = (),
    limits: tuple[Floats, Floats] | None = None,
    gap: float = 0.0,
) -> Found:
    """Make a goal as large as possible over all plans of a space.

    Parameters
    ----------
    space
        Options, rules, layers.
    goal
        What to maximise.
    pool
        Planes known, and learnt here.
    deadline
        On the clock of :func:`time.perf_counter`.
    held
        Goals that must not fall below their values.
    start
        Plans known; those that are not allowed are passed over.
    limits
        Of the options, where goals held exclude some: what an earlier question found.
    gap
        Relative distance of bound and value that is good enough; 0 for a proof.

    Returns
    -------
    Found
        The best plan, valued anew.

    Raises
    ------
    Infeasible
        When no plan satisfies the rules.
    TimeLimit
        When time ran out before a first plan.
    """
    master = Master(space, goal, held, pool, deadline=deadline, limits=limits)
    for opened in start:
        master.offer(opened)
    try:
        relaxation = master.relax()
    except (TimeLimit, KeyboardInterrupt) as stop:
        if master.best is None:
            raise
        return _unsearched(master, interrupted=isinstance(stop, KeyboardInterrupt))
    tree = Tree(master, relaxation, gap=gap)
    bound = tree.search()
    if master.best is None:
        if tree.interrupted:
            raise KeyboardInterrupt
        if bound == -np.inf:
            raise Infeasible("no plan satisfies all the rules of the scenario.")
        raise TimeLimit("time ran out before a first plan was found; raise time_limit_s.")
    value, opened = master.best
    proven = bound < value + _ALMOST * goal.unit
    return Found(
        opened=opened,
        value=value,
        bound=value if proven else _rounded(max(bound, value), goal.unit),
        proven=proven,
        prices=relaxation.prices(),
        relaxed=relaxation.bound,
        reduced_cost=relaxation.reduced_cost,
        limits=tree.limits,
        interrupted=tree.interrupted,
    )


def _unsearched(master: Master, *, interrupted: bool) -> Found:
    """Return the best of the plans known, when there was no time for a bound."""
    value, opened = master.best or (0.0, np.zeros(master.space.options))
    return Found(
        opened, value, np.inf, proven=False, prices=None, relaxed=np.inf,
        reduced_cost=np.zeros(master.space.options), limits=master.limits, interrupted=interrupted,
    )  # fmt: skip


def is_alone(
    space: Space,
    goal: Goal,
    opened: Floats,
    *,
    pool: Pool,
    deadline: float,
    held: Sequence[Held] = (),
    limits: tuple[Floats, Floats] | None = None,
) -> bool:
    """Return whether no other plan is worth as much as one that is optimal.

    Parameters
    ----------
    space, goal, pool, deadline, held, limits
        As :func:`maximise`, after it.
    opened
        The optimal plan.

    Returns
    -------
    bool
        False also when it could not be shown in time.

    Raises
    ------
    KeyboardInterrupt
        When the user stops it.
    """
    master = Master(space, goal, held, pool, deadline=deadline, limits=limits)
    master.without.append(opened)
    value = goal.value(opened, worths(space.layers, goal.uses, opened))
    master.least = value - goal.unit / 2
    try:
        relaxation = master.relax()
    except Infeasible:
        return True
    except TimeLimit:
        return False
    tree = Tree(master, relaxation, gap=0.0)
    bound = tree.search()
    if tree.interrupted:
        raise KeyboardInterrupt
    return master.best is None and bound < value - goal.unit / 2


def _all_of(held: Held, space: Space) -> dict[str, Rows]:
    """Return the layer that a goal held asks all of, by its name, or nothing."""
    goal = held.goal
    if goal.options is not None or goal.least or list(goal.layers.values()) != [1.0]:
        return {}
    (name,) = goal.layers
    layer = space.layers[name]
    if not isinstance(layer, Rows) or abs(held.value - layer.most.sum()) > layer.unit / 2:
        return {}  # less than all of it, or more than it can be
    return {name: layer}


def _kept_by_all(floor: BlockFloor, space: Space) -> bool:
    """Return whether a block reaches what is asked of it where its layer is worth all it can be."""
    layer = space.layers[floor.layer]
    return bool(layer.most[floor.block] > floor.value - layer.unit / 2)


def _rounded(bound: float, unit: float) -> float:
    """Return a bound in whole units, never below what it was."""
    return float(np.ceil(bound / unit - 0.5) * unit)


__all__ = ["Found", "Held", "Master", "Pool", "Prices", "Rule", "maximise"]
