r"""Critical mass: a new site opens only where enough users have no nearer site.

Everyone goes to the nearest open site; among sites as near, to the first by id. With :math:`g_{ij}`
the users that :math:`j` would have from point :math:`i`, a new site of tier :math:`t` opens only if

.. math::

    \sum_{i:\; \text{no open site is nearer than } j} g_{ij} \ge k_t .

More sites leave a site fewer users. So where the sites of a set :math:`N` are open and leave
:math:`j` short of :math:`k_t` by :math:`e > 0`, :math:`j` may open only if sites close that take as
much from it. With :math:`w_s` the users of :math:`j` that :math:`s` takes, those of several sites
of :math:`N` counted at one of them, every plan keeps

.. math::

    e \, y_{jt} \le \sum_{s \in N} \min(w_s, e) \Bigl(1 - \sum_{t'} y_{st'}\Bigr).

The model learns these rows where it breaks them (:math:`N` empty says that a site can never open).
At fractional openings :math:`\tilde y` the set that is broken most is known: of each point, its
nearer site that is most open, where that and :math:`j` are open by more than 1 together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from planner.candidates import TIERS
from planner.coverage._layers import Floats, Longs
from planner.rules import USER_UNIT

_OPEN = 0.5
_WHOLE = 1e-6
_BROKEN = 0.001  # by what share of the users needed a row is broken to be learnt, at fractions
_EPSILON = 1e-6

Subject = tuple[str, ...]  # a tier, a site, and the sites that leave it short
Row = tuple[Floats, float, float]  # coefficients, lower, upper


@dataclass(frozen=True, eq=False)
class Mass:
    """Who goes to which site, and how many each new site needs.

    Attributes
    ----------
    row, place, gain
        Pairs of a point and a site in reach, the nearest of each point first: point, position of
        the site, users in whole units. None beyond the nearest site that is always open.
    site
        Position of the site of each option.
    least
        Users that each option needs, in whole units; 0 for none.
    names
        Ids of the sites.
    always
        Positions of the sites that are always open.
    needs
        Users that a site of each tier needs, in whole units.
    """

    row: Longs
    place: Longs
    gain: Floats
    site: Longs
    least: Floats
    names: Sequence[str]
    always: Sequence[int]
    needs: Mapping[str, float]

    def users(self, opened: Floats) -> Floats:
        """Return the users of each site under whole openings, in units; 0 where it is closed."""
        at = np.flatnonzero(self._opening(opened)[self.place] > _OPEN)
        first = at[np.flatnonzero(np.diff(self.row[at], prepend=-1))]
        return self._sum(self.place[first], self.gain[first])

    def short(self, opened: Floats) -> Longs:
        """Return the open options with fewer users than they need, the emptiest first."""
        users = self.users(opened)[self.site]
        short = np.flatnonzero((opened > _OPEN) & (users < self.least - _OPEN))
        return short[np.argsort(users[short] / self.least[short], kind="stable")]

    def emptiest(self, opened: Floats) -> tuple[float, str]:
        """Return the least users of a site, as a share of what it needs, and the site."""
        here = np.flatnonzero((opened > _OPEN) & (self.least > 0))
        share = self.users(opened)[self.site[here]] / self.least[here]
        if not here.size:
            return np.inf, ""
        at = int(np.argmin(share))
        return float(share[at]), self.names[self.site[here[at]]]

    def times(self, share: float) -> "Mass":
        """Return the same where each site needs only a share of the users."""
        needs = {tier: np.floor(share * need) for tier, need in self.needs.items()}
        return replace(self, needs=needs, least=np.floor(share * self.least))

    def filled(self, opened: Floats, matrix: sp.csr_array, lower: Floats) -> Floats | None:
        """Return a plan without the sites that are short, the emptiest closed first.

        None where one must stay open.
        """
        plan = opened.copy()
        while (short := self.short(plan)).size:
            spare = matrix @ plan - lower
            may = [o for o in short if (spare - matrix[:, [o]].toarray()[:, 0] > -_WHOLE).all()]
            if not may:
                return None
            plan[may[0]] = 0.0
        return plan

    def learn(self, opened: Floats) -> list[tuple[Subject, Row]]:
        """Return rows that these openings break: what each is about, and the row."""
        opening = self._opening(opened)
        taken = self._taken(opening)
        every = self._sum(self.place, self.gain)
        whole = bool((np.abs(opened - np.rint(opened)) < _WHOLE).all())
        found = []
        for tier, least in sorted(self.needs.items()):
            if least <= 0:
                continue
            here = self.least >= least
            share = self._sum(self.site[here], opened[here])
            over = (
                self._sum(self.place, self.gain * np.maximum(taken + share[self.place] - 1, 0.0))
                - (every - least) * share
            )
            enough = _OPEN if whole else _BROKEN * least
            for place in np.flatnonzero((share > _WHOLE) & (over > enough)):
                row = self._row(tier, int(place), opening, 1 - float(share[place]))
                if row is not None:
                    found.append(row)
        return found

    def _row(
        self, tier: str, place: int, opening: Floats, closed: float
    ) -> tuple[Subject, Row] | None:
        """Return the row of a site and those more open than `closed` that are nearer to someone."""
        pairs = np.flatnonzero(self.place == place)
        first = np.searchsorted(self.row, self.row[pairs])
        nearer = pairs - first
        at = np.repeat(first - np.cumsum(nearer) + nearer, nearer) + np.arange(nearer.sum())
        mine = np.repeat(np.arange(pairs.size), nearer)
        kept = opening[self.place[at]] > closed + _WHOLE
        at, mine = at[kept], mine[kept]
        order = np.lexsort((self.place[at], -opening[self.place[at]], mine))
        chosen = order[np.flatnonzero(np.diff(mine[order], prepend=-1))]
        gain = self.gain[pairs]
        weight = self._sum(self.place[at[chosen]], gain[mine[chosen]])
        lacking = self.needs[tier] - (gain.sum() - weight.sum())
        if lacking <= _OPEN:
            return None
        others = np.flatnonzero(weight > 0)
        others = others[np.lexsort((others, -opening[others]))]
        worth = np.minimum(weight, lacking)
        row = worth[self.site]
        row[(self.site == place) & (self.least >= self.needs[tier])] = lacking
        subject = (tier, *(self.names[one] for one in (place, *self.always, *others)))
        return subject, (row, -np.inf, float(worth.sum()))

    def _opening(self, opened: Floats) -> Floats:
        """Return how open each site is, in any tier."""
        return self._sum(self.site, opened).clip(0.0, 1.0)

    def _taken(self, opening: Floats) -> Floats:
        """Return, of each pair, how open the most open of the nearer sites is."""
        share = opening[self.place]
        most = np.maximum.accumulate(share + 2.0 * self.row) - 2.0 * self.row
        before = np.append(0.0, most[:-1])
        before[np.diff(self.row, prepend=-1) > 0] = 0.0
        return before

    def _sum(self, place: Longs, amount: Floats) -> Floats:
        return np.bincount(place, amount, len(self.names)).astype(np.float64)


def mass_of(
    minutes: sp.csr_array,
    gains: sp.csr_array,
    *,
    site: Longs,
    tier: Longs,
    new: NDArray[np.bool_],
    names: Sequence[str],
    least: Mapping[str, float],
) -> Mass:
    """Return the critical mass of a space.

    Parameters
    ----------
    minutes
        Points × sites, sites in the order of their ids.
    gains
        Users that each site would have from each point, whole units; stored as `minutes`.
    site, tier, new
        Of each option.
    names
        Ids of the sites, as text.
    least
        By tier, users that a new site needs.
    """
    row = np.repeat(np.arange(minutes.shape[0]), np.diff(minutes.indptr))
    usable = np.zeros(len(names), np.bool_)
    usable[site] = True
    kept = (gains.data > 0) & usable[minutes.indices]
    place, time, row = minutes.indices[kept].astype(np.int64), minutes.data[kept], row[kept]
    always = np.zeros(len(names), np.bool_)
    always[site[~new]] = True
    order = np.lexsort((place, time, row))
    order = order[_until(row[order], always[place[order]])]
    needs = {key: float(np.ceil(number / USER_UNIT - _EPSILON)) for key, number in least.items()}
    by_tier = np.array([needs.get(key, 0.0) for key in TIERS])
    return Mass(
        row[order],
        place[order],
        gains.data[kept][order],
        site,
        np.where(new, by_tier[tier], 0.0),
        names,
        np.flatnonzero(always).tolist(),
        needs,
    )


def _until(row: Longs, last: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pairs of each row are not after its first that is the last."""
    before: Longs = np.cumsum(last) - last
    first = np.flatnonzero(np.diff(row, prepend=-1) > 0)
    return np.asarray(before == np.repeat(before[first], np.diff(np.append(first, row.size))))
