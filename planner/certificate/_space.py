"""The inputs of a plan as whole numbers: options, layers of pairs, goals."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from planner.candidates import TIERS
from planner.rules import RESIDENT_UNIT, USER_UNIT, Rules
from planner.travel import BOUNDARY_MIN, TravelTimes

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Ints = NDArray[np.integer]
Flags = NDArray[np.bool_]

MINUTES_UNIT = 0.1  # resident-minutes
SHARE_UNIT = 1e-6
WORST_UNIT = 1e-6  # minutes
_EPSILON = 1e-6
ROUNDING = Fraction(1, 100)  # of a unit, where people are split
_MOST_SEATED = 2.0**53
_HUNDRED = 100  # a backup weight counts in whole hundredths


@dataclass(frozen=True, eq=False)
class Layer:
    """What each point gains from each site that reaches it, in whole units.

    Attributes
    ----------
    pointer, site, gain
        Compressed rows, a row a point: sites, and gains above 0.
    second
        What a second site adds, at each point.
    unit
        Of a gain, in residents, users or resident-minutes.
    rank
        The only tier that counts; None for all.
    """

    pointer: Longs
    site: NDArray[np.int32]
    gain: Longs
    second: Longs
    unit: float
    rank: int | None = None

    @cached_property
    def sizes(self) -> Longs:
        """How many sites reach each point."""
        return np.diff(self.pointer)

    @cached_property
    def top(self) -> Longs:
        """The largest gain of each point."""
        return self._by_point(np.maximum, self.gain)

    @cached_property
    def most(self) -> int:
        """What the layer is worth when every point has all it can have."""
        return int(self.top.sum() + self.second.sum())

    def served(self, opened: Flags) -> Longs:
        """Return what each point gains from open options (sites × tiers)."""
        here = np.any(opened if self.rank is None else opened[:, [self.rank]], axis=1)
        inside = here[self.site]
        best = self._by_point(np.maximum, np.where(inside, self.gain, 0))
        if self.second.any():
            number = self._by_point(np.add, inside.astype(np.int64))
            best += np.where(number > 1, self.second, 0)
        return best

    def of(self, points: Longs) -> "Layer":
        """Return the layer of some points only."""
        pointer = np.append(0, np.cumsum(self.sizes[points]))
        skipped = np.repeat(self.pointer[points] - pointer[:-1], self.sizes[points])
        here = np.arange(skipped.size) + skipped
        second = self.second[points]
        return replace(
            self, pointer=pointer, site=self.site[here], gain=self.gain[here], second=second
        )

    def _by_point(self, how: np.ufunc, values: Longs) -> Longs:
        found = np.zeros(self.sizes.size, np.int64)
        some = np.flatnonzero(self.sizes > 0)
        if some.size:
            found[some] = how.reduceat(values, self.pointer[some])
        return found


@dataclass(frozen=True, eq=False)
class Goal:
    """A number a plan has, in units, so that more is better: layer, options, offset.

    A fair goal is the smallest share of its layer over communes; where seats bind, people are
    split, and the number need not be whole.
    """

    name: str
    unit: float
    layer: str | None = None
    options: Longs | None = None
    offset: int = 0
    fair: bool = False
    split: bool = False
    smaller: bool = False

    @property
    def per(self) -> int:
        """How many units make one."""
        return round(1 / self.unit)

    @property
    def whole(self) -> bool:
        """Whether plans differ by whole units."""
        return not (self.fair or self.split or self.name == "worst")

    @property
    def loose(self) -> Fraction:
        """What a plan may lack, in units, and count as good: rounding, of values not whole."""
        return Fraction(0) if self.whole else Fraction(3 if self.split else 1, 2)

    def rounded(self, bound: Fraction) -> Fraction:
        """Return a bound in whole units, where values are."""
        if self.whole or self.split:
            return Fraction(math.floor(bound + (ROUNDING if self.split else 0)))
        return bound

    def shown(self, worth: int | Fraction) -> float:
        """Return a value as outputs show it: what is made small is a positive number."""
        digits = len(str(self.per)) - 1
        return round(float(-worth if self.smaller else worth) / self.per, digits) + 0.0


@dataclass(frozen=True, eq=False)
class Space:
    """Options in the order of the candidates' ids, then of the tiers; layers; people.

    Attributes
    ----------
    minutes, candidates, rules, demand
        The inputs.
    site, tier
        Of each option: position of the candidate, rank of the tier.
    new
        Options of sites that do not exist yet.
    invest, running
        Of each option, whole euros; 0 for existing sites.
    residents
        Whole hundredths, by point.
    commune, communes
        Number of the commune of each point, and the names.
    """

    minutes: TravelTimes
    candidates: gpd.GeoDataFrame
    rules: Rules
    demand: pd.DataFrame
    site: Longs
    tier: Longs
    new: Flags
    invest: Longs
    running: Longs
    residents: Longs
    commune: Longs
    communes: tuple[str, ...]

    @cached_property
    def point(self) -> NDArray[np.int32]:
        """Point of each pair of the travel times."""
        sizes = np.diff(self.minutes.minutes.indptr)
        return np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)

    @cached_property
    def people(self) -> Longs:
        """Residents of each commune, whole hundredths."""
        return by_commune(self, self.residents)

    @cached_property
    def lived(self) -> Flags:
        """Points whose people count for the worst minutes."""
        return self.demand["residents"].to_numpy(float) >= RESIDENT_UNIT / 2

    @cached_property
    def seats(self) -> Longs:
        """How many users each candidate seats as each tier, whole units; no limit is very many."""
        frame = self.candidates
        columns = [
            frame.get(f"users_seated_{tier}", pd.Series(np.inf, frame.index)).to_numpy(float)
            for tier in TIERS
        ]
        table = np.nan_to_num(np.column_stack(columns) / USER_UNIT + _EPSILON)
        return np.asarray(np.floor(np.clip(table, 0.0, _MOST_SEATED)).astype(np.int64))

    @property
    def options_of_site(self) -> Iterator[Longs]:
        """Options of each candidate that has any."""
        order = np.argsort(self.site, kind="stable")
        edges = np.flatnonzero(np.diff(self.site[order])) + 1
        return iter(np.split(order, edges) if order.size else [])

    def usable(self, rank: int | None = None) -> Flags:
        """Return which candidates may open at all, or as one tier."""
        found = np.zeros(len(self.candidates), np.bool_)
        found[self.site if rank is None else self.site[self.tier == rank]] = True
        return found

    @cached_property
    def layers(self) -> "Layers":
        """The layers, each made when first asked for."""
        return Layers(self)


class Layers(dict[str, Layer]):
    """Layers by name; each is made when it is first asked for."""

    def __init__(self, space: Space) -> None:
        """Keep what they are made from."""
        super().__init__()
        self.space = space

    def __missing__(self, name: str) -> Layer:
        """Make a layer."""
        make = {
            "mesh": _mesh, "backup": _backup, "structuring": _structuring, "users": _users,
            "saved": _saved,
        }[name]  # fmt: skip
        self[name] = layer = make(self.space)
        return layer


def space_of(
    minutes: TravelTimes, demand: pd.DataFrame, candidates: gpd.GeoDataFrame, rules: Rules
) -> Space:
    """Return the space of tables that match."""
    old = (candidates["status"] == "existing").to_numpy()
    allowed = candidates[list(TIERS)].to_numpy().astype(np.bool_)
    allowed &= open_to_all(candidates, rules)[:, None]
    order = np.argsort(candidates.index.to_numpy(), kind="stable")
    place, tier = np.nonzero(allowed[order])
    site = order[place]
    names, number = np.unique(_codes(demand), return_inverse=True)
    return Space(
        minutes,
        candidates,
        rules,
        demand,
        site=site,
        tier=tier,
        new=~old[site],
        invest=np.where(old[site], 0, euros(candidates, "invest_eur")[site, tier]),
        running=np.where(old[site], 0, euros(candidates, "running_eur")[site, tier]),
        residents=whole(demand["residents"], RESIDENT_UNIT),
        commune=number.ravel().astype(np.int64),
        communes=tuple(map(str, names)),
    )


def open_to_all(candidates: gpd.GeoDataFrame, rules: Rules) -> Flags:
    """Return which candidates pass the gate: accessible, or existing."""
    if not rules.gate or "accessible" not in candidates:
        return np.ones(len(candidates), np.bool_)
    old = (candidates["status"] == "existing").to_numpy()
    return np.asarray(candidates["accessible"].to_numpy().astype(np.bool_) | old)


def euros(candidates: gpd.GeoDataFrame, name: str) -> Longs:
    """Return a table, candidates × tiers, of whole euros; 0 where there is no column."""
    columns = [
        candidates.get(f"{name}_{tier}", pd.Series(0.0, index=candidates.index)).to_numpy(float)
        for tier in TIERS
    ]
    return np.asarray(np.rint(np.column_stack(columns)).astype(np.int64))


def whole(values: pd.Series, unit: float) -> Longs:
    """Return numbers in whole units."""
    return np.rint(values.to_numpy(float) / unit).astype(np.int64)


def by_commune(space: Space, values: Longs) -> Longs:
    """Return the sum of each commune's points."""
    found = np.zeros(len(space.communes), np.int64)
    np.add.at(found, space.commune, values)
    return found


def goals(space: Space) -> Mapping[str, Goal]:
    """Return every goal that the inputs allow, by name."""
    ones, rules = np.ones(space.site.size, np.int64), space.rules
    saved = float(np.sum(space.people * RESIDENT_UNIT)) * space.minutes.cutoff_min / MINUTES_UNIT
    cost = space.invest + rules.cost_years * space.running
    found = [
        Goal("mesh", RESIDENT_UNIT, "mesh"),
        Goal("backup", RESIDENT_UNIT / _HUNDRED, "backup"),
        Goal("structuring", RESIDENT_UNIT, "structuring"),
        Goal("fairness", SHARE_UNIT, "mesh", fair=True),
        Goal("cost", 1.0, options=-cost, smaller=True),
        Goal("sites", 1.0, options=-ones, smaller=True),
        Goal("ids", 1.0, options=-np.cumsum(ones), smaller=True),
        Goal("minutes", MINUTES_UNIT, "saved", offset=-round(saved), smaller=True),
        Goal("worst", WORST_UNIT, smaller=True),
    ]
    if "users" in space.demand:
        found.append(Goal("users", USER_UNIT, "users", split=rules.seats))
    return {goal.name: goal for goal in found}


def _codes(demand: pd.DataFrame) -> NDArray[np.str_]:
    if "commune" not in demand:
        return np.full(len(demand), "")
    return demand["commune"].to_numpy(object).astype(str)


def _layer(
    space: Space, kept: Flags, gain: Longs, unit: float, *, rank: int | None = None
) -> Layer:
    """Return the layer of the pairs kept, whose gain is above 0, and whose site may serve it."""
    matrix = space.minutes.minutes
    kept = kept & (gain > 0) & space.usable(rank)[matrix.indices]
    sizes = np.bincount(space.point[kept], minlength=matrix.shape[0])
    pointer = np.append(0, np.cumsum(sizes)).astype(np.int64)
    second = np.zeros(matrix.shape[0], np.int64)
    return Layer(pointer, matrix.indices[kept].astype(np.int32), gain[kept], second, unit, rank)


def _within(space: Space, minutes: float) -> Flags:
    return np.asarray(space.minutes.minutes.data <= minutes + BOUNDARY_MIN)


def _mesh(space: Space) -> Layer:
    kept = _within(space, space.rules.mesh_min)
    return _layer(space, kept, space.residents[space.point], RESIDENT_UNIT)


def _structuring(space: Space) -> Layer:
    kept, rank = _within(space, space.rules.structuring_min), TIERS.index("structuring")
    return _layer(space, kept, space.residents[space.point], RESIDENT_UNIT, rank=rank)


def _backup(space: Space) -> Layer:
    """Return the mesh in hundredths of its units, and what a second site adds where two reach."""
    mesh = space.layers["mesh"]
    second = space.residents * round(space.rules.backup_weight * _HUNDRED)
    return Layer(
        mesh.pointer,
        mesh.site,
        mesh.gain * _HUNDRED,
        np.where(mesh.sizes > 1, second, 0),
        mesh.unit / _HUNDRED,
    )


def _users(space: Space) -> Layer:
    """Return the users that each site would have from each point."""
    minutes = space.minutes.minutes.data
    count = np.rint(space.demand["users"].to_numpy(float) / USER_UNIT)
    near = minutes <= space.rules.decay.until_min + BOUNDARY_MIN
    gain = np.zeros(minutes.size)
    gain[near] = np.rint(count[space.point[near]] * space.rules.decay.share(minutes[near]))
    return _layer(space, near, gain.astype(np.int64), USER_UNIT)


def _saved(space: Space) -> Layer:
    """Return the resident-minutes that each site would save at each point."""
    left = np.maximum(space.minutes.cutoff_min - space.minutes.minutes.data, 0.0)
    people = space.demand["residents"].to_numpy(float)[space.point]
    gain = np.rint(people * left / MINUTES_UNIT).astype(np.int64)
    return _layer(space, np.ones(gain.size, np.bool_), gain, MINUTES_UNIT)


def nearest(space: Space, opened: Flags) -> Floats:
    """Return the minutes of each point to the nearest of some candidates; inf where none is."""
    matrix = space.minutes.minutes
    found = np.full(matrix.shape[0], np.inf)
    some = np.flatnonzero(np.diff(matrix.indptr) > 0)
    if some.size:
        minutes = np.where(opened[matrix.indices], matrix.data, np.inf)
        found[some] = np.minimum.reduceat(minutes, matrix.indptr[some])
    return found


def worst(space: Space, opened: Flags) -> float:
    """Return the minutes of the resident farthest from some candidates; at most the cutoff.

    People whom no candidate reaches are left out.
    """
    counts = space.lived & np.isfinite(nearest(space, space.usable()))
    minutes = nearest(space, opened)[counts]
    return float(np.minimum(minutes, space.minutes.cutoff_min).max(initial=0.0))


def near_pairs(
    between: TravelTimes, candidates: gpd.GeoDataFrame, least_min: float
) -> sp.csr_array:
    """Return which candidates are less than some minutes apart, one way or the other."""
    pairs = between.minutes.tocoo()
    close = pairs.data < least_min - BOUNDARY_MIN
    start = candidates.index.get_indexer(between.origins)[pairs.coords[0][close]]
    stop = candidates.index.get_indexer(between.destinations)[pairs.coords[1][close]]
    known = (start >= 0) & (stop >= 0) & (start != stop)
    ends = np.append(start[known], stop[known]), np.append(stop[known], start[known])
    size = len(candidates)
    near = sp.csr_array((np.ones(ends[0].size, np.bool_), ends), shape=(size, size))
    near.sum_duplicates()
    return near
