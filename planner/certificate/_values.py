"""What a plan is worth for each goal, from the inputs alone."""

import math
from collections.abc import Iterator
from fractions import Fraction

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp

from planner.candidates import TIERS
from planner.certificate._space import ROUNDING, Flags, Floats, Goal, Space, by_commune, worst
from planner.rules import USER_UNIT

_LOOSE = 1e-7  # of a share: what a solver's tolerance may add


def opened_by(tier: pd.Series, candidates: gpd.GeoDataFrame) -> Flags:
    """Return a plan as candidates × tiers."""
    found = np.zeros((len(candidates), len(TIERS)), np.bool_)
    found[candidates.index.get_indexer(tier.index), [TIERS.index(name) for name in tier]] = True
    return found


def worth(
    space: Space, goal: Goal, opened: Flags, assignment: sp.csr_array | None
) -> int | Fraction:
    """Return the value of a plan for a goal, in units, so that more is better."""
    if goal.name == "worst":
        return -Fraction(worst(space, np.any(opened, axis=1))) * goal.per
    if goal.fair:
        covered = by_commune(space, space.layers["mesh"].served(opened))
        lived = space.people > 0
        parts = (
            Fraction(part, whole)
            for part, whole in zip(
                covered[lived].tolist(), space.people[lived].tolist(), strict=True
            )
        )
        return min(parts, default=Fraction(0)) * goal.per
    if goal.name == "users" and (shares := _shares(space, assignment)) is not None:
        return math.floor(float(_seated(space, shares).sum()) + float(ROUNDING))
    total = goal.offset
    if goal.layer is not None:
        total += int(space.layers[goal.layer].served(opened).sum())
    if goal.options is not None:
        total += int(goal.options[opened[space.site, space.tier]].sum())
    return total


def seating(space: Space, opened: Flags, assignment: sp.csr_array | None) -> Iterator[str]:
    """Say what is wrong with who goes where, when seats bind."""
    if not space.rules.seats or "users" not in space.demand:
        return
    shares = _shares(space, assignment)
    if shares is None:
        yield "seats bind, but it is not said who goes where"
        return
    if not ((shares.data >= -_LOOSE) & (shares.data <= 1 + _LOOSE)).all():
        yield "shares of points that are below 0 or above 1"
    if (shares.sum(axis=1) > 1 + _LOOSE).any():
        yield "points that are seated more than once"
    used = shares.sum(axis=0) > _LOOSE
    if (used & ~opened.any(axis=1)).any():
        yield "people seated at sites that are closed"
    room = np.where(opened, space.seats, 0).sum(axis=1)
    load = _seated(space, shares)
    over = np.flatnonzero(load > room + _LOOSE * np.maximum(room, 1 / USER_UNIT))
    for site in over.tolist():
        name, users = space.candidates.index[site], load[site] * USER_UNIT
        yield f"{users:.4f} users at {name}, seats for {room[site] * USER_UNIT:.4f}"


def _shares(space: Space, assignment: sp.csr_array | None) -> sp.csr_array | None:
    """Return who goes where, when seats bind and it is said in numbers."""
    if not space.rules.seats or assignment is None:
        return None
    shares = sp.csr_array(assignment)
    given = shares.shape == space.minutes.minutes.shape and np.isfinite(shares.data).all()
    return shares if given else None


def _seated(space: Space, shares: sp.csr_array) -> Floats:
    """Return the users that each candidate seats, units."""
    layer = space.layers["users"]
    gains = sp.csr_array((layer.gain.astype(float), layer.site, layer.pointer), shape=shares.shape)
    return np.asarray(gains.multiply(shares).sum(axis=0)).ravel()
