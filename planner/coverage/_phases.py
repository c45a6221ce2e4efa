r"""In which year each site of a plan opens: nested networks whose last year is the plan.

Sites :math:`j` of the plan, years :math:`s = 1 \dots T`; :math:`x_{js} = 1` when :math:`j` opens in
:math:`s`. A site is used more each year it is open, :math:`\rho_1 \le \rho_2 \le \dots = 1`:

.. math::

    \max \sum_{t} \frac{1}{(1 + \delta)^{t}}
    \sum_i \max_{j, s \le t} d \, u_i f(m_{ij}) \rho_{t - s + 1} x_{js}
    \quad \text{s.t.} \quad \sum_s x_{js} = 1, \quad
    \sum_{j \in c} f_j x_{js} \le F, \quad \sum_j h_j x_{js} \le H.

It is gradual covering once more, with options (site, year) and a row for each demand point and
year, so the same exact search answers it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from planner._errors import Infeasible, InputError
from planner._tables import listed
from planner.candidates import TIERS
from planner.coverage._goals import Goal
from planner.coverage._layers import Floats, Longs, Rows, gain_rows
from planner.coverage._network import prepare
from planner.coverage._space import Rule, Space, user_gains
from planner.coverage._stages import Question, Stage, lexicographic
from planner.rules import USER_UNIT, Rules
from planner.travel import TravelTimes

WEEKS_A_YEAR = 45
DAY_UNIT = 0.01  # user-days


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What binds the years.

    Attributes
    ----------
    years
        How many.
    commune_invest_max_eur
        Investment that one commune pays in a year.
    hours_max
        Hours of animation there are in a year to open sites.
    opening_hours
        Hours that opening a site takes, by tier.
    available_year
        By site id, the first year its premises can be had, from 1.
    ramp
        Share of its use that a site has in its first years; all of it later.
    discount_rate
        Of user-days, a year.
    days_a_week
        Days a user comes.
    """

    years: int = 5
    commune_invest_max_eur: int | None = None
    hours_max: int | None = None
    opening_hours: Mapping[str, int] | None = None
    available_year: Mapping[str, int] | None = None
    ramp: tuple[float, ...] = (0.35, 0.7, 1.0)
    discount_rate: float = 0.032
    days_a_week: float = 1.0


@dataclass(frozen=True, eq=False)
class Phasing:
    """A plan, year by year.

    Attributes
    ----------
    year
        Of each new site of the plan, the year it opens; index site id.
    by_year
        Index year: `sites` open, `users` and `user_days` of the year, `invest_eur` and `hours` of
        its openings.
    stages
        ``user_days``, discounted, then ``invest`` as late as can be, then ``ids``.
    seconds
        Time it took.
    """

    year: pd.Series
    by_year: pd.DataFrame
    stages: tuple[Stage, ...]
    seconds: float


def phases(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    tier: pd.Series,
    pace: Pace,
    time_limit_s: float = 60.0,
) -> Phasing:
    """Return the years in which the sites of a plan open, so that most user-days are had.

    Parameters
    ----------
    minutes, demand, candidates, rules
        As :func:`planner.coverage.solve`; the demand needs users.
    tier
        The plan: tier of each open site.
    pace
        What binds the years.
    time_limit_s
        Seconds.

    Returns
    -------
    Phasing
        Nested by construction; the last year is the plan.

    Raises
    ------
    InputError
        When the demand has no users, or a number is none.
    Infeasible
        When the years cannot hold the plan; the message says what they would need.
    TimeLimit
        When time ran out before a first schedule.

    References
    ----------
    Schilling, D. (1980). Dynamic location modeling for public-sector facilities: a multicriteria
    approach. Decision Sciences 11.
    """
    began = time.perf_counter()
    if "users" not in demand:
        raise InputError("phases: the demand points have no users.")
    if pace.years < 1 or not pace.ramp or not all(0 <= share <= 1 for share in pace.ramp):
        raise InputError("pace: one year or more, and shares of ramp-up between 0 and 1.")
    bare = replace(rules, spacing_min={})  # the plan is made: it keeps its distances
    case = prepare(minutes, demand, candidates, rules=bare, time_limit_s=time_limit_s)
    opened = np.flatnonzero(case.opened(tier) > 0)
    plan = _Plan(
        ids=case.candidates.index[case.space.site[opened]].astype(str).to_list(),
        tier=case.space.tier[opened],
        new=case.space.new[opened],
        invest=case.space.invest_eur[opened],
        commune=_communes(case.candidates, case.space.site[opened]),
        pace=pace,
    )
    gains = user_gains(case.minutes, case.demand["users"], case.space.site[opened], rules=rules)
    space = plan.space(gains)
    question = Question(space, case.question.deadline)
    late = space.invest_eur * (plan.year - 1.0)
    goals = [
        Goal("user_days", DAY_UNIT, layers={"user_days": 1.0}),
        Goal("late", 1.0, options=late),
        Goal("ids", 1.0, options=-np.arange(1.0, space.options + 1)),
    ]
    try:
        found = lexicographic(question, goals)
    except Infeasible as error:
        raise plan.too_tight() from error
    return plan.phasing(
        space, gains, found.opened, stages=found.stages, seconds=time.perf_counter() - began
    )


def _communes(candidates: gpd.GeoDataFrame, site: Longs) -> list[str]:
    if "commune" not in candidates:
        return [""] * site.size
    return list(map(str, candidates["commune"].iloc[site]))


@dataclass(frozen=True, eq=False)
class _Plan:
    """The open options of a plan, and the options (site, year) they make."""

    ids: Sequence[str]
    tier: Longs
    new: NDArray[np.bool_]
    invest: Floats
    commune: Sequence[str]
    pace: Pace

    def __post_init__(self) -> None:
        """Refuse premises that cannot be had in time."""
        late = [
            name
            for name in self.ids
            if (self.pace.available_year or {}).get(name, 1) > self.pace.years
        ]
        if late:
            raise Infeasible(
                f"no schedule: {listed(late)} can be had only after year {self.pace.years}. Plan "
                "for more years, or forbid these sites."
            )

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Options: position of the site in the plan, and year."""
        available = self.pace.available_year or {}
        return [
            (site, year)
            for site, name in enumerate(self.ids)
            for year in (
                range(max(available.get(name, 1), 1), self.pace.years + 1)
                if self.new[site]
                else (1,)
            )
        ]

    @property
    def site(self) -> Longs:
        """Position of the site of each option."""
        return np.array([site for site, _ in self.pairs], np.int64)

    @property
    def year(self) -> Longs:
        """Year of each option."""
        return np.array([year for _, year in self.pairs], np.int64)

    @property
    def hours(self) -> Floats:
        """Hours that each option takes to open."""
        asked = self.pace.opening_hours or {}
        by_tier = np.array([float(asked.get(tier, 0)) for tier in TIERS])
        return np.where(self.new[self.site], by_tier[self.tier[self.site]], 0.0)

    def space(self, gains: sp.csr_array) -> Space:
        """Return the space of schedules."""
        site, year = self.site, self.year
        invest = np.where(self.new[site], self.invest[site], 0.0)
        found = [
            (Rule("year", (name,)), (site == position).astype(float), 1.0, 1.0)
            for position, name in enumerate(self.ids)
        ]
        homes = np.array(self.commune, dtype=object)[site]
        for now in range(1, self.pace.years + 1):
            if self.pace.commune_invest_max_eur is not None:
                found += [
                    (Rule("year_invest", (code, str(now))),
                     np.where((homes == code) & (year == now), invest, 0.0),
                     -np.inf, float(self.pace.commune_invest_max_eur))
                    for code in sorted(set(self.commune))
                ]  # fmt: skip
            if self.pace.hours_max is not None:
                row = np.where(year == now, self.hours, 0.0)
                found.append((Rule("hours", (str(now),)), row, -np.inf, float(self.pace.hours_max)))
        rows = np.array([row for _, row, _, _ in found]).reshape(len(found), site.size)
        layer = self._layer(gains)
        return Space(
            site, self.tier[site], self.new[site].astype(np.bool_), invest,
            np.zeros(site.size), sp.csr_array(rows),
            np.array([low for _, _, low, _ in found]), np.array([high for *_, high in found]),
            tuple(rule for rule, *_ in found), {"user_days": layer}, (),
            tuple(str(now) for now in range(1, self.pace.years + 1)), np.zeros(self.pace.years),
        )  # fmt: skip

    def _layer(self, gains: sp.csr_array) -> Rows:
        """Return a row for each demand point and year: what each option gives it then."""
        days = self.pace.days_a_week * WEEKS_A_YEAR * USER_UNIT / DAY_UNIT
        parts = []
        for now in range(1, self.pace.years + 1):
            age = now - self.year
            share = np.array([self._ramp(int(a), old=not self.new[s])
                              for a, s in zip(age, self.site, strict=True)])  # fmt: skip
            discount = (1 + self.pace.discount_rate) ** -now
            scaled = sp.csr_array(gains[:, self.site]) @ sp.diags_array(share * days * discount)
            parts.append(sp.csr_array(scaled))
        table = sp.csr_array(sp.vstack(parts, format="csr"))
        table.data = np.rint(table.data)
        blocks = np.repeat(np.arange(self.pace.years, dtype=np.int32), gains.shape[0])
        return gain_rows(table, blocks, unit=DAY_UNIT)

    def _ramp(self, age: int, *, old: bool) -> float:
        if old:
            return 1.0
        if age < 0:
            return 0.0
        return self.pace.ramp[age] if age < len(self.pace.ramp) else 1.0

    def too_tight(self) -> Infeasible:
        """Return why no schedule holds the plan, with what the years would need."""
        faults = []
        pace = self.pace
        for code in sorted(set(self.commune)):
            here = [float(i) for i, c, n in zip(self.invest, self.commune, self.new, strict=True)
                    if n and c == code]  # fmt: skip
            limit = pace.commune_invest_max_eur
            if here and limit is not None and max(sum(here) / pace.years, *here) > limit:
                faults.append(
                    f"{code} must invest {sum(here):,.0f} €, {max(here):,.0f} € in one site, with "
                    f"{limit:,} € a year"
                )
        first = [self.pairs.index((site, year)) for site, year in dict(self.pairs).items()]
        asked = float(self.hours[first].sum())
        if pace.hours_max is not None and asked > pace.hours_max * pace.years:
            faults.append(
                f"opening takes {asked:,.0f} hours, {pace.hours_max * pace.years:,} are there"
            )
        said = "; ".join(faults) or "the ceilings, the years and the available years clash"
        return Infeasible(f"no schedule of {pace.years} years holds the plan: {said}.")

    def phasing(
        self,
        space: Space,
        gains: sp.csr_array,
        opened: Floats,
        *,
        stages: tuple[Stage, ...],
        seconds: float,
    ) -> Phasing:
        """Return the schedule as tables."""
        on = np.flatnonzero(opened > 0)
        opens = pd.Series(
            self.year[on], index=pd.Index([self.ids[s] for s in self.site[on]], name="id")
        )
        rows = []
        for now in range(1, self.pace.years + 1):
            here = on[self.year[on] <= now]
            share = np.array([self._ramp(now - int(self.year[o]), old=not self.new[self.site[o]])
                              for o in here])  # fmt: skip
            served = sp.csr_array(gains[:, self.site[here]]) @ sp.diags_array(share)
            users = float(served.max(axis=1).sum()) * USER_UNIT if here.size else 0.0
            fresh = on[self.year[on] == now]
            rows.append({
                "year": now, "sites": int(here.size), "users": round(users, 2),
                "user_days": round(users * self.pace.days_a_week * WEEKS_A_YEAR, 1),
                "invest_eur": float(space.invest_eur[fresh].sum()),
                "hours": float(self.hours[fresh].sum()),
            })  # fmt: skip
        new = [self.ids[s] for s in self.site[on] if self.new[s]]
        return Phasing(
            opens.loc[new].rename("year").sort_index(),
            pd.DataFrame(rows).set_index("year"),
            stages,
            seconds,
        )
