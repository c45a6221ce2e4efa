r"""The planner's own model: one network of three tiers, chosen by lexicographic covering.

Sets: demand points :math:`i` with weight :math:`w_i` residents; candidate sites :math:`j`; tiers
:math:`t`. :math:`y_{jt} = 1` when site :math:`j` opens as tier :math:`t`. A layer :math:`k` has a
cutoff :math:`r_k` and the tiers :math:`T_k` that serve it; :math:`N_{ik}` are the pairs
:math:`(j, t), t \in T_k` within :math:`r_k` minutes of :math:`i`.

.. math::

    \operatorname{lex\,max}_k \sum_i w_i z_{ik}
    \quad \text{s.t.} \quad z_{ik} \le \sum_{(j,t) \in N_{ik}} y_{jt}, \quad
    \sum_t y_{jt} \le 1, \quad a_t \le \sum_j y_{jt} \le b_t, \quad y \in \{0, 1\}.

The layers, in their order: residents within the mesh minutes of any site; within the structuring
minutes of a structuring site; within the near minutes of any site. Then the fewest sites, then the
lowest sum of the sites' ranks by id: what still ties is the same plan in every run, as the
model does not depend on the order of its inputs. Each layer is the maximal
covering problem of Church and ReVelle (1974); :math:`z` may stay continuous.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from planner._errors import Infeasible, InputError, SolveError
from planner._tables import listed
from planner.candidates import TIERS
from planner.coverage._milp import Floats, Rows, maximise
from planner.coverage._reduce import merge_equal_rows
from planner.travel import BOUNDARY_MIN, TravelTimes

_LAYERS, _TIE_BREAKS = ("mesh", "structuring", "near"), ("sites", "ids")
WEIGHT_UNIT = 0.01  # residents are counted in whole hundredths: sums are then exact
_MOST_PEOPLE = 20_000_000  # in all: beyond, a hundredth is lost in the tolerance of the solver


@dataclass(frozen=True)
class Stage:
    """One layer of the lexicographic optimum.

    Attributes
    ----------
    name
        ``mesh``, ``structuring``, ``near``, ``sites`` or ``ids``.
    value, bound
        What was reached, and what cannot be exceeded while the earlier stages hold. Residents for
        the covering layers; for the last two what is made small, as a negative number.
    proven
        Whether the two meet.
    """

    name: str
    value: float
    bound: float
    proven: bool

    @property
    def gap(self) -> float:
        """Share that may still be missing, of the bound or the value, whichever is larger."""
        return max(self.bound - self.value, 0.0) / max(abs(self.bound), abs(self.value), 1e-12)


@dataclass(frozen=True)
class NetworkSolution:
    """The sites to open, by tier, and how well the choice is proven.

    Attributes
    ----------
    tier
        Tier of each open site; index site id, sorted.
    stages
        The layers in their order.
    seconds
        Time to build and solve.
    """

    tier: pd.Series
    stages: tuple[Stage, ...]
    seconds: float

    @property
    def proven(self) -> bool:
        """Whether every stage is proven optimal."""
        return all(stage.proven for stage in self.stages)


@dataclass(frozen=True)
class Limits:
    """How many sites of each tier: at least, at most."""

    at_least: Mapping[str, int]
    at_most: Mapping[str, int]


@dataclass(frozen=True)
class _Options:
    """Pairs (site, tier) that may open, the columns of the model."""

    site: NDArray[np.int64]
    tier: NDArray[np.int64]
    fixed: NDArray[np.bool_]  # existing sites: open whatever is chosen
    must: NDArray[np.int64]  # sites that must open
    sites: int


@dataclass(frozen=True)
class _Layer:
    """A covering layer: distinct rows over the options, their weights, and what is sure."""

    name: str
    cover: sp.csr_array
    weight: NDArray[np.int64]


def solve(
    minutes: TravelTimes,
    residents: pd.Series,
    candidates: gpd.GeoDataFrame,
    *,
    limits: Limits,
    mesh_min: float,
    structuring_min: float,
    near_min: float,
    time_limit_s: float = 60.0,
) -> NetworkSolution:
    """Choose the sites of all tiers together.

    Parameters
    ----------
    minutes
        From demand points to candidate sites, at least as far as the longest cutoff.
    residents
        People at each demand point; index as the origins of `minutes`.
    candidates
        As :func:`planner.candidates.sites` gives them; index as the destinations of `minutes`.
    limits
        Sites of each tier, at least and at most. Existing sites are not counted.
    mesh_min, structuring_min, near_min
        Cutoffs of the three layers, minutes.
    time_limit_s
        Seconds for all stages together.

    Returns
    -------
    NetworkSolution
        The plan; not proven when time ran out.

    Raises
    ------
    InputError
        When tables do not match, the travel times end before a cutoff, or tiers ask for more
        sites than they have candidates.
    Infeasible
        When the forced sites exclude one another; the message names them.
    TimeLimit
        When time ran out before a first plan.

    References
    ----------
    Church, R., ReVelle, C. (1974). The maximal covering location problem. Papers of the Regional
    Science Association 32.
    """
    began = time.perf_counter()
    cutoffs = dict(zip(_LAYERS, (mesh_min, structuring_min, near_min), strict=True))
    _check(minutes, residents, candidates, cutoffs=cutoffs)
    _check_limits(candidates, limits)
    rows = np.argsort(minutes.origins.to_numpy(), kind="stable")
    columns = np.argsort(minutes.destinations.to_numpy(), kind="stable")
    weights = np.rint(residents.to_numpy() / WEIGHT_UNIT).astype(np.int64)[rows]
    candidates = candidates.iloc[columns]
    options = _options(candidates)
    layers = [
        _layer(name, minutes.within(cutoff)[rows][:, columns], weights, options)
        for name, cutoff in cutoffs.items()
    ]
    chosen, stages = _lexicographic(options, layers, limits, deadline=began + time_limit_s)
    tier = pd.Series(
        np.array(TIERS)[options.tier[chosen]],
        index=candidates.index[options.site[chosen]],
        name="tier",
    )
    return NetworkSolution(tier.sort_index(), stages, time.perf_counter() - began)


def _check(
    minutes: TravelTimes,
    residents: pd.Series,
    candidates: gpd.GeoDataFrame,
    *,
    cutoffs: Mapping[str, float],
) -> None:
    if not residents.index.equals(minutes.origins):
        raise InputError("residents: the index must be the origins of the travel times.")
    if not candidates.index.equals(minutes.destinations):
        raise InputError("candidates: the index must be the destinations of the travel times.")
    values = residents.to_numpy()
    if not ((values >= 0).all() and values.sum() <= _MOST_PEOPLE):
        raise InputError(
            "residents: every demand point needs a number of people, 0 or more, and no more than "
            f"{_MOST_PEOPLE:,} in all."
        )
    for name, cutoff in cutoffs.items():
        if not 0 <= cutoff <= minutes.cutoff_min + BOUNDARY_MIN:
            raise InputError(
                f"{name}_min={cutoff!r}: the travel times given end at {minutes.cutoff_min} min."
            )
    closed = candidates.index[~candidates[list(TIERS)].any(axis=1)]
    stuck = closed[candidates.loc[closed, "status"] != "candidate"]
    if len(stuck):
        raise InputError(f"existing or forced sites that have no tier: {listed(stuck)}.")


def _check_limits(candidates: gpd.GeoDataFrame, limits: Limits) -> None:
    """Refuse limits that no choice of sites meets.

    It is enough to look at every set of tiers: whether as many sites may be of these tiers as
    they ask for together, and whether the forced sites that can be nothing else fit in them.
    """
    faults = [
        f"{tier}: at least {limits.at_least[tier]} but at most {limits.at_most[tier]}"
        for tier in TIERS
        if limits.at_least[tier] > limits.at_most[tier]
    ]
    faults += _too_few(candidates, limits)
    if faults:
        raise InputError(
            f"the scenario asks what the territory does not have: {'; '.join(faults)}. "
            "Ask for fewer sites, or add premises."
        )
    if faults := list(_too_many(candidates, limits)):
        raise Infeasible(
            f"no plan opens all forced sites: {'; '.join(faults)}. Allow more sites, or force "
            "fewer."
        )


def _too_few(candidates: gpd.GeoDataFrame, limits: Limits) -> Iterator[str]:
    """Say which tiers ask together for more sites than may be of them."""
    free = candidates[candidates["status"] != "existing"]
    said: list[tuple[str, ...]] = []
    for tiers in _sets_of_tiers():
        asked = sum(limits.at_least[tier] for tier in tiers)
        found = int(free[list(tiers)].any(axis=1).sum())
        if asked > found and not any(set(part) <= set(tiers) for part in said):
            said.append(tiers)
            yield f"{asked} {' and '.join(tiers)} sites asked, {found} candidates"


def _too_many(candidates: gpd.GeoDataFrame, limits: Limits) -> Iterator[str]:
    """Say which forced sites are more than the only tiers they can be may open."""
    forced = candidates[candidates["status"] == "forced"]
    said: list[tuple[str, ...]] = []
    for tiers in _sets_of_tiers():
        others = [tier for tier in TIERS if tier not in tiers]
        only = forced.index[~forced[others].any(axis=1)]
        most = sum(limits.at_most[tier] for tier in tiers)
        if len(only) > most and not any(set(part) <= set(tiers) for part in said):
            said.append(tiers)
            yield f"{listed(only)} can only be {' or '.join(tiers)}, at most {most} allowed"


def _sets_of_tiers() -> Iterator[tuple[str, ...]]:
    for size in range(1, len(TIERS) + 1):
        yield from combinations(TIERS, size)


def _options(candidates: gpd.GeoDataFrame) -> _Options:
    allowed = candidates[list(TIERS)].to_numpy().astype(np.bool_)
    site, tier = np.nonzero(allowed)
    status = candidates["status"].to_numpy()
    return _Options(
        site=site,
        tier=tier,
        fixed=status[site] == "existing",
        must=np.flatnonzero(status == "forced"),
        sites=len(candidates),
    )


def _layer(
    name: str, within: sp.csr_array, weights: NDArray[np.int64], options: _Options
) -> _Layer:
    """Return one covering layer over the options, as small as it can be."""
    serves = options.tier == TIERS.index("structuring") if name == "structuring" else None
    cover = sp.csr_array(within[:, options.site].astype(np.float64))
    if serves is not None:
        cover = sp.csr_array(cover @ sp.diags_array(serves.astype(np.float64)))
        cover.eliminate_zeros()
    merged, total = merge_equal_rows(cover, weights)
    return _Layer(name, sp.csr_array(merged.astype(np.float64)), total)


def _lexicographic(
    options: _Options, layers: Sequence[_Layer], limits: Limits, *, deadline: float
) -> tuple[NDArray[np.bool_], tuple[Stage, ...]]:
    """Optimise the layers in turn, each among the optima of those before it."""
    sizes = [layer.weight.size for layer in layers]
    starts = options.site.size + np.concatenate(([0], np.cumsum(sizes)))
    width = int(starts[-1])
    rows = [_rules(options, limits, width), *_links(layers, starts, width)]
    integer = np.arange(width) < options.site.size
    upper = np.ones(width)
    goals = [_gain(layer, start, width) for layer, start in zip(layers, starts, strict=False)]
    goals += _tie_breaks(options, width)
    chosen = np.zeros(options.site.size, np.bool_)
    bounds: list[float] = []
    held: list[tuple[Floats, float]] = []
    for gain in goals:
        most, left = np.inf, max(deadline - time.perf_counter(), 0.1)
        try:
            result = maximise(gain, rows, integer=integer, upper=upper, time_limit_s=left)
        except SolveError:
            if not held:
                raise  # else the plan of the stage before stands, and nothing more is known
        else:
            most = float(np.floor(result.bound + 1 / 2))
            found = result.x[: options.site.size] > 1 / 2
            if all(_value(goal, found, layers, starts) >= value for goal, value in held):
                chosen = found
        value = _value(gain, chosen, layers, starts)
        bounds.append(max(value, min(most, float(gain[gain > 0].sum()))))
        held.append((gain, value))
        rows.append(_keep(gain, value))
    reached = [_value(gain, chosen, layers, starts) for gain in goals]
    return chosen, tuple(map(_stage, (*_LAYERS, *_TIE_BREAKS), reached, bounds))


def _stage(name: str, value: float, bound: float) -> Stage:
    """Return a stage in residents or sites; its value is that of the final plan."""
    unit = WEIGHT_UNIT if name in _LAYERS else 1.0
    return Stage(name, round(value * unit, 2), round(bound * unit, 2), proven=value == bound)


def _rules(options: _Options, limits: Limits, width: int) -> Rows:
    """Hold one tier a site; the number of sites of each tier; existing and forced sites."""
    count = options.site.size
    column = np.arange(count)
    free = ~options.fixed
    one = sp.csr_array((np.ones(count), (options.site, column)), shape=(options.sites, width))
    least = np.zeros(options.sites)
    least[options.must] = 1.0
    least[options.site[options.fixed]] = 1.0
    tiers = sp.csr_array(
        (np.ones(free.sum()), (options.tier[free], column[free])), shape=(len(TIERS), width)
    )
    return Rows(
        sp.csr_array(sp.vstack((one, tiers), format="csr")),
        np.concatenate((least, [float(limits.at_least[tier]) for tier in TIERS])),
        np.concatenate((np.ones(options.sites), [float(limits.at_most[tier]) for tier in TIERS])),
    )


def _links(layers: Sequence[_Layer], starts: NDArray[np.int64], width: int) -> list[Rows]:
    """Cover a demand group only when an option that covers it is open."""
    rows = []
    for layer, start in zip(layers, starts, strict=False):
        size = layer.weight.size
        before = sp.csr_array((size, int(start) - layer.cover.shape[1]))
        own = -sp.eye_array(size, format="csr")
        after = sp.csr_array((size, width - int(start) - size))
        matrix = sp.csr_array(sp.hstack((layer.cover, before, own, after), format="csr"))
        rows.append(Rows(matrix, np.zeros(size), np.full(size, np.inf)))
    return rows


def _gain(layer: _Layer, start: np.int64, width: int) -> Floats:
    gain = np.zeros(width)
    gain[start : start + layer.weight.size] = layer.weight
    return gain


def _tie_breaks(options: _Options, width: int) -> list[Floats]:
    """Return the goals of fewest sites, and of the lowest sum of ranks by id, then tier."""
    fewest, first = np.zeros(width), np.zeros(width)
    fewest[: options.site.size] = -1.0
    first[: options.site.size] = -np.arange(1, options.site.size + 1, dtype=np.float64)
    return [fewest, first]


def _value(
    gain: Floats,
    chosen: NDArray[np.bool_],
    layers: Sequence[_Layer],
    starts: NDArray[np.int64],
) -> float:
    """Return what the chosen options are worth, counted anew rather than read from the solver."""
    value = float(gain[: chosen.size] @ chosen)
    for layer, start in zip(layers, starts, strict=False):
        covered = (layer.cover @ chosen.astype(np.float64)) > 0
        value += float(gain[start : start + layer.weight.size] @ covered)
    return value


def _keep(gain: Floats, value: float) -> Rows:
    """Hold a goal at its value in the stages that follow; goals are whole numbers."""
    row = sp.csr_array(gain.reshape(1, -1))
    return Rows(row, np.array([value - 1 / 2]), np.array([np.inf]))
