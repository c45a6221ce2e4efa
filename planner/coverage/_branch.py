"""Branch and bound of covering and p-median: Lagrangian bounds over ever smaller instances.

At each node the assignment of rows to sites is relaxed with multipliers ``u`` (Geoffrion 1974;
Cornuejols, Fisher & Nemhauser 1977): what a site then saves is a plain sum, and the best plan of p
sites is the p that save most. Sites whose reduced saving shows them in or out of every better plan
are fixed, rows and columns that have become equal or dominated go, and the search branches on the
site whose two sides, tried with a few steps each, raise the bound most.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from planner.coverage import _gains, _smaller

Floats: TypeAlias = NDArray[np.float64]
Marks: TypeAlias = NDArray[np.int8]
Arrays: TypeAlias = tuple[NDArray[np.generic], ...]

IN, OUT = 1, 2
_ROOT_STEPS, _ROOT_LENGTH = 600, 1.0
_NEXT_STEPS, _NEXT_LENGTH, _ROOT_SHORTEST = 100, 0.06, 0.02
_SHORTER, _WORTH = 0.6, 0.01  # shorten the steps unless they close so much of the gap
_NODE_STEPS, _NODE_LENGTH = 60, 0.08
_TRIED, _TRIAL_STEPS = 12, 24
_ROUNDS = 3
_FIRST_WORK, _NEXT_WORK, _PASSES, _KICKS = 1e7, 3e7, 200, 400  # entries local search reads
_SHALLOW, _OFTEN = 3, 4  # nodes from one local search to the next
_MANTISSA = 51  # bits within which all sums stay
MOST = 2.0**50  # of a sum of costs, times the number of sites


@dataclass(frozen=True)
class Instance:
    """A problem in whole numbers: `arrays` as in `_gains`, and what has been decided before it.

    Attributes
    ----------
    arrays
        Rows, caps, columns and own savings.
    const
        Cost of what is decided.
    sites
        How many may still open.
    u
        Multipliers, one a row.
    names
        Original position of each column.
    opened
        Original positions of the sites decided to be in.
    bound
        No plan of this instance costs less.
    depth
        Decisions above it.
    """

    arrays: Arrays
    const: float
    sites: int
    u: Floats
    names: NDArray[np.int32]
    opened: tuple[int, ...] = ()
    bound: float = 0.0
    depth: int = 0

    @classmethod
    def of(cls, arrays: Arrays, sites: int) -> "Instance":
        """Return a problem of which nothing is decided."""
        rows, columns = arrays[3].size, arrays[7].size
        return cls(arrays, 0.0, sites, np.zeros(rows), np.arange(columns, dtype=np.int32))

    @property
    def columns(self) -> int:
        """Number of sites still free."""
        return int(self.arrays[7].size)

    @property
    def magic(self) -> float:
        """The number whose addition and subtraction rounds to the grid of exact sums."""
        total = float(self.arrays[3].sum() + self.arrays[7].sum())
        most = total * (self.sites + 2) + abs(self.const) + 2
        return float(1.5 * 2.0 ** (52 - max(_MANTISSA - int(np.ceil(np.log2(most))), 0)))

    def smaller(self, state: Marks, room: float = np.inf) -> "Instance":
        """Return the instance with sites in or out, and without costs above `u` plus `room`."""
        out = _smaller.shrink(*self.arrays, self.const, self.u, state, room)
        opened = self.names[np.flatnonzero(state == IN)].tolist()
        return replace(
            self,
            arrays=out[:8],
            u=out[8],
            names=self.names[out[9]],
            const=out[10],
            sites=self.sites - len(opened),
            opened=(*self.opened, *opened),
        )

    def undominated(self) -> "Instance":
        """Return the instance without the sites that another serves for at least as well."""
        state = np.zeros(self.columns, np.int8)
        return self.smaller(state) if _smaller.dominated(*self.arrays, state) else self


@dataclass(frozen=True)
class Trials:
    """What a few steps gave for some sites: multipliers, bounds, the best plan met and its cost."""

    way: int
    u: Floats
    bound: Floats
    cost: Floats
    plan: Marks


@dataclass
class Search:
    """The best plan so far, what remains open, and what has been counted.

    Attributes
    ----------
    offset
        The user's value is ``abs(offset - cost)``; a relative gap is measured on it.
    gap
        Relative gap that is good enough.
    deadline
        When to stop, on the clock of `time.perf_counter`.
    least
        Smallest difference between two plans that counts.
    """

    offset: float
    gap: float
    deadline: float
    least: float = 1.0
    best: float = np.inf
    chosen: tuple[int, ...] = ()
    open: list[Instance] = field(default_factory=list)
    nodes: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    @property
    def enough(self) -> float:
        """A bound above this ends a branch."""
        if not self.best < np.inf:
            return np.inf
        return self.best - max(self.least, self.gap * abs(self.offset - self.best))

    @property
    def bound(self) -> float:
        """No plan at all costs less."""
        left = min((node.bound for node in self.open), default=np.inf)
        slack = self.best - self.enough
        return min(left, self.best if slack <= 1.0 else self.enough)

    def offer(self, cost: float, instance: Instance, chosen: Marks) -> None:
        """Keep a plan of an instance if it is the best."""
        if cost < self.best:
            self.best = cost
            picked = instance.names[np.flatnonzero(chosen)].tolist()
            self.chosen = tuple(sorted((*instance.opened, *picked)))

    def run(self, root: Instance) -> None:
        """Search until nothing is open, time is over or the user interrupts."""
        self.open = [root]
        try:
            node = self._root(root)
            self.open = [node] if node is not None else []
            while self.open and self._in_time():
                children = self._children(self.open[-1])
                self.open[-1:] = children
        except KeyboardInterrupt:
            self.deadline = -np.inf  # what is open stays open

    def _root(self, root: Instance) -> Instance | None:
        node = root.undominated()
        self.counts = {
            "rows": root.arrays[3].size,
            "dominated": root.columns - node.columns,
            "fixed": node.columns,
        }
        chosen = self._first_plan(node)
        node = replace(node, u=_gains.first_multipliers(*node.arrays[:4], chosen))
        found = self._converged(node, chosen)
        self.counts["fixed"] -= 0 if found is None else found.columns
        return found

    def _converged(self, node: Instance, chosen: Marks) -> Instance | None:
        """Return the root at the best bound that repeated, ever shorter steps find."""
        length, found = _NEXT_LENGTH, self._explore(node, _ROOT_STEPS, _ROOT_LENGTH)
        if found is not None:
            self._kicked(node, chosen, max(_NEXT_WORK, _PASSES * node.arrays[2].size))
        while found is not None and length > _ROOT_SHORTEST and self._in_time():
            before = found.bound
            found = self._explore(found, _NEXT_STEPS, length)
            if found is not None and found.bound < before + _WORTH * (self.best - before):
                length *= _SHORTER
        return found

    def _in_time(self) -> bool:
        return time.perf_counter() < self.deadline

    def _first_plan(self, node: Instance) -> Marks:
        """Return a plan by greedy choice and swaps, then by kicks and swaps."""
        chosen = np.zeros(node.columns, np.int8)
        self._improve(node, chosen)
        return self._kicked(node, chosen, _FIRST_WORK)

    def _kicked(self, node: Instance, chosen: Marks, most: float) -> Marks:
        """Return a plan that is as good or better, by kicks and swaps while so much is read."""
        (cost, work), kick = self._improve(node, chosen), 0
        while work < most and kick < _KICKS and self._in_time():
            kick += 1
            other = chosen.copy()
            value, read = self._improve(node, other, kick)
            work += read
            if value <= cost:
                cost, chosen = value, other
        return chosen

    def _improve(self, node: Instance, chosen: Marks, kick: int = 0) -> tuple[float, float]:
        cost, read = _gains.improve(*node.arrays, node.const, node.sites, chosen, kick)
        self.offer(cost, node, chosen)
        return cost, read + node.arrays[3].size

    def _ascend(
        self, node: Instance, steps: int, length: float
    ) -> tuple[Instance, Floats, Floats, Marks]:
        """Return the node at a better bound, reduced savings, the mean choice, the best choice."""
        rho, mean = np.empty(node.columns), np.zeros(node.columns)
        chosen, u = np.zeros(node.columns, np.int8), node.u.copy()
        bound, cost = _gains.ascend(
            *node.arrays, node.const, node.sites, u, self.best, self.enough, steps, length,
            node.magic, rho, mean, chosen,
        )  # fmt: skip
        self.offer(cost, node, chosen)
        return replace(node, u=u, bound=max(bound, node.bound)), rho, mean, chosen

    def _leaf(self, node: Instance) -> bool:
        """Count an instance that leaves no choice; say whether it was one."""
        if 0 < node.sites < node.columns:
            return False
        chosen = np.full(node.columns, node.sites > 0, np.int8)
        self._improve(node, chosen)
        return True

    def _explore(self, node: Instance, steps: int, length: float) -> Instance | None:
        """Return the node at a better bound with sites fixed, None if it is done with."""
        for turn in range(_ROUNDS):
            if self._leaf(node):
                return None
            node, rho, _, chosen = self._ascend(node, steps, length)
            if turn == 0 and node.bound <= self.enough and self._worth_a_swap(node):
                self._improve(node, chosen)
            if node.bound > self.enough:
                return None
            state, before = np.zeros(node.columns, np.int8), node.columns
            room = self.enough - node.bound
            if not _gains.settle(rho, node.sites, room, state):
                break
            node = node.smaller(state, room).undominated()
            if node.columns > 0.9 * before:
                break
            steps = max(steps // 2, _TRIAL_STEPS)
        return node

    def _worth_a_swap(self, node: Instance) -> bool:
        return node.depth < _SHALLOW or self.nodes % (4 * _OFTEN) == 0

    def _children(self, node: Instance) -> list[Instance]:
        """Return what is left to search of a node, the most promising last."""
        if node.bound > self.enough:
            return []
        self.nodes += 1
        found = self._explore(node, _NODE_STEPS, _NODE_LENGTH)
        while found is not None and not self._leaf(found):
            pair, found = self._split(found)
            if pair:
                return sorted(pair, key=lambda child: -child.bound)
        return []

    def _split(self, node: Instance) -> tuple[list[Instance], Instance | None]:
        """Try sites to branch on: return two sides, or the only instance that trials leave."""
        node, rho, mean, _ = self._ascend(node, _TRIAL_STEPS, _NODE_LENGTH)
        if node.bound > self.enough:
            return [], None
        if self.nodes % _OFTEN == 1:
            likely = np.zeros(node.columns, np.int8)
            likely[np.argsort(-mean, kind="stable")[: node.sites]] = 1
            self._improve(node, likely)
        score = mean * (1 - mean) * rho
        sites = np.argsort(-score, kind="stable")[: min(_TRIED, node.columns)].astype(np.int32)
        task = self.pool.submit(self._trials, node, sites, IN)
        outside, inside = self._trials(node, sites, OUT), task.result()
        for trials in (outside, inside):
            k = int(np.argmin(trials.cost))
            self.offer(float(trials.cost[k]), node, trials.plan[k])
        dead = [trials.bound > self.enough for trials in (outside, inside)]
        if (dead[0] & dead[1]).any():
            return [], None
        if dead[0].any() or dead[1].any():
            state = np.zeros(node.columns, np.int8)
            state[sites[dead[0]]], state[sites[dead[1]]] = IN, OUT
            if (state == IN).sum() > node.sites:
                return [], None
            return [], node.smaller(state).undominated()
        rise = [np.maximum(trials.bound - node.bound, 1e-3) for trials in (outside, inside)]
        k = int(np.argmax(rise[0] * rise[1]))
        return [self._side(node, int(sites[k]), t, k) for t in (outside, inside)], None

    def _trials(self, node: Instance, sites: NDArray[np.int32], way: int) -> "Trials":
        """Return what a few steps give with each of some sites in or out."""
        count = sites.size
        trials = Trials(
            way,
            np.empty((count, node.u.size)),
            np.empty(count),
            np.empty(count),
            np.zeros((count, node.columns), np.int8),
        )
        _gains.try_sites(
            *node.arrays, node.const, node.sites, node.u, sites, way, self.best, self.enough,
            _TRIAL_STEPS, _NODE_LENGTH, node.magic,
            trials.u, trials.bound, trials.cost, trials.plan,
        )  # fmt: skip
        return trials

    def _side(self, node: Instance, site: int, trials: "Trials", k: int) -> Instance:
        state = np.zeros(node.columns, np.int8)
        state[site] = trials.way
        bound = max(node.bound, float(trials.bound[k]))
        side = replace(node, u=trials.u[k].copy(), bound=bound, depth=node.depth + 1)
        return side.smaller(state).undominated()


def searched(
    instance: Instance,
    must: NDArray[np.int64],
    never: NDArray[np.int64],
    *,
    offset: float,
    gap: float,
    deadline: float,
) -> Search:
    """Return the finished search of an instance with sites that must or must not open."""
    state = np.zeros(instance.columns, np.int8)
    state[must], state[never] = IN, OUT
    search = Search(offset=offset, gap=gap, deadline=deadline)
    search.run(instance.smaller(state))
    return search
