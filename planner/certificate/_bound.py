r"""What no plan exceeds, by Lagrangian duality, in whole numbers from end to end.

A goal is :math:`\sum_j c_j y_j + \sum_l \kappa_l \sum_i v_{li}(y)`, where a point is worth the
gain of its best open option. For **any** prices :math:`0 \le \lambda_{li} \le \max_j g_{lij}` and
**any** multipliers :math:`\mu, \varphi, \nu, \beta \ge 0` of the rules :math:`R y \le u`, of the
goals :math:`H_h(y) \ge V_h` that come first, of the communes' shares
:math:`M_c(y) \ge F_c` and of the points that must be served (:math:`\sum_j a_{ij} y_j \ge 1`), no
plan is worth more than

.. math::

    \sum_r \mu_r u_r - \sum_h \varphi_h V_h - \sum_c \nu_c F_c - \sum_i \beta_i
    + \sum_{l,i} \kappa_{l,c(i)} \lambda_{li}
    + \sum_s \max_{j \in s} \Bigl(c_j - \sum_r \mu_r R_{rj} + \sum_i \beta_i a_{ij}
    + \sum_{l,i} \kappa_{l,c(i)} \max(0, g_{lij} - \lambda_{li})\Bigr)

where :math:`\kappa_{l,c}` gathers what the layer counts for in the goal, in the goals held and in
the shares of commune :math:`c`, and the last sum runs over sites, of which one option opens, or
none where it may stay closed (Geoffrion 1974; Galvão and ReVelle 1996). Three layers differ:

- a second site adds :math:`\rho_i` to a point of gain :math:`g_i`: with
  :math:`s = g_i - \lambda_i`, it is worth at most
  :math:`\lambda_i + \max(0, \rho_i - s) + s \sum_j a_{ij} y_j`;
- a site that seats no more than so many users is left less (:mod:`planner.certificate._seats`);
- the smallest of some shares :math:`M_c / P_c` is at most
  :math:`\sum_c t_c M_c / \sum_c t_c P_c`, for any weights :math:`t`.

The multipliers are the solver's hints. Each is made a whole number first, so wrong ones cost
tightness, never truth. An option whose opening would bring the bound below the value of the plan
is closed in every plan as good: the goals that follow count on that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from planner.candidates import TIERS
from planner.certificate._limits import Limits, least_covered
from planner.certificate._planes import Choices, Plane, below
from planner.certificate._seats import left_where_seated
from planner.certificate._space import Floats, Goal, Ints, Layer, Longs, Space, worst
from planner.rules import RESIDENT_UNIT, Hints

Big = np.ndarray[tuple[int], np.dtype[np.object_]]  # whole numbers of any size

_SHIFT = 60  # multipliers are whole multiples of 2**-60
_BLIND = 1 << 121  # one unit of a goal without hints
_MOST = 1e15  # of a multiplier
_BITS = 61  # of the sums that must fit in 64 bits


@dataclass(frozen=True, eq=False)
class Held:
    """A goal that other plans must reach too, and its value in units."""

    goal: Goal
    value: int | Fraction

    @property
    def least(self) -> Fraction:
        """What any plan as good is worth, at least."""
        return self.value - self.goal.loose

    def floor(self, people: int) -> int:
        """Return how many residents of a commune must be covered, when the goal is fair."""
        return max(0, math.ceil(self.least * people / self.goal.per))


@dataclass(frozen=True, eq=False)
class Whole:
    """A layer of which every point has all it can have in any plan as good."""

    name: str
    points: Longs
    serves: sp.csr_array  # these points × candidates
    rank: int | None


@dataclass(eq=False)
class Lagrangian:
    """One bound in the making: a constant, what each option and each layer counts.

    Attributes
    ----------
    limits
        Options and rules.
    unit
        Of the goal: hints are in residents, users, euros.
    constant, worth
        Multiples of ``2 ** -60`` units of the goal; of each option.
    counts
        By layer, of each commune: units of the goal for a unit of the layer.
    scale
        What one unit of the goal is.
    """

    limits: Limits
    unit: float
    constant: int = 0
    worth: list[int] = field(default_factory=list)
    counts: dict[str, list[int]] = field(default_factory=dict)
    scale: int = 1 << _SHIFT

    @property
    def space(self) -> Space:
        """Options, layers, people."""
        return self.limits.space

    def multiplier(self, hint: float, per: float = 1.0) -> int:
        """Return a hint as a whole number, 0 or more; `per` is the unit of what it multiplies."""
        value = abs(float(hint)) * per / self.unit
        return int(math.ldexp(min(value, _MOST), _SHIFT)) if math.isfinite(value) else 0

    def count(self, layer: str, weight: int, commune: int | None = None) -> None:
        """Count a layer, in one commune or in all."""
        number = len(self.space.communes)
        counts = self.counts.setdefault(layer, [0] * number)
        for at in range(number) if commune is None else (commune,):
            counts[at] += weight

    def add(self, goal: Goal, weight: int) -> None:
        """Add a goal that is a sum, some times."""
        if not weight:
            return
        self.constant += weight * goal.offset
        if goal.layer is not None:
            self.count(goal.layer, weight)
        if goal.options is not None:
            self.subtract(-goal.options, weight)

    def subtract(self, row: Longs, weight: int) -> None:
        """Subtract a row over the options, some times."""
        for option in np.flatnonzero(row).tolist():
            self.worth[option] -= weight * int(row[option])

    def made(
        self, goal: Goal, hints: Hints, held: Sequence[Held], whole: Sequence[Whole]
    ) -> tuple[Plane, int]:
        """Return what a plan is worth at most, as a plane, and what one unit of the goal is."""
        self.aim(goal, hints)
        self.obey(hints)
        for one in held:
            self.keep(one, hints.held.get(one.goal.name, ()))
        return self.bound(hints, whole)

    def aim(self, goal: Goal, hints: Hints) -> None:
        """Set the goal itself."""
        self.worth = [0] * self.space.site.size
        if not goal.fair:
            self.add(goal, self.scale)
            return
        people = {name: int(self.space.people[at]) for at, name in enumerate(self.space.communes)}
        weights = {
            name: self.multiplier(hints.least.get(name, 0.0), per=goal.unit)
            for name, number in people.items()
            if number > 0
        }
        if not any(weights.values()):
            weights = dict.fromkeys(weights, 1 << _SHIFT)
        self.scale = 0 if weights else self.scale
        for at, name in enumerate(self.space.communes):
            if weight := weights.get(name, 0):
                each = max(weight // people[name], 1)
                self.count("mesh", each * goal.per, at)
                self.scale += each * people[name]

    def obey(self, hints: Hints) -> None:
        """Price the rules on what opens, and the residents that rules ask to cover."""
        for (kind, subject), hint in hints.rules.items():
            found = self.limits.row(kind, subject)
            weight = self.multiplier(hint)
            if found is not None and weight:
                row, limit = found
                self.subtract(row, weight)
                self.constant += weight * limit
        rules, people = self.space.rules, self.space.people
        if rules.commune_share_min > 0:
            for at, name in enumerate(self.space.communes):
                weight = self.multiplier(hints.communes.get(name, 0.0), per=RESIDENT_UNIT)
                self._cover(at, weight, least_covered(int(people[at]), rules.commune_share_min))

    def keep(self, held: Held, hint: Sequence[float]) -> None:
        """Price a goal that comes first."""
        space, goal = self.space, held.goal
        if not goal.fair:
            weight = self.multiplier(hint[0] if len(hint) else 0.0, per=goal.unit)
            self.add(goal, weight)
            self.constant -= weight * math.floor(held.least)
            return
        lived = np.flatnonzero(space.people > 0).tolist()
        for at, one in zip(lived, hint, strict=False):
            people = int(space.people[at])
            self._cover(at, self.multiplier(one) // people, held.floor(people))

    def _cover(self, commune: int, weight: int, least: int) -> None:
        if weight:
            self.count("mesh", weight, commune)
            self.constant -= weight * least

    def bound(self, hints: Hints, whole: Sequence[Whole]) -> tuple[Plane, int]:
        """Return what a plan is worth at most, as a plane, and what one unit of the goal is."""
        layers = {name: self.space.layers[name] for name, each in self.counts.items() if any(each)}
        shift = _BITS - max((one.most.bit_length() for one in layers.values()), default=0)
        total = self.constant << shift
        worth: Big = np.array([value << shift for value in self.worth], object)
        for name, layer in layers.items():
            price = _prices(layer, hints.points.get(name), shift)
            paid, left = self._priced(name, layer, price, shift)
            total += paid
            self._give(worth, left, layer.rank)
        for one in whole:
            hint = _finite(hints.must.get(one.name), self.space.residents.size, missing=0.0)
            paid, left = _demanded(one, np.abs(hint[one.points]) / self.unit, shift)
            total -= paid
            self._give(worth, left[self.space.site], one.rank)
        return Plane(total, worth.tolist()), self.scale << shift

    def _give(self, worth: Big, left: Big, rank: int | None) -> None:
        """Add to the options of one tier, or of all, what is left to each option."""
        here = slice(None) if rank is None else np.flatnonzero(self.space.tier == rank)
        worth[here] += left[here]

    def _priced(self, name: str, layer: Layer, price: Longs, shift: int) -> tuple[int, Big]:
        """Return what the points of a layer pay, and what is left to each option."""
        counts = self.counts[name]
        if name == "users" and self.space.rules.seats:
            each = left_where_seated(self.space, layer, price, shift)
            return counts[0] * int(price.sum()), np.array(each, object) * counts[0]
        left = (layer.gain << shift) - np.repeat(price, layer.sizes)
        np.maximum(left, 0, out=left)
        if layer.second.any():
            rest = (layer.top << shift) - price
            price = price + np.maximum((layer.second << shift) - rest, 0)
        points, sites = layer.sizes.size, len(self.space.candidates)
        matrix = sp.csr_array((left, layer.site, layer.pointer), shape=(points, sites))
        kinds = sorted(set(counts))
        kind = np.array([kinds.index(count) for count in counts], np.int64)[self.space.commune]
        total, found = 0, np.zeros(sites, object)
        if len(kinds) == 1:
            sums = (matrix.T @ np.ones(points, np.int64))[None, :]
        else:
            ends = kind, np.arange(points)
            group = sp.csr_array((np.ones(points, np.int64), ends), shape=(len(kinds), points))
            sums = (group @ matrix).toarray()
        paid = np.zeros(len(kinds), np.int64)
        np.add.at(paid, kind, price)
        for count, at_price, row in zip(kinds, paid.tolist(), sums, strict=True):
            total += count * at_price
            found = found + row.astype(object) * count
        return total, found[self.space.site]


def _prices(layer: Layer, hint: Floats | None, shift: int) -> Longs:
    """Return the price of each point in whole numbers; without a hint, all it can gain."""
    share = _finite(hint, layer.top.size, missing=1.0).clip(0.0, 1.0)
    most = layer.top << shift
    asked = np.rint(np.ldexp(share * layer.top, shift)).astype(np.int64)
    return np.asarray(np.minimum(asked, most))


def _finite(hint: Floats | None, size: int, *, missing: float) -> Floats:
    """Return hints of the right size, all of them numbers."""
    if hint is None or np.shape(hint) != (size,):
        return np.full(size, missing)
    given = np.asarray(hint, float)
    return np.asarray(np.nan_to_num(given, nan=missing, posinf=_MOST, neginf=-_MOST))


def _demanded(whole: Whole, price: Floats, shift: int) -> tuple[int, Big]:
    """Return what points that must be served pay, and what they give to each candidate."""
    price = np.minimum(price, _MOST)
    fine = min(_SHIFT, _BITS - math.ceil(math.log2(float(price.sum()) + 2.0)))
    weight = np.rint(np.ldexp(price, fine)).astype(np.int64)
    up = 1 << (_SHIFT + shift - fine)
    given: Big = np.asarray(whole.serves.T @ weight).astype(object) * up
    return int(weight.sum()) * up, given


def own_bounds(
    limits: Limits, worth: Sequence[tuple[Goal, int | Fraction]], hints: Mapping[str, Hints]
) -> dict[str, Fraction]:
    """Return what no plan exceeds that is as good for every goal before, in units of the goal.

    Parameters
    ----------
    limits
        Options, layers, rules.
    worth
        Goals in their order, and the value of the plan, which keeps the rules.
    hints
        By goal; any numbers are safe.

    Returns
    -------
    dict[str, Fraction]
        By goal; for whole goals a whole number.
    """
    space = limits.space
    choices, kept = Choices(space), _asked(space)
    whole = {one.name: one for held in kept if (one := whole_for(space, held)) is not None}
    cuts = [below(*row) for tier in TIERS if (row := limits.row("at_least", (tier,))) is not None]
    found: dict[str, Fraction] = {}
    for goal, value in worth:
        held = Held(goal, value)
        if goal.name == "worst":
            found[goal.name] = -Fraction(worst(space, space.usable())) * goal.per
            if (near := whole_for(space, held)) is not None:
                whole[near.name] = near
            continue
        plane, scale = _blind(goal, space)
        if goal.name in hints:
            made = Lagrangian(limits, goal.unit)
            seen, fine = made.made(goal, hints[goal.name], kept, list(whole.values()))
            if choices.most(seen) * scale <= choices.most(plane) * fine:
                plane, scale = seen, fine
        if scale == _BLIND:
            for cut in reversed(cuts):
                plane = choices.lowered(plane, cut)
        found[goal.name] = goal.rounded(Fraction(choices.most(plane), scale))
        cuts.append(Plane(plane.constant - math.ceil(held.least * scale), plane.worth))
        choices.narrow(cuts[-1])
        kept.append(held)
        if (full := whole_for(space, held)) is not None:
            whole[full.name] = full
    return found


def _blind(goal: Goal, space: Space) -> tuple[Plane, int]:
    """Return what a plan is worth at most when every point has all it can have."""
    most = goal.offset
    if goal.fair:
        most += goal.per if space.people.any() else 0
    elif goal.layer is not None:
        most += space.layers[goal.layer].most
    options = np.zeros(space.site.size, np.int64) if goal.options is None else goal.options
    return Plane(most * _BLIND, [value * _BLIND for value in options.tolist()]), _BLIND


def _asked(space: Space) -> list[Held]:
    """Return the share of all residents that must be covered, as a goal held."""
    if space.rules.mesh_share_min <= 0:
        return []
    least = least_covered(int(space.people.sum()), space.rules.mesh_share_min)
    return [Held(Goal("mesh_share", RESIDENT_UNIT, "mesh"), least)]


def whole_for(space: Space, held: Held) -> Whole | None:
    """Return the layer of a goal when its value leaves no point out, or None."""
    goal = held.goal
    if goal.name == "worst":
        reached = -held.least < Fraction(space.minutes.cutoff_min) * goal.per
        return _whole_within(space, float(-held.least / goal.per)) if reached else None
    if goal.layer is None or goal.fair:
        return None
    layer = space.layers[goal.layer]
    if held.least - goal.offset < layer.most:
        return None
    best = layer.gain == np.repeat(layer.top, layer.sizes)
    point = np.repeat(np.arange(layer.sizes.size), layer.sizes)[best]
    points, serves = _service(space, point, layer.site[best])
    return Whole(goal.layer, points, serves, layer.rank)


def _whole_within(space: Space, minutes: float) -> Whole:
    """Return everyone who lives where a candidate reaches, and the candidates within minutes."""
    matrix = space.minutes.minutes
    near = (matrix.data <= minutes) & space.lived[space.point] & space.usable()[matrix.indices]
    return Whole("worst", *_service(space, space.point[near], matrix.indices[near]), None)


def _service(space: Space, point: Ints, site: Ints) -> tuple[Longs, sp.csr_array]:
    """Return the points of some pairs, and who serves them: these points × candidates."""
    points, row = np.unique(point, return_inverse=True)
    shape = points.size, len(space.candidates)
    return points.astype(np.int64), sp.csr_array(
        (np.ones(row.size, np.int64), (row.ravel(), site)), shape=shape
    )
