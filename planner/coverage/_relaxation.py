"""The linear relaxation, solved: its bound and its point, and the multipliers that bear it out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from planner.coverage._highs import Answer
from planner.coverage._layers import Floats, Longs
from planner.coverage._space import Rule

if TYPE_CHECKING:
    from planner.coverage._master import Master

_NEAR = 1e-6  # of a block's worth: planes farther from the relaxation are left out at first


@dataclass(frozen=True, eq=False)
class Plane:
    """What one block of a layer is worth, at most, as a plane over the options; or all (None)."""

    block: int | None
    intercept: float
    slope: Floats
    price: Floats
    seats: Floats | None = None

    def at(self, opened: Floats) -> float:
        """Return what it says of some openings."""
        return self.intercept + float(self.slope @ opened)


@dataclass(eq=False)
class Pool:
    """The planes learnt so far, by layer; they hold for every question on the same layers."""

    planes: dict[str, list[Plane]] = field(default_factory=dict)
    rows_of: dict[str, list[slice]] = field(default_factory=dict)
    needed: dict[str, tuple[Floats, Longs]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Prices:
    """Multipliers that bear out a bound without the solver: hints for the certificate.

    Attributes
    ----------
    rules
        Of each rule, signed: above 0 for its upper limit.
    floors
        Of each block that must reach something.
    held
        Of the goals held, by name; of their parts where they are smallest parts.
    least
        Of the parts of the goal.
    rows
        By layer, the price of each of its rows.
    must
        By layer that must be served whole, of each of its needed rows.
    seats
        By layer whose seats are limited, the price of a seat at each option (0-1).
    covers
        Of the rows that rules imply: the rule, the options of the row, the price.
    """

    rules: Floats
    floors: Floats
    held: Mapping[str, Floats]
    least: Floats
    rows: Mapping[str, Floats]
    must: Mapping[str, Floats]
    must_point: Mapping[str, Longs]
    seats: Mapping[str, Floats]
    covers: tuple[tuple[Rule, Longs, float], ...]


@dataclass(eq=False)
class Relaxation:
    """The linear relaxation, solved: its bound, its point, its multipliers.

    Attributes
    ----------
    master
        The question.
    asked
        The last answer, with the duals of rows and columns.
    known
        The planes, in the order of their rows.
    places
        Rows of the planes, and of what rules imply.
    """

    master: "Master"
    asked: tuple[Answer, Floats, Floats]
    known: list[tuple[str, Plane]]
    places: tuple[list[int], list[int]]

    @property
    def bound(self) -> float:
        """What no plan exceeds."""
        return self.asked[0].bound

    @property
    def point(self) -> Floats:
        """Openings, fractional."""
        x = self.asked[0].x
        return np.zeros(0) if x is None else x[: self.master.space.options]

    @property
    def reduced_cost(self) -> Floats:
        """Of each option: what opening or closing it takes from the bound, signed."""
        return self.asked[2][: self.master.space.options]

    def limits(self, value: float, opened: Floats) -> tuple[Floats, Floats]:
        """Return the limits of the options in all plans of at least a value, one of them known.

        Opening an option that the relaxation leaves closed takes its reduced cost from the bound;
        where less is left than the value, no such plan opens it.
        """
        low, high = (limit.copy() for limit in self.master.limits)
        spare = self.bound - value + 1e-7 * abs(self.bound)
        high[(self.reduced_cost < -spare) & (opened < 0.5)] = 0.0  # noqa: PLR2004 - open or not
        low[(self.reduced_cost > spare) & (opened > 0.5)] = 1.0  # noqa: PLR2004 - open or not
        return low, high

    def near(self) -> Iterator[tuple[str, Plane]]:
        """Yield the planes that matter near the point."""
        x = self.asked[0].x
        if x is None:
            return
        for name, plane in self.known:
            believed = float(x[self.master.columns(name, plane.block)].sum())
            every = self.master.space.layers[name].most
            most = float(every.sum() if plane.block is None else every[plane.block])
            if plane.at(x[: plane.slope.size]) <= believed + _NEAR * max(1.0, most):
                yield name, plane

    def prices(self) -> Prices:
        """Return the multipliers of the rules, and the mean price of each row of each layer."""
        master = self.master
        _, dual, reduced = self.asked
        planes, implied = (
            np.append(dual, np.zeros(1))[np.minimum(np.array(at, np.int64), dual.size)]
            for at in self.places
        )
        at = master.space.matrix.shape[0]
        rules = dual[:at]

        def taken(size: int) -> Floats:
            nonlocal at
            at += size
            return dual[at - size : at]

        floors = taken(len(master.floors))
        held = {one.goal.name: taken(max(len(one.goal.least), 1)) for one in master.kept}
        least = taken(len(master.goal.least))
        must = {n: taken(len(master.pool.needed[n][0])) for n in sorted(master.full)}
        rows = {name: self._row_prices(name, planes, reduced) for name in master.layers}
        point = {n: master.pool.needed[n][1] for n in must}
        seats = {name: self._seat_prices(name, planes, reduced) for name in master.layers}
        seats = {name: price for name, price in seats.items() if price.any()}
        covers = tuple(
            (by, np.flatnonzero(row[: master.space.options]), float(price))
            for by, (row, *_), price in zip(
                master.implied_by, master.implied, implied, strict=False
            )  # the tree may have learnt more
            if price
        )
        return Prices(rules, floors, held, least, rows, must, point, seats, covers)

    def _seat_prices(self, name: str, dual: Floats, reduced: Floats) -> Floats:
        """Return the mean price of a seat at each option."""
        price = np.zeros(self.master.space.options)
        total = float(np.abs(reduced[self.master.columns(name, 0)]).sum())
        for (home, plane), m in zip(self.known, np.abs(dual), strict=False):
            if home == name and plane.block in {0, None}:
                total += m
                if plane.seats is not None:
                    price += m * plane.seats
        return price / total if total > 0 else price

    def _row_prices(self, name: str, dual: Floats, reduced: Floats) -> Floats:
        master = self.master
        layer = getattr(master.space.layers[name], "rows", master.space.layers[name])
        gain, pointer = getattr(layer, "gain", None), getattr(layer, "pointer", None)
        if gain is None or pointer is None:
            return np.zeros(0)
        top = gain[pointer[:-1]]  # no row is empty
        weight = np.abs(reduced[master.columns(name)])
        total = weight.copy()
        price = np.zeros(top.size)
        for block in np.flatnonzero(weight):
            here = master.rows_of(name)[int(block)]
            price[here] += weight[block] * top[here]
        for (home, plane), m in zip(self.known, np.abs(dual), strict=False):
            if home == name and m > 0 and plane.block is None:
                price += m * plane.price
                total += m
            elif home == name and m > 0 and plane.block is not None:
                price[master.rows_of(name)[plane.block]] += m * plane.price
                total[plane.block] += m
        count = np.repeat(total, [s.stop - s.start for s in master.rows_of(name)])
        return np.asarray(np.divide(price, count, out=top.copy(), where=count > 0))
