r"""An independent second look at a plan: is it allowed, and worth what it says.

Nothing of the model or the solver is used here: only raw minutes, the rules, and arithmetic.
The upper bound is Lagrangian: the covering constraints :math:`z_i \le \sum_j a_{ij} y_j` are
priced with multipliers :math:`0 \le \lambda_i \le w_i`, and for **any** such prices

.. math::

    \sum_i (w_i - \lambda_i) + \max_{y} \sum_j \Bigl(\sum_i \lambda_i a_{ij}\Bigr) y_j

is at least the optimum (Galvão and ReVelle 1996). The inner maximum, over the number of sites of
each tier alone, is a sort. Good prices are sought by subgradient steps; wrong ones cost tightness,
never truth.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from planner._errors import SolveError
from planner.travel import TravelTimes

_TOLERANCE = 1e-6
_HALF_UNIT = 0.005  # demand points hold whole hundredths of a resident
_STEPS = 300
_FIRST_STEP = 0.15  # of the total weight, spread over the slope
_HALVING = 20  # steps after which a step is half as long


@dataclass(frozen=True)
class Claim:
    """What a plan says of one covering layer.

    Attributes
    ----------
    name
        ``mesh``, ``structuring`` or ``near``.
    minutes
        The cutoff.
    tiers
        Tiers whose sites serve the layer.
    value, bound
        Residents covered, and the solver's upper bound.
    """

    name: str
    minutes: float
    tiers: tuple[str, ...]
    value: float
    bound: float


@dataclass(frozen=True)
class Certificate:
    """The result of the second look.

    Attributes
    ----------
    value
        Residents covered by layer, recomputed from raw minutes.
    solver_bound, own_bound
        Upper bounds by layer: the solver's word, and the one computed here. The own bound of a
        later layer leaves the earlier ones out, so it may be loose.
    gap
        By layer: how far the value may be from the optimum, as a share of the solver's bound.
    proven
        Whether the solver closed every gap: its word, where a layer is not in `independent`.
    independent
        Layers whose optimality needs no solver's word: the own bound is reached.
    """

    value: Mapping[str, float]
    solver_bound: Mapping[str, float]
    own_bound: Mapping[str, float]
    gap: Mapping[str, float]
    proven: bool
    independent: tuple[str, ...]


def certify(
    tier: pd.Series,
    minutes: TravelTimes,
    residents: pd.Series,
    candidates: gpd.GeoDataFrame,
    *,
    claims: tuple[Claim, ...],
    at_least: Mapping[str, int],
    at_most: Mapping[str, int],
    proven: bool,
) -> Certificate:
    """Check a plan from its inputs, or refuse it.

    Parameters
    ----------
    tier
        Tier of each open site, by id.
    minutes, residents, candidates
        The raw inputs of the plan.
    claims
        What the plan says of each layer.
    at_least, at_most
        Sites by tier that the scenario allows; existing ones are not counted.
    proven
        Whether the solver says that every stage is optimal.

    Returns
    -------
    Certificate
        What was recomputed.

    Raises
    ------
    SolveError
        When the plan breaks a rule, or claims what raw minutes do not bear out. A plan without a
        certificate is not written.
    """
    _check_tables(minutes, residents, candidates, claims)
    faults = _broken_rules(tier, candidates, at_least, at_most)
    if not claims:
        faults.append("it claims nothing that could be checked")
    value: dict[str, float] = {}
    own: dict[str, float] = {}
    for claim in claims:
        near = _near(minutes, candidates, claim)
        opened = candidates.index.isin(tier.index[tier.isin(claim.tiers)])
        covered = (near @ opened.astype(np.float64)) > 0
        value[claim.name] = round(float(residents.to_numpy()[covered].sum()), 2)
        limits = {name: at_most[name] for name in claim.tiers}
        own[claim.name] = _own_bound(near, residents, candidates, at_most=limits)
        faults += _contradictions(claim, value[claim.name], own[claim.name], proven=proven)
    _refuse(faults)
    return Certificate(
        value=value,
        solver_bound={claim.name: claim.bound for claim in claims},
        own_bound=own,
        gap={c.name: max(c.bound - value[c.name], 0.0) / max(c.bound, 1.0) for c in claims},
        proven=proven,
        independent=tuple(
            n for n, v in value.items() if own[n] <= v * (1 + _TOLERANCE) + _HALF_UNIT
        ),
    )


def _refuse(faults: list[str]) -> None:
    if faults:
        raise SolveError(f"the plan does not stand up to its own inputs: {'; '.join(faults)}.")


def _check_tables(
    minutes: TravelTimes,
    residents: pd.Series,
    candidates: gpd.GeoDataFrame,
    claims: tuple[Claim, ...],
) -> None:
    """Refuse tables that are not those of the travel times: nothing more can then be checked."""
    faults = []
    if not residents.index.equals(minutes.origins):
        faults.append("the residents are not the origins of the travel times")
    if not candidates.index.equals(minutes.destinations):
        faults.append("the candidates are not the destinations of the travel times")
    faults += [
        f"{claim.name}: {claim.minutes:g} minutes, but the travel times end at "
        f"{minutes.cutoff_min:g}"
        for claim in claims
        if not claim.minutes <= minutes.cutoff_min + _TOLERANCE
    ]
    _refuse(faults)


def _broken_rules(
    tier: pd.Series,
    candidates: gpd.GeoDataFrame,
    at_least: Mapping[str, int],
    at_most: Mapping[str, int],
) -> list[str]:
    unknown = sorted(set(tier.index) - set(candidates.index))
    if unknown:
        return [f"sites that are no candidates: {', '.join(map(str, unknown))}"]
    strange = sorted(set(tier) - set(at_most))
    if strange:
        return [f"tiers that do not exist: {', '.join(map(str, strange))}"]
    faults = []
    if tier.index.has_duplicates:
        faults.append("a site is open twice")
    not_allowed = [str(site) for site, name in tier.items() if not candidates.loc[site, name]]
    if not_allowed:
        faults.append(f"sites open in a tier they may not have: {', '.join(not_allowed)}")
    status = candidates["status"]
    missing = sorted(set(candidates.index[status != "candidate"]) - set(tier.index))
    if missing:
        faults.append(f"existing or forced sites left closed: {', '.join(map(str, missing))}")
    counted = tier[(status[tier.index] != "existing").to_numpy()].value_counts()
    for name in at_most:
        number = int(counted.get(name, 0))
        if not at_least[name] <= number <= at_most[name]:
            faults.append(f"{number} {name} sites, allowed {at_least[name]} to {at_most[name]}")
    return faults


def _contradictions(claim: Claim, value: float, own_bound: float, *, proven: bool) -> list[str]:
    """Compare so that a claim which is not a number never passes."""
    slack = _TOLERANCE * max(value, 1.0) + _HALF_UNIT
    faults = []
    if not abs(value - claim.value) <= slack:
        faults.append(f"{claim.name}: claims {claim.value:.2f} residents, minutes give {value:.2f}")
    if not value <= claim.bound + slack:
        faults.append(f"{claim.name}: {value:.2f} residents exceed the bound {claim.bound:.2f}")
    if not claim.bound < math.inf:
        faults.append(f"{claim.name}: no bound")
    elif proven and not claim.bound <= value + slack:
        faults.append(f"{claim.name}: said proven, but the bound is {claim.bound:.2f}")
    if value > own_bound + slack:
        faults.append(f"{claim.name}: {value:.2f} residents exceed the own bound {own_bound:.2f}")
    return faults


def _near(minutes: TravelTimes, candidates: gpd.GeoDataFrame, claim: Claim) -> sp.csr_array:
    """Return which demand points lie within the claim's minutes of which candidates."""
    raw = minutes.minutes
    rows = np.repeat(np.arange(raw.shape[0]), np.diff(raw.indptr))
    kept = raw.data <= claim.minutes + _TOLERANCE
    entries = (np.ones(int(kept.sum())), (rows[kept], raw.indices[kept]))
    near = sp.csr_array(entries, shape=raw.shape)
    serves = candidates[list(claim.tiers)].any(axis=1).to_numpy().astype(np.float64)
    served = sp.csr_array(near @ sp.diags_array(serves))
    served.eliminate_zeros()
    return served


def _own_bound(
    near: sp.csr_array,
    residents: pd.Series,
    candidates: gpd.GeoDataFrame,
    *,
    at_most: Mapping[str, int],
) -> float:
    """Return the smallest Lagrangian bound that subgradient steps find, or all that is in reach."""
    existing = (candidates["status"] == "existing").to_numpy()
    weight = residents.to_numpy().astype(np.float64)
    sure = (near @ existing.astype(np.float64)) > 0
    reachable = (np.diff(near.indptr) > 0) & ~sure
    secured = float(weight[sure].sum())
    near, weight = sp.csr_array(near[reachable]), weight[reachable]
    eligible = [
        (np.flatnonzero(candidates[name].to_numpy() & ~existing), most)
        for name, most in at_most.items()
    ]
    best = float(weight.sum())
    price = weight / 2
    turned = sp.csr_array(near.T)
    for step in range(_STEPS):
        worth, picked = _best_sites(turned @ price, eligible)
        best = min(best, float((weight - price).sum()) + worth)
        slope = near @ picked - 1.0
        norm = float(slope @ slope)
        if norm == 0.0:
            break
        length = _FIRST_STEP * float(weight.sum()) / norm / (1 + step / _HALVING)
        price = np.clip(price - length * slope, 0.0, weight)
    return secured + best


def _best_sites(
    worth: NDArray[np.float64], eligible: list[tuple[NDArray[np.int64], int]]
) -> tuple[float, NDArray[np.float64]]:
    """Return the most that the allowed number of sites can be worth, and those sites."""
    picked = np.zeros(worth.size)
    total = 0.0
    for sites, most in eligible:
        first = sites[np.argsort(-worth[sites], kind="stable")[:most]]
        picked[first] += 1.0
        total += float(worth[first].sum())
    return total, picked
