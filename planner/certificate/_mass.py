"""Critical mass, from raw minutes: the users of each site, and what others leave one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from planner.candidates import TIERS
from planner.certificate._space import Flags, Floats, Longs, Space, whole
from planner.rules import USER_UNIT, Rules
from planner.travel import BOUNDARY_MIN

_EPSILON = 1e-6


def users_needed(rules: Rules) -> Mapping[str, int]:
    """Return the users that a new site of each tier needs, in whole units."""
    return {
        tier: int(np.ceil(number / USER_UNIT - _EPSILON))
        for tier, number in rules.site_users_min.items()
        if number > 0
    }


@dataclass(frozen=True, eq=False)
class Reach:
    """Points that could use a site: who they are, their minutes, the users they bring in units."""

    point: Longs
    minutes: Floats
    users: Longs


class Masses:
    """Who goes where, and what is left to a site when others are open."""

    def __init__(self, space: Space) -> None:
        """Take the pairs within which anybody comes."""
        self.space = space
        ids = space.candidates.index.to_numpy()
        self.rank = np.empty(ids.size, np.int64)  # of each candidate by its id
        self.rank[np.argsort(ids, kind="stable")] = np.arange(ids.size)
        self._columns = space.minutes.minutes.tocsc()

    def reach(self, site: int) -> Reach:
        """Return the points that could use a candidate."""
        ends = slice(*self._columns.indptr[site : site + 2])
        point = self._columns.indices[ends].astype(np.int64)
        minutes = np.asarray(self._columns.data[ends])
        near = minutes <= self.space.rules.decay.until_min + BOUNDARY_MIN
        point, minutes = point[near], minutes[near]
        count = whole(self.space.demand["users"].iloc[point], USER_UNIT)
        share = self.space.rules.decay.share(minutes)
        return Reach(point, minutes, np.rint(count * share).astype(np.int64))

    def taken(self, site: int, others: list[int]) -> list[int]:
        """Return the users whom each of others takes from a site, the first that is nearer."""
        mine = self.reach(site)
        left = np.ones(mine.point.size, np.bool_)
        found = []
        for other in others:
            theirs = np.full(self.space.minutes.minutes.shape[0], np.inf)
            reach = self.reach(other)
            theirs[reach.point] = reach.minutes
            there = theirs[mine.point]
            nearer = (there < mine.minutes) | (
                (there == mine.minutes) & (self.rank[other] < self.rank[site])
            )
            found.append(int(mine.users[left & nearer].sum()))
            left &= ~nearer
        return found

    def row(self, tier: str, ids: tuple[str, ...], at: pd.Index) -> tuple[Longs, int] | None:
        """Return that a site lacks users while others are open, as ``row @ opened <= limit``.

        Parameters
        ----------
        tier, ids
            The tier whose users it lacks, the site, and the others.
        at
            Candidates by their ids as text.
        """
        space, needed = self.space, users_needed(self.space.rules)
        sites = at.get_indexer(pd.Index(ids, dtype=object))
        if tier not in needed or not ids or len(set(ids)) < len(ids) or (sites < 0).any():
            return None
        site, others = int(sites[0]), [int(one) for one in sites[1:]]
        weight = self.taken(site, others)
        lacking = needed[tier] - int(self.reach(site).users.sum()) + sum(weight)
        if lacking <= 0:
            return None
        worth = np.zeros(len(space.candidates), np.int64)
        worth[others] = np.minimum(weight, lacking)
        row = worth[space.site]
        least = np.array([needed.get(name, 0) for name in TIERS])[space.tier]
        row[(space.site == site) & space.new & (least >= needed[tier])] = lacking
        return row, int(worth.sum())

    def short(self, opened: Flags) -> Iterator[str]:
        """Say which new sites of a plan have fewer users than they need."""
        needed, space = users_needed(self.space.rules), self.space
        here = np.flatnonzero(opened.any(axis=1)).tolist()
        old = (space.candidates["status"] == "existing").to_numpy()
        for site in here:
            tier = TIERS[int(np.argmax(opened[site]))]
            if old[site] or tier not in needed:
                continue
            others = [other for other in here if other != site]
            users = int(self.reach(site).users.sum()) - sum(self.taken(site, others))
            if users < needed[tier]:
                yield (
                    f"{users * USER_UNIT:.4f} users at {space.candidates.index[site]}, at least "
                    f"{needed[tier] * USER_UNIT:g} needed for {tier}"
                )
