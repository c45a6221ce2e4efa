"""The rules on what opens: the broken ones, and each as a row that bounds may lean on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy.sparse as sp

from planner._tables import listed
from planner.candidates import TIERS
from planner.certificate._mass import Masses, users_needed
from planner.certificate._space import (
    Flags,
    Layer,
    Longs,
    Space,
    by_commune,
    near_pairs,
    open_to_all,
)
from planner.travel import TravelTimes

_COMMUNES = {"commune_sites": "commune_sites_max", "commune_invest": "commune_invest_max_eur"}
_SPACING = "spacing_"
_RANK = {name: rank for rank, name in enumerate(TIERS)}


@dataclass(frozen=True, eq=False)
class Limits:
    """The rules of a space, looked up by name.

    Attributes
    ----------
    space
        Options and rules.
    between
        Minutes between candidates, where given.
    """

    space: Space
    between: TravelTimes | None

    @cached_property
    def near(self) -> Mapping[str, sp.csr_array]:
        """By tier: which candidates are too near one another; two existing ones never are."""
        if self.between is None:
            return {}
        old = (self.space.candidates["status"] == "existing").to_numpy()
        found = {}
        for tier, least in self.space.rules.spacing_min.items():
            pairs = near_pairs(self.between, self.space.candidates, least).tocoo()
            start, stop = pairs.coords
            kept = ~(old[start] & old[stop])
            ends = start[kept], stop[kept]
            found[tier] = sp.csr_array((pairs.data[kept], ends), shape=pairs.shape)
        return found

    @cached_property
    def homes(self) -> tuple[Longs, list[str]]:
        """Number of each candidate's commune, and the codes."""
        frame = self.space.candidates
        if "commune" not in frame:
            return np.zeros(len(frame), np.int64), [""]
        names, number = np.unique(
            frame["commune"].to_numpy(object).astype(str), return_inverse=True
        )
        return number.ravel().astype(np.int64), names.tolist()

    def row(self, kind: str, subject: tuple[str, ...]) -> tuple[Longs, int] | None:
        """Return a rule as ``row @ opened <= limit``, or None where there is no such rule.

        A clique is believed only when every two of its sites are too near one another; and that
        one of some options opens (a commune, then sites and tiers) only when all others together
        leave that commune below its share. That a site lacks users (a tier, the site, others) is
        worked out anew.
        """
        space, rules = self.space, self.space.rules
        if kind in {"at_most", "at_least"} and subject and subject[0] in TIERS:
            here = (space.new & (space.tier == TIERS.index(subject[0]))).astype(np.int64)
            if kind == "at_most":
                return here, rules.at_most[subject[0]]
            return -here, -rules.at_least[subject[0]]
        if kind == "invest" and rules.invest_max_eur is not None:
            return space.invest, int(rules.invest_max_eur)
        if kind == "running" and rules.running_max_eur is not None:
            return space.running, int(rules.running_max_eur)
        if kind in _COMMUNES and subject:
            return self._commune_row(kind, subject[0])
        if kind == "cover" and subject:
            return self._cover(subject[0], subject[1:])
        if kind == "critical_mass" and subject:
            return self.masses.row(subject[0], subject[1:], self._by_text)
        if kind.startswith(_SPACING):
            return self._clique(kind.removeprefix(_SPACING), subject)
        return None

    @cached_property
    def masses(self) -> Masses:
        """Who goes where."""
        return Masses(self.space)

    def _commune_row(self, kind: str, code: str) -> tuple[Longs, int] | None:
        limit = getattr(self.space.rules, _COMMUNES[kind])
        number, codes = self.homes
        if limit is None or code not in codes:
            return None
        here = self.space.new & (number[self.space.site] == codes.index(code))
        worth = self.space.invest if kind == "commune_invest" else np.ones(here.size, np.int64)
        return np.where(here, worth, 0), int(limit)

    def _cover(self, code: str, names: tuple[str, ...]) -> tuple[Longs, int] | None:
        space = self.space
        if space.rules.commune_share_min <= 0 or code not in space.communes:
            return None
        tiers = np.array([_RANK.get(name, -1) for name in names[1::2]], np.int64)
        sites = self._by_text.get_indexer(pd.Index(names[::2], dtype=object))
        if sites.size != tiers.size or (sites < 0).any() or (tiers < 0).any():
            return None
        opened = np.zeros((len(space.candidates), len(TIERS)), np.bool_)
        opened[space.site, space.tier] = True
        opened[sites, tiers] = False
        at = space.communes.index(code)
        least = least_covered(int(space.people[at]), space.rules.commune_share_min)
        if self._mesh_of[at].served(opened).sum() >= least:
            return None
        return opened[space.site, space.tier].astype(np.int64) - 1, -1

    @cached_property
    def _mesh_of(self) -> list[Layer]:
        """The mesh of the points of each commune."""
        mesh, homes = self.space.layers["mesh"], self.space.commune
        return [mesh.of(np.flatnonzero(homes == at)) for at in range(len(self.space.communes))]

    def _clique(self, tier: str, ids: tuple[str, ...]) -> tuple[Longs, int] | None:
        if tier not in self.near:
            return None
        sites = self._by_text.get_indexer(pd.Index(ids, dtype=object))
        if len(set(ids)) < len(ids) or (sites < 0).any():
            return None
        near = self.near[tier][sites][:, sites]
        if near.nnz < sites.size * (sites.size - 1):
            return None
        chosen = np.isin(self.space.site, sites) & (self.space.tier == TIERS.index(tier))
        return chosen.astype(np.int64), 1

    @cached_property
    def _by_text(self) -> pd.Index:
        names = pd.Index(self.space.candidates.index.astype(str), dtype=object)
        return names if names.is_unique else pd.Index([], dtype=object)


def strangers(tier: pd.Series, limits: Limits) -> list[str]:
    """Return what makes the rest meaningless: sites or tiers that do not exist."""
    unknown = sorted(map(str, set(tier.index) - set(limits.space.candidates.index)))
    if unknown:
        return [f"sites that are no candidates: {', '.join(unknown)}"]
    strange = sorted(map(str, set(tier) - set(TIERS)))
    if strange:
        return [f"tiers that do not exist: {', '.join(strange)}"]
    return []


def broken(tier: pd.Series, limits: Limits, opened: Flags) -> list[str]:
    """Return every rule that a plan breaks.

    Parameters
    ----------
    tier
        Tier of each open site, none of them strange.
    limits
        The rules.
    opened
        The same plan, candidates × tiers.
    """
    return [
        *_sites(tier, limits.space, opened),
        *_numbers(limits, opened),
        *_money(limits, opened),
        *_spacing(limits, opened),
        *_uncovered(limits.space, opened),
        *(limits.masses.short(opened) if users_needed(limits.space.rules) else ()),
    ]


def _uncovered(space: Space, opened: Flags) -> list[str]:
    rules, faults = space.rules, []
    if not (rules.commune_share_min > 0 or rules.mesh_share_min > 0):
        return []
    covered = space.layers["mesh"].served(opened)
    if rules.mesh_share_min > 0:
        least = least_covered(int(space.people.sum()), rules.mesh_share_min)
        if covered.sum() < least:
            faults.append(
                f"{covered.sum() / 100:.2f} residents covered, at least {least / 100:.2f} asked"
            )
    if rules.commune_share_min > 0:
        found = by_commune(space, covered)
        faults += [
            f"{found[at] / 100:.2f} residents of commune {name} covered, at least "
            f"{least / 100:.2f} asked"
            for at, name in enumerate(space.communes)
            if found[at] < (least := least_covered(int(space.people[at]), rules.commune_share_min))
        ]
    return faults


def least_covered(people: int, share: float) -> int:
    """Return the fewest residents, in hundredths, that are at least a share of some."""
    return int(np.ceil(share * people - 1e-6))


def _sites(tier: pd.Series, space: Space, opened: Flags) -> Iterator[str]:
    frame = space.candidates
    if tier.index.has_duplicates:
        yield "a site is open twice"
    wrong = opened & ~frame[list(TIERS)].to_numpy().astype(np.bool_)
    if wrong.any():
        yield f"sites open in a tier they may not have: {_ids(space, wrong.any(axis=1))}"
    barred = opened.any(axis=1) & ~open_to_all(frame, space.rules)
    if barred.any():
        yield f"sites open that are not accessible: {_ids(space, barred)}"
    closed = (frame["status"] != "candidate").to_numpy() & ~opened.any(axis=1)
    if closed.any():
        yield f"existing or forced sites left closed: {_ids(space, closed)}"


def _ids(space: Space, chosen: Flags) -> str:
    return ", ".join(sorted(map(str, space.candidates.index[chosen])))


def _numbers(limits: Limits, opened: Flags) -> Iterator[str]:
    rules, frame = limits.space.rules, limits.space.candidates
    new = opened & (frame["status"] != "existing").to_numpy()[:, None]
    for rank, name in enumerate(TIERS):
        number, low, high = int(new[:, rank].sum()), rules.at_least[name], rules.at_most[name]
        if not low <= number <= high:
            yield f"{number} {name} sites, allowed {low} to {high}"
    if rules.commune_sites_max is not None:
        yield from _by_commune(limits, new.sum(axis=1), rules.commune_sites_max, "new sites")


def _by_commune(limits: Limits, worth: Longs, most: int, what: str) -> Iterator[str]:
    number, codes = limits.homes
    for code, total in zip(codes, np.bincount(number, worth, len(codes)), strict=True):
        if total > most:
            yield f"{total:.0f} {what} in commune {code}, at most {most}"


def _money(limits: Limits, opened: Flags) -> Iterator[str]:
    space, rules = limits.space, limits.space.rules
    chosen = opened[space.site, space.tier]
    for name, worth, most in (
        ("investment", space.invest, rules.invest_max_eur),
        ("running cost", space.running, rules.running_max_eur),
    ):
        spent = int(worth[chosen].sum())
        if most is not None and spent > most:
            yield f"{spent} € of {name}, at most {most}"
    if rules.commune_invest_max_eur is not None:
        paid = np.zeros(len(space.candidates), np.int64)
        np.add.at(paid, space.site[chosen], space.invest[chosen])
        yield from _by_commune(limits, paid, rules.commune_invest_max_eur, "€ of investment")


def _spacing(limits: Limits, opened: Flags) -> Iterator[str]:
    names = limits.space.candidates.index.astype(str)
    for tier, near in sorted(limits.near.items()):
        here = np.flatnonzero(opened[:, TIERS.index(tier)])
        start, stop = near[here][:, here].tocoo().coords
        pairs = [
            f"{names[here[a]]} and {names[here[b]]}"
            for a, b in zip(start, stop, strict=True)
            if a < b
        ]
        if pairs:
            least = limits.space.rules.spacing_min[tier]
            yield f"{tier} sites less than {least:g} minutes apart: {listed(pairs)}"
