r"""What may be chosen: the options, the rules as linear rows over them, the layers of coverage.

An option is a pair (site, tier); :math:`y_{jt} = 1` when site :math:`j` opens as tier :math:`t`.
The rules are rows :math:`l \le R y \le u`:

.. math::

    \sum_t y_{jt} \le 1 \;(= 1 \text{ if forced or existing}), \quad
    a_t \le \sum_j y_{jt} \le b_t, \quad
    \sum_{j \in c, t} y_{jt} \le n, \quad
    \sum_{j, t} f_{jt} y_{jt} \le F, \quad
    \sum_{j \in Q} y_{jt} \le 1

for communes :math:`c`, budgets :math:`F`, and cliques :math:`Q` of sites of one tier that are too
near one another. Sums over new sites only; existing ones are open and free.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from planner.candidates import TIERS
from planner.coverage._layers import (
    Floats,
    Ints,
    Layer,
    Longs,
    Rows,
    blocks_of,
    cover_rows,
    gain_rows,
)
from planner.coverage._mass import Mass, mass_of
from planner.coverage._seats import seat_rows
from planner.rules import RESIDENT_UNIT, USER_UNIT, Rules
from planner.travel import BOUNDARY_MIN, TravelTimes

MINUTES_UNIT = 0.1  # resident-minutes
MASS = "critical_mass"  # the kind of its rules
_BACKUP_STEPS = 100  # a backup weight counts in whole hundredths


@dataclass(frozen=True)
class Rule:
    """What a row of the model stands for: its kind, and the ids it is about."""

    kind: str
    subject: tuple[str, ...] = ()


@dataclass(frozen=True)
class BlockFloor:
    """A block of a layer that must be worth at least something."""

    rule: Rule
    layer: str
    block: int
    value: float


@dataclass(frozen=True, eq=False)
class Space:
    """Everything a question is asked of.

    Attributes
    ----------
    site, tier
        Of each option: position in the sorted candidates, and in the tiers.
    new
        Options of sites that do not exist yet.
    invest_eur, running_eur
        Of each option, whole euros; running a year. 0 for existing sites.
    matrix, lower, upper, rules
        The rules, a row each.
    layers
        By name.
    floors
        Blocks that must reach something.
    blocks
        Names of the blocks: commune codes.
    people
        Residents of each block.
    mass
        The users that new sites need; None where they need none.
    """

    site: Longs
    tier: Longs
    new: NDArray[np.bool_]
    invest_eur: Floats
    running_eur: Floats
    matrix: sp.csr_array
    lower: Floats
    upper: Floats
    rules: tuple[Rule, ...]
    layers: Mapping[str, Layer]
    floors: tuple[BlockFloor, ...]
    blocks: tuple[str, ...]
    people: Floats
    mass: Mass | None = None

    @property
    def options(self) -> int:
        """How many columns there are."""
        return int(self.matrix.shape[1])

    def without(self, *kinds: str) -> "Space":
        """Return the space without the rules of some kinds."""
        kept = np.array([rule.kind not in kinds for rule in self.rules], np.bool_)
        return replace(
            self,
            matrix=sp.csr_array(self.matrix[np.flatnonzero(kept)]),
            lower=self.lower[kept],
            upper=self.upper[kept],
            rules=tuple(rule for rule in self.rules if rule.kind not in kinds),
            floors=tuple(floor for floor in self.floors if floor.rule.kind not in kinds),
            mass=None if MASS in kinds else self.mass,
        )

    def with_row(self, rule: Rule, row: Floats, lower: float, upper: float) -> "Space":
        """Return the space with one more rule."""
        return replace(
            self,
            matrix=sp.csr_array(sp.vstack((self.matrix, sp.csr_array(row[None, :])), format="csr")),
            lower=np.append(self.lower, lower),
            upper=np.append(self.upper, upper),
            rules=(*self.rules, rule),
        )

    def block_of(self, name: str, block: int) -> tuple[NDArray[np.bool_], Floats, Longs] | None:
        """Return a block of binary coverage: rows × options, the weights, the options; or None."""
        layer = self.layers[name]
        if not isinstance(layer, Rows) or layer.second > 0:
            return None
        first, last = np.searchsorted(layer.block, [block, block + 1])
        ends = layer.pointer[first : last + 1]
        entries = slice(int(ends[0]), int(ends[-1]))
        options, column = np.unique(layer.option[entries], return_inverse=True)
        served = np.zeros((last - first, options.size), np.bool_)
        served[np.repeat(np.arange(last - first), np.diff(ends)), column.ravel()] = True
        return served, layer.gain[ends[:-1]] * layer.unit, options.astype(np.int64)

    def cost_eur(self, years: int) -> Floats:
        """Return investment and some years of running cost of each option."""
        return np.asarray(self.invest_eur + years * self.running_eur)


def build(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    between: TravelTimes | None = None,
) -> Space:
    """Return the space of all plans; tables as :func:`planner.coverage.solve` checked them.

    Parameters
    ----------
    minutes, demand, candidates
        Sorted by id.
    rules
        What a plan must respect.
    between
        Minutes between candidates, for spacing.

    Returns
    -------
    Space
        Options by site, then tier.
    """
    allowed = candidates[list(TIERS)].to_numpy().astype(np.bool_)
    existing = (candidates["status"] == "existing").to_numpy()
    if rules.gate and "accessible" in candidates:
        allowed &= (candidates["accessible"].to_numpy().astype(np.bool_) | existing)[:, None]
    site, tier = (part.astype(np.int64) for part in np.nonzero(allowed))
    new = ~existing[site]
    money = {
        name: np.where(new, _by_option(candidates, name, site, tier), 0.0)
        for name in ("invest_eur", "running_eur")
    }
    options = _Options(candidates, site, tier, new, money["invest_eur"], money["running_eur"])
    found = [*_openings(options), *_numbers(options, rules), *_money(options, rules)]
    found += _spacing(options, rules, between)
    blocks, names = communes_of(demand)
    weights = np.rint(demand["residents"].to_numpy() / RESIDENT_UNIT)
    people: Floats = np.asarray(np.bincount(blocks, weights, len(names)), float) * RESIDENT_UNIT
    layers = _layers(minutes, demand, options, rules=rules, blocks=blocks)
    return Space(
        site,
        tier,
        new,
        money["invest_eur"],
        money["running_eur"],
        matrix=_matrix([row for _, row, _, _ in found], site.size),
        lower=np.array([low for _, _, low, _ in found], float),
        upper=np.array([high for _, _, _, high in found], float),
        rules=tuple(rule for rule, *_ in found),
        layers=layers,
        floors=tuple(_equity(people, names, rules)),
        blocks=names,
        people=people,
        mass=_mass(minutes, demand, options, rules=rules),
    )


@dataclass(frozen=True)
class _Options:
    candidates: gpd.GeoDataFrame
    site: Longs
    tier: Longs
    new: NDArray[np.bool_]
    invest_eur: Floats
    running_eur: Floats

    @property
    def commune(self) -> NDArray[np.object_]:
        """Commune of each option."""
        if "commune" not in self.candidates:
            return np.full(self.site.size, "", dtype=object)
        return np.asarray(self.candidates["commune"], dtype=object)[self.site]

    @property
    def ids(self) -> NDArray[np.object_]:
        """Site id of each option, as text."""
        return np.array(list(map(str, self.candidates.index)), dtype=object)[self.site]


_Row = tuple[Rule, Floats, float, float]


def _by_option(
    frame: pd.DataFrame, name: str, site: Longs, tier: Longs, *, absent: float = 0.0
) -> Floats:
    """Return a number a tier, ``name_<tier>``, for each option; `absent` without a column."""
    table = np.column_stack(
        [
            frame.get(f"{name}_{key}", pd.Series(absent, index=frame.index)).to_numpy(float)
            for key in TIERS
        ]
    )
    return np.asarray(table[site, tier])


def _openings(options: _Options) -> Iterator[_Row]:
    """One tier a site; existing and forced sites open."""
    status = options.candidates["status"].to_numpy()
    for position, name in enumerate(options.candidates.index):
        here = (options.site == position).astype(float)
        must = status[position] != "candidate"
        if must:
            yield Rule(str(status[position]), (str(name),)), here, 1.0, 1.0
        elif here.sum() > 1:
            yield Rule("one_tier", (str(name),)), here, 0.0, 1.0


def _numbers(options: _Options, rules: Rules) -> Iterator[_Row]:
    """Sites of each tier, and in each commune."""
    for rank, name in enumerate(TIERS):
        here = (options.new & (options.tier == rank)).astype(float)
        low, high = float(rules.at_least[name]), float(rules.at_most[name])
        yield Rule("at_most", (name,)), here, -np.inf, high
        if low > 0:
            yield Rule("at_least", (name,)), here, low, np.inf
    if rules.commune_sites_max is not None:
        for code in sorted(set(map(str, options.commune[options.new]))):
            here = (options.new & (options.commune == code)).astype(float)
            if here.sum() > rules.commune_sites_max:
                yield Rule("commune_sites", (code,)), here, -np.inf, float(rules.commune_sites_max)


def _money(options: _Options, rules: Rules) -> Iterator[_Row]:
    """Budgets: investment in all, running cost in all, investment of each commune."""
    if rules.invest_max_eur is not None:
        yield Rule("invest"), options.invest_eur, -np.inf, float(rules.invest_max_eur)
    if rules.running_max_eur is not None:
        yield Rule("running"), options.running_eur, -np.inf, float(rules.running_max_eur)
    if rules.commune_invest_max_eur is not None:
        for code in sorted(set(map(str, options.commune[options.new]))):
            here = np.where(options.commune == code, options.invest_eur, 0.0)
            if here.sum() > rules.commune_invest_max_eur:
                yield (
                    Rule("commune_invest", (code,)),
                    here,
                    -np.inf,
                    float(rules.commune_invest_max_eur),
                )


def _spacing(options: _Options, rules: Rules, between: TravelTimes | None) -> Iterator[_Row]:
    """Cliques of options of one tier, of which one may open."""
    for name, least in sorted(rules.spacing_min.items()):
        if least <= 0 or between is None:
            continue
        here = np.flatnonzero(options.tier == TIERS.index(name))
        sites = options.site[here]
        near = _nearer(between, least)[np.ix_(sites, sites)]
        old = ~options.new[here]
        near &= ~(old[:, None] & old[None, :])
        for clique in cliques(near):
            row = np.zeros(options.site.size)
            row[here[clique]] = 1.0
            yield Rule(f"spacing_{name}", tuple(options.ids[here[clique]])), row, -np.inf, 1.0


def _nearer(between: TravelTimes, least_min: float) -> NDArray[np.bool_]:
    """Return which candidates are less than some minutes apart, one way or the other."""
    dense = between.to_dense()
    near = np.minimum(dense, dense.T) < least_min - BOUNDARY_MIN
    np.fill_diagonal(near, val=False)
    return near


def cliques(near: NDArray[np.bool_]) -> list[Longs]:
    """Cover the edges of a graph with cliques: greedily, largest first growth, ties by position.

    A row that says "one of these" is stronger than one for each pair.

    Examples
    --------
    >>> near = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0]], bool)
    >>> [clique.tolist() for clique in cliques(near)]
    [[0, 1, 2], [2, 3]]
    """
    left = np.triu(near)
    found = []
    for first in range(len(near)):
        while left[first].any():
            clique = [first, int(np.argmax(left[first]))]
            joint = near[clique[0]] & near[clique[1]]
            fresh = (left[clique] | left[:, clique].T).sum(axis=0)
            while joint.any():
                best = int(np.argmax(np.where(joint, fresh, -1)))
                clique.append(best)
                joint &= near[best]
                fresh += left[best] | left[:, best]
            here = np.array(sorted(clique), np.int64)
            left[np.ix_(here, here)] = False
            found.append(here)
    return found


def communes_of(demand: pd.DataFrame) -> tuple[Ints, tuple[str, ...]]:
    """Return the block of each demand point, its commune, and their names; one block without."""
    if "commune" not in demand:
        return np.zeros(len(demand), np.int32), ("",)
    return blocks_of(demand["commune"])


def _equity(people: Floats, names: tuple[str, ...], rules: Rules) -> Iterator[BlockFloor]:
    """At least a share of each commune's residents."""
    if rules.commune_share_min <= 0:
        return
    for block, name in enumerate(names):
        least = least_covered(float(people[block]), rules.commune_share_min)
        if least > 0:
            yield BlockFloor(Rule("commune_share", (name,)), "mesh", block, least)


def least_covered(people: float, share: float) -> float:
    """Return the fewest residents, in whole hundredths, that are at least a share of some."""
    return float(np.ceil(share * people / RESIDENT_UNIT - 1e-6)) * RESIDENT_UNIT


def _layers(
    minutes: TravelTimes, demand: pd.DataFrame, options: _Options, *, rules: Rules, blocks: Ints
) -> dict[str, Layer]:
    weights = np.rint(demand["residents"].to_numpy() / RESIDENT_UNIT).astype(np.int64)
    mesh = sp.csr_array(minutes.within(rules.mesh_min)[:, options.site])
    far = sp.csr_array(minutes.within(rules.structuring_min)[:, options.site])
    served = sp.diags_array((options.tier == TIERS.index("structuring")).astype(float))
    structuring = sp.csr_array(far.astype(float) @ served)
    structuring.eliminate_zeros()
    layers: dict[str, Layer] = {
        "mesh": cover_rows(mesh, weights, blocks, unit=RESIDENT_UNIT),
        "structuring": cover_rows(structuring, weights, blocks, unit=RESIDENT_UNIT),
    }
    if rules.backup_weight > 0:
        layers["backup"] = cover_rows(
            mesh,
            weights * _BACKUP_STEPS,
            blocks,
            unit=RESIDENT_UNIT / _BACKUP_STEPS,
            second=round(rules.backup_weight * _BACKUP_STEPS) / _BACKUP_STEPS,
        )
    if "users" in demand:
        gains = user_gains(minutes, demand["users"], options.site, rules=rules)
        users = gain_rows(gains, blocks, unit=USER_UNIT)
        seats = _seats(options) if rules.seats else None
        layers["users"] = users if seats is None else seat_rows(users, seats)
    return layers


def _mass(
    minutes: TravelTimes, demand: pd.DataFrame, options: _Options, *, rules: Rules
) -> Mass | None:
    if not any(rules.site_users_min.values()):
        return None
    every = np.arange(len(options.candidates))
    return mass_of(
        sp.csr_array(minutes.minutes[:, every]),
        user_gains(minutes, demand["users"], every, rules=rules),
        site=options.site,
        tier=options.tier,
        new=options.new,
        names=list(map(str, options.candidates.index)),
        least=rules.site_users_min,
    )


def _seats(options: _Options) -> Floats:
    """Return how many users each option seats, whole units; inf where there is no limit."""
    seated = _by_option(
        options.candidates, "users_seated", options.site, options.tier, absent=np.inf
    )
    return np.floor(seated / USER_UNIT + 1e-6)


def user_gains(
    minutes: TravelTimes, users: pd.Series, site: Longs, *, rules: Rules
) -> sp.csr_array:
    """Return the users that each option would have from each point, in whole units."""
    pairs = sp.csr_array(minutes.minutes[:, site])
    count = np.rint(users.to_numpy(float) / USER_UNIT)
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    gain = np.rint(count[row] * rules.decay.share(pairs.data))
    return sp.csr_array((gain, pairs.indices, pairs.indptr), shape=pairs.shape)


def saved_minutes(space: Space, minutes: TravelTimes, demand: pd.DataFrame) -> Layer:
    """Return the layer of resident-minutes saved against the cutoff of the travel times."""
    pairs = sp.csr_array(minutes.minutes[:, space.site])
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    people = demand["residents"].to_numpy(float)[row]
    gain = np.rint(people * np.maximum(minutes.cutoff_min - pairs.data, 0.0) / MINUTES_UNIT)
    gains = sp.csr_array((gain, pairs.indices, pairs.indptr), shape=pairs.shape)
    return gain_rows(gains, communes_of(demand)[0], unit=MINUTES_UNIT)


def _matrix(rows: list[Floats], width: int) -> sp.csr_array:
    return sp.csr_array(np.array(rows, float).reshape(len(rows), width))
