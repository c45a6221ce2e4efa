r"""Branch and bound on whole openings, each node the small program of planes, warm from the last.

At a node the program is solved, planes are learnt where it believes too much, and options whose
reduced cost alone would bring the bound below the best plan are fixed. What is left fractional is
branched on: by what earlier branches on the same option took from the bound, and for an option
not yet known by trying both ways (reliability branching, Achterberg, Koch, Martin 2005). A way that
cannot be better closes at once.
"""

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.coverage._implied import masses
from planner.coverage._layers import Floats
from planner.coverage._swaps import swap

if TYPE_CHECKING:
    from planner.coverage._master import Master
    from planner.coverage._relaxation import Relaxation

_WHOLE = 1e-6
_ROUNDS = 4  # of learning at a node, while openings are fractional
_MOST_ROUNDS = 200  # while they are whole
_TRIED = 6  # options tried both ways at a node, at most
_ALMOST = 0.9  # open enough to be rounded in a dive
_DIVE = 60
_UP = 0.3  # open enough to be tried open first
_MOST_NODES = 1_000_000


@dataclass(frozen=True, eq=False)
class Node:
    """Limits of the options, and the bound of the node they came from."""

    low: Floats
    high: Floats
    bound: float


@dataclass(frozen=True, eq=False)
class Solved:
    """A node's program: its bound, its openings, and the limits after fixing."""

    bound: float
    opened: Floats
    low: Floats
    high: Floats


class Tree:
    """The search of one question."""

    def __init__(self, master: "Master", relaxation: "Relaxation", *, gap: float) -> None:
        """Start from the relaxation."""
        self.master, self.relaxation, self.gap = master, relaxation, gap
        self.options = master.space.options
        self.program = master.program_of(list(relaxation.near()))
        self.drop: list[dict[int, list[float]]] = [{}, {}]  # by way: option → falls of the bound
        self.nodes = 0
        self.interrupted = False
        self.limits = master.limits
        self._open: list[tuple[float, int, Node]] = []
        self._count = 0
        self._now: Node | None = None  # were the user to stop it now, it would still be open
        self._closed = -np.inf  # the largest bound of the nodes closed as good enough
        self._met: set[bytes] = set()  # whole openings that planes were learnt at

    def search(self) -> float:
        """Search until nothing open is better than the best plan; return the bound."""
        low, high = self.master.limits
        self._push(Node(low, high, self.relaxation.bound))
        try:
            self._dive()
            swapped = -np.inf
            while self._open and self.nodes < _MOST_NODES and self.master.left() > 0:
                if self.master.best is not None and self.master.best[0] > swapped:
                    self._swap()
                    swapped = self.master.best[0]
                self._now = self._open[0][-1]
                heapq.heappop(self._open)
                self._plunge()
        except KeyboardInterrupt:
            self.interrupted = True
        best = self.master.best
        if best is not None:
            self.limits = self.relaxation.limits(best[0] - self.master.goal.unit / 2, best[1])
        left = max((-key for key, *_ in self._open), default=-np.inf)
        left = left if self._now is None else max(left, self._now.bound)
        bound = max(left, self._closed, -np.inf if best is None else best[0])
        return min(bound, self.relaxation.bound)

    def _dive(self) -> None:
        """Follow the relaxation to a first plan, rounding what is nearly whole and the largest.

        Where that leaves no plan, the last option rounded is closed instead.
        """
        low, high = (limit.copy() for limit in self.master.limits)
        last: tuple[Floats, Floats, int] | None = None
        for _ in range(_DIVE):
            solved = self._solve(Node(low, high, np.inf))
            if self.master.left() <= 0 and self.master.best is not None:
                return
            if solved is None:
                if last is None:
                    return
                low, high, largest = last[0].copy(), last[1].copy(), last[2]
                high[largest], last = 0.0, None
                continue
            low, high = solved.low.copy(), solved.high.copy()
            loose = (low < high) & (solved.opened > _WHOLE)
            if not loose.any():
                return
            largest = int(np.argmax(np.where(loose, solved.opened, -1.0)))
            last = low.copy(), high.copy(), largest
            low[loose & (solved.opened > _ALMOST)] = 1.0
            low[largest] = 1.0

    def _swap(self) -> None:
        """Better the best plan by swaps, unless it is good enough."""
        if self.relaxation.bound >= self.master.enough(self.gap):
            swap(self.master, until=self.master.left() / 2)

    def _push(self, node: Node) -> None:
        heapq.heappush(self._open, (-node.bound, self._count, node))
        self._count += 1

    def _plunge(self) -> None:
        """Follow one way down until it closes; the other ways wait."""
        while self._now is not None and self.master.left() > 0:
            if self._now.bound < self.master.enough(self.gap):
                self._closed = max(self._closed, self._now.bound)
                self._now = None
            else:
                self._now = self._branch(self._now)

    def _branch(self, node: Node) -> Node | None:
        """Solve a node; push one way, return the other; None when it closes."""
        self.nodes += 1
        solved = self._solve(node)
        option, solved = (None, None) if solved is None else self._choose(solved)
        if solved is None:
            return None
        if (solved.low == solved.high).all():
            self.master.offer(solved.low)
            return None
        if self.master.left() <= 0:
            return Node(solved.low, solved.high, solved.bound)
        if option is None:  # whole, yet not decided: the program was solved too roughly
            option = int(np.argmax(solved.low < solved.high))
        ways = []
        for way in (0.0, 1.0):
            low, high = solved.low.copy(), solved.high.copy()
            low[option] = high[option] = way
            ways.append(Node(low, high, solved.bound))
        up = solved.opened[option] > _UP
        self._push(ways[0] if up else ways[1])
        return ways[1] if up else ways[0]

    def _solve(self, node: Node) -> Solved | None:
        """Return a node's program solved, or None when nothing in it can be better."""
        master = self.master
        self.program.confine(node.low, node.high)
        rounds = 0
        while True:
            answer, _, reduced = self.program.relaxed(seconds=max(master.left(), 1.0))
            if answer.infeasible:
                return None
            if answer.x is None or not answer.finished:
                return Solved(node.bound, (node.low + node.high) / 2, node.low, node.high)
            bound = min(answer.bound, node.bound)
            opened = answer.x[: self.options].clip(0.0, 1.0)
            whole = bool((np.abs(opened - np.rint(opened)) < _WHOLE).all())
            here = np.rint(opened) if whole else opened
            if whole:
                master.offer(here)
                self._fill(here)
            if bound < master.enough(self.gap):
                self._closed = max(self._closed, bound)
                return None
            fresh = [master.row(*one) for one in master.learn(here, answer.x)]
            fresh += masses(master, here)
            self.program.add(fresh)
            if whole and (not fresh or here.tobytes() in self._met):
                self.program.add([all_but(here, master.width)])  # it is valued: look elsewhere
            elif not fresh:
                break
            if whole:
                self._met.add(here.tobytes())
            rounds += 1
            if rounds >= (_MOST_ROUNDS if whole else _ROUNDS) or master.left() <= 0:
                break
        low, high = self._fixed(
            node.low, node.high, answer.bound, price=reduced[: self.options], opened=opened
        )
        return Solved(bound, opened, low, high)

    def _fill(self, opened: Floats) -> None:
        """Offer a plan without the sites that have too few users."""
        space = self.master.space
        if space.mass is not None:
            plan = space.mass.filled(opened, space.matrix, space.lower)
            if plan is not None:
                self.master.offer(plan)

    def _fixed(
        self, low: Floats, high: Floats, bound: float, *, price: Floats, opened: Floats
    ) -> tuple[Floats, Floats]:
        """Fix options that would take more from the bound than it has over the best plan."""
        spare = bound - self.master.enough(0.0)
        if not np.isfinite(spare):
            return low, high
        spare += 1e-7 * abs(bound)
        out = (price < -spare) & (opened < _WHOLE) & (low < high)
        into = (price > spare) & (opened > 1 - _WHOLE) & (low < high)
        return np.where(into, 1.0, low), np.where(out, 0.0, high)

    def _choose(self, solved: Solved) -> tuple[int | None, Solved | None]:
        """Return the option to branch on; options are fixed where one way closes."""
        here: Solved | None = solved
        while here is not None:
            part = np.minimum(here.opened, 1 - here.opened)
            loose = np.flatnonzero((part >= _WHOLE) & (here.low < here.high))
            order = [int(option) for option in loose[np.argsort(-part[loose], kind="stable")]]
            unknown = [o for o in order if not all(o in drop for drop in self.drop)]
            for option in unknown[:_TRIED]:
                shut = [bound < self.master.enough(self.gap) for bound in self._both(here, option)]
                if all(shut):
                    return None, None
                if any(shut):
                    low, high = here.low.copy(), here.high.copy()
                    low[option] = high[option] = float(shut.index(False))
                    here = self._solve(Node(low, high, here.bound))
                    break
            else:
                return max(order, key=lambda o: self._score(o, here.opened), default=None), here
        return None, None

    def _both(self, solved: Solved, option: int) -> tuple[float, float]:
        """Return the bounds with an option closed and open, and learn what either takes."""
        bounds = []
        for way in (0, 1):
            low, high = solved.low.copy(), solved.high.copy()
            low[option] = high[option] = float(way)
            self.program.confine(low, high)
            answer, *_ = self.program.relaxed(seconds=max(self.master.left(), 1.0))
            bound = -np.inf if answer.infeasible else min(answer.bound, solved.bound)
            if not answer.infeasible:
                share = solved.opened[option] if way == 0 else 1 - solved.opened[option]
                self.drop[way].setdefault(option, []).append((solved.bound - bound) / share)
            if bound < self.master.enough(self.gap):
                self._closed = max(self._closed, bound)
            bounds.append(bound)
        return bounds[0], bounds[1]

    def _score(self, option: int, opened: Floats) -> float:
        """Return how much branching on an option is likely to take, both ways."""
        share = opened[option]
        down, up = (
            float(np.mean(drop[option])) * part if option in drop else 0.0
            for drop, part in zip(self.drop, (share, 1 - share), strict=True)
        )
        return float(max(down, 1e-9) * max(up, 1e-9) + 1e-30 * min(share, 1 - share))


def all_but(opened: Floats, width: int) -> tuple[Floats, float, float]:
    """Return the row that rules out one plan and no other."""
    row = np.zeros(width)
    row[: opened.size] = np.where(opened > 0, 1.0, -1.0)
    return row, -np.inf, float(opened.sum()) - 1.0
