"""Small planning instances; the best plan found by looking at every plan; the shipped plans."""

from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import product
from typing import Any

import geopandas as gpd
import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import scipy.sparse as sp
from hypothesis import strategies as st

from planner import Plan, Scenario, coverage, run, territory
from planner.candidates import TIERS
from planner.rules import OBJECTIVES, Decay, Objective, Rules
from planner.travel import TravelTimes

NOISE = 5e-7  # of floating point, below the tolerance of a boundary
BOUNDARY = 1e-6  # what the model takes as equal minutes
LONGEST = 60.0  # minutes at which the travel times end
MINUTES = (0.0, 3.0, 5.0, 5.1, 8.0, 10.0, 10.0 + NOISE, 10.1, 15.0, 20.0, 20.1, np.inf)
APART = (0.0, 2.0, 5.0 - 2e-6, 5.0 - NOISE, 5.0, 5.1, 8.0, 30.0, np.inf)
RESIDENTS = (0.0, 0.01, 0.5, 1.0, 2.0, 3.7, 12.0, 150.25, 4_000.0, 90_000.0)
FEW = RESIDENTS[:1] + RESIDENTS[2:8]  # so that shares of them differ by more than their tolerance
USERS = (0.0, 0.0001, 0.02, 0.3, 1.0, 7.5, 60.0)
EUROS = (0.0, 0.0, 1.0, 40.0, 55.0, 900.0, 120_000.0)
STATUSES = ("candidate", "candidate", "candidate", "forced", "existing")
CODES = ("69001", "69002", "69003")
STEPS = (
    ((5.0, 1.0), (10.0, 0.7), (15.0, 0.3), (20.0, 0.1)),
    ((10.0, 0.5),),
    ((5.0, 0.4), (8.0, 0.4)),
    (),
)
MOST_PLANS = 6_000
NONE = dict.fromkeys(TIERS, 0)
LARGER = {"mesh", "backup", "structuring", "users", "fairness"}  # goals of which more is better


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A question small enough to look at every plan.

    Minutes are points × sites; what a site may be, and what it costs as that, sites × tiers.
    """

    minutes: np.ndarray
    residents: np.ndarray
    allowed: np.ndarray
    status: tuple[str, ...]
    rules: Rules = field(default_factory=Rules)
    users: np.ndarray | None = None
    homes: tuple[str, ...] | None = None  # commune of each point
    communes: tuple[str, ...] | None = None  # of each site
    accessible: np.ndarray | None = None
    invest: np.ndarray | None = None
    running: np.ndarray | None = None
    between: np.ndarray | None = None  # sites × sites, one way and the other may differ
    objective: Objective = "service"
    seed: int | None = None

    # What the model takes

    @property
    def sites(self) -> pd.Index:
        """Ids of the sites."""
        return pd.Index([f"s{n:02}" for n in range(len(self.status))], dtype=object)

    @property
    def tables(self) -> tuple[TravelTimes, pd.DataFrame, gpd.GeoDataFrame]:
        """Return minutes, demand and candidates; shuffled when there is a seed."""
        points = pd.Index([f"p{n:02}" for n in range(len(self.residents))], dtype=object)
        times = _times(self.minutes, points, self.sites)
        people = pd.DataFrame({"residents": self.residents}, index=points)
        if self.users is not None:
            people["users"] = self.users
        if self.homes is not None:
            people["commune"] = pd.Series(self.homes, index=points, dtype=object)
        frame = gpd.GeoDataFrame(
            {"status": self.status, **dict(zip(TIERS, self.allowed.T, strict=True))},
            index=self.sites,
            geometry=gpd.GeoSeries([None] * len(self.sites), index=self.sites),
        )
        if self.communes is not None:
            frame["commune"] = pd.Series(self.communes, index=self.sites, dtype=object)
        if self.accessible is not None:
            frame["accessible"] = self.accessible
        for name, table in (("invest", self.invest), ("running", self.running)):
            if table is not None:
                for rank, tier in enumerate(TIERS):
                    frame[f"{name}_eur_{tier}"] = table[:, rank]
        if self.seed is not None:
            order = np.random.default_rng(self.seed)
            row, column = (order.permutation(size) for size in self.minutes.shape)
            times = replace(
                times,
                minutes=sp.csr_array(times.minutes[row][:, column]),
                origins=times.origins[row],
                destinations=times.destinations[column],
            )
            people, frame = people.iloc[row], frame.iloc[column]
        return times, people, frame

    @property
    def minutes_between(self) -> TravelTimes | None:
        """Return minutes between the sites, as the model takes them; in an order of their own."""
        if self.between is None:
            return None
        order = np.arange(len(self.sites))
        if self.seed is not None:
            order = np.random.default_rng(self.seed + 1).permutation(order)
        return _times(self.between[np.ix_(order, order)], self.sites[order], self.sites[order])

    def solve(self, **options: Any) -> coverage.NetworkSolution:
        """Return what the model finds."""
        asked = {
            "rules": self.rules, "between": self.minutes_between, "objective": self.objective,
        }  # fmt: skip
        return coverage.solve(*self.tables, **(asked | options))

    def ruled(self, **rules: Any) -> "Instance":
        """Return the instance with other rules."""
        return replace(self, rules=replace(self.rules, **rules))

    # Every plan

    @property
    def open_to(self) -> np.ndarray:
        """Return what each site may be once the gate has spoken."""
        if not self.rules.gate or self.accessible is None:
            return self.allowed
        return self.allowed & (self.accessible | (self._status == "existing"))[:, None]

    @property
    def _status(self) -> np.ndarray:
        return np.array(self.status, dtype=object)

    def plans(self) -> np.ndarray:
        """Return every plan that keeps the rules: the rank of each site's tier, -1 where closed."""
        return self._plans

    @cached_property
    def _plans(self) -> np.ndarray:
        choices = [
            [*np.flatnonzero(tiers), *([-1] if status == "candidate" else [])]
            for tiers, status in zip(self.open_to, self.status, strict=True)
        ]
        listed = list(product(*choices))
        every = np.array(listed, dtype=int).reshape(len(listed), len(choices))
        for keeps in (
            self._in_number, self._in_money, self._spaced, self._shared, self._filled
        ):  # fmt: skip
            every = every[keeps(every)]
        return every

    def _in_number(self, plans: np.ndarray) -> np.ndarray:
        free = self._status != "existing"
        kept = np.ones(len(plans), bool)
        for rank, tier in enumerate(TIERS):
            count = (plans[:, free] == rank).sum(axis=1)
            kept &= (self.rules.at_least[tier] <= count) & (count <= self.rules.at_most[tier])
        most = self.rules.commune_sites_max
        for here in self._by_commune(most):
            kept &= (plans[:, here & free] >= 0).sum(axis=1) <= most
        return kept

    def _by_commune(self, limit: float | None) -> list[np.ndarray]:
        if limit is None or self.communes is None:
            return []
        codes = np.array(self.communes, dtype=object)
        return [codes == code for code in set(self.communes)]

    def paid(self, plans: np.ndarray, table: np.ndarray | None) -> np.ndarray:
        """Return the euros of each plan (rows) at each site; nothing for existing ones."""
        if table is None:
            return np.zeros(plans.shape)
        cost = np.take_along_axis(table, np.maximum(plans, 0).T, axis=1).T
        return np.where((plans >= 0) & (self._status != "existing"), cost, 0.0)

    def _in_money(self, plans: np.ndarray) -> np.ndarray:
        rules, kept = self.rules, np.ones(len(plans), bool)
        invest, running = self.paid(plans, self.invest), self.paid(plans, self.running)
        if rules.invest_max_eur is not None:
            kept &= invest.sum(axis=1) <= rules.invest_max_eur
        if rules.running_max_eur is not None:
            kept &= running.sum(axis=1) <= rules.running_max_eur
        for here in self._by_commune(rules.commune_invest_max_eur):
            kept &= invest[:, here].sum(axis=1) <= rules.commune_invest_max_eur
        return kept

    def _spaced(self, plans: np.ndarray) -> np.ndarray:
        kept = np.ones(len(plans), bool)
        if self.between is None:
            return kept
        old = self._status == "existing"
        for tier, least in self.rules.spacing_min.items():
            rank = TIERS.index(tier)
            for a in range(len(old)):
                for b in range(a):
                    near = min(self.between[a, b], self.between[b, a]) < least - BOUNDARY
                    if near and not (old[a] and old[b]):
                        kept &= (plans[:, a] != rank) | (plans[:, b] != rank)
        return kept

    def _shared(self, plans: np.ndarray) -> np.ndarray:
        covered, weight = self._covered(plans), self.hundredths
        kept = np.ones(len(plans), bool)
        if self.rules.mesh_share_min > 0:
            asked = np.ceil(self.rules.mesh_share_min * weight.sum() - 1e-6)
            kept &= covered @ weight >= asked
        if self.rules.commune_share_min > 0:
            for here in self._homes():
                asked = np.ceil(self.rules.commune_share_min * weight[here].sum() - 1e-6)
                kept &= covered[:, here] @ weight[here] >= asked
        return kept

    def _filled(self, plans: np.ndarray) -> np.ndarray:
        """Return which plans leave each new site the users it needs, all going to the nearest."""
        kept = np.ones(len(plans), bool)
        needed = np.array([self.rules.site_users_min.get(tier, 0.0) for tier in TIERS])
        if not needed.any() or self.users is None:
            return kept
        share = self.rules.decay.share(np.where(np.isfinite(self.minutes), self.minutes, 1e9))
        gains = np.rint(np.rint(self.users / 1e-4)[:, None] * share)
        for number, plan in enumerate(plans):
            found = np.zeros(len(plan))
            for minutes, gain in zip(self.minutes, gains, strict=True):
                near = np.where(plan >= 0, minutes, np.inf)
                if near.size and np.isfinite(near.min()):
                    found[np.argmin(near)] += gain[np.argmin(near)]
            asked = (plan >= 0) & (self._status != "existing")
            kept[number] = (found >= np.rint(needed[plan] / 1e-4))[asked].all()
        return kept

    # What plans are worth

    @property
    def hundredths(self) -> np.ndarray:
        """Return the residents in whole hundredths."""
        return np.rint(self.residents / 0.01).astype(np.int64)

    def _homes(self) -> list[np.ndarray]:
        homes = np.array(self.homes or ("",) * len(self.residents), dtype=object)
        return [homes == name for name in sorted(set(homes))]

    def _near(self, minutes: float) -> np.ndarray:
        return (self.minutes <= minutes + BOUNDARY).astype(np.int64)

    def _covered(self, plans: np.ndarray) -> np.ndarray:
        return ((plans >= 0).astype(np.int64) @ self._near(self.rules.mesh_min).T) > 0

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages, in their order."""
        cover = ["backup" if self.rules.backup_weight > 0 else "mesh", "structuring"]
        cover += ["users"] if self.users is not None else []
        money = (self.invest, 1), (self.running, self.rules.cost_years)
        priced = self.open_to & (self._status != "existing")[:, None]
        some = any(years and table is not None and table[priced].any() for table, years in money)
        spend = "cost" if some else "sites"
        if self.objective == "cost":
            return (spend, *cover, "ids")
        first = [] if self.objective == "service" else [self.objective]
        return (*first, *cover, spend, "ids")

    def worth(self, plans: np.ndarray) -> np.ndarray:
        """Return the value of each plan at each stage in whole units, more always being better."""
        columns = [
            value(plans) if name in LARGER else -value(plans)
            for name in self.stages
            for value in [getattr(self, f"_{name}")]
        ]
        return np.column_stack(columns).astype(np.int64)

    def units(self, name: str) -> float:
        """Return what one whole unit of a stage is."""
        return {
            "mesh": 0.01, "structuring": 0.01, "backup": 0.0001, "users": 0.0001,
            "minutes": 0.1, "worst": 1e-6, "fairness": 1e-6,
        }.get(name, 1.0)  # fmt: skip

    def _mesh(self, plans: np.ndarray) -> np.ndarray:
        return self._covered(plans) @ self.hundredths

    def _backup(self, plans: np.ndarray) -> np.ndarray:
        number = (plans >= 0).astype(np.int64) @ self._near(self.rules.mesh_min).T
        second = round(self.rules.backup_weight * 100)
        return (100 * (number > 0) + second * (number > 1)) @ self.hundredths

    def _structuring(self, plans: np.ndarray) -> np.ndarray:
        near = self._near(self.rules.structuring_min)
        return (((plans == 0).astype(np.int64) @ near.T) > 0) @ self.hundredths

    def _best_of(self, plans: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Return the sum over points of the largest gain (points × sites) among open sites."""
        total = np.zeros(len(plans))
        for gain in gains:
            total += np.where(plans >= 0, gain, 0.0).max(axis=1, initial=0.0)
        return total

    def _users(self, plans: np.ndarray) -> np.ndarray:
        count = np.rint(self.users / 1e-4)
        share = self.rules.decay.share(np.where(np.isfinite(self.minutes), self.minutes, 1e9))
        return self._best_of(plans, np.rint(count[:, None] * share))

    def _cost(self, plans: np.ndarray) -> np.ndarray:
        each = self.paid(plans, self.invest) + self.rules.cost_years * self.paid(
            plans, self.running
        )
        return each.sum(axis=1)

    def _sites(self, plans: np.ndarray) -> np.ndarray:
        return (plans >= 0).sum(axis=1)

    def _minutes(self, plans: np.ndarray) -> np.ndarray:
        saved = np.rint(self.residents[:, None] * np.maximum(LONGEST - self.minutes, 0.0) / 0.1)
        return np.rint(self.hundredths.sum() * LONGEST / 10) - self._best_of(plans, saved)

    def _worst(self, plans: np.ndarray) -> np.ndarray:
        """Return the minutes of the farthest resident whom any site reaches."""
        reached = np.isfinite(self.minutes[:, self.open_to.any(axis=1)]).any(axis=1)
        worst = np.zeros(len(plans))
        for minutes in self.minutes[reached & (self.hundredths > 0)]:
            nearest = np.where(plans >= 0, minutes, np.inf).min(axis=1, initial=np.inf)
            worst = np.maximum(worst, np.minimum(nearest, LONGEST))
        return np.rint(worst / 1e-6)

    def _fairness(self, plans: np.ndarray) -> np.ndarray:
        return np.rint(self.fairness(plans) / 1e-6)

    def fairness(self, plans: np.ndarray) -> np.ndarray:
        """Return the smallest share of a commune that each plan covers; 0 where nobody lives."""
        covered, weight = self._covered(plans), self.hundredths
        shares = [
            covered[:, here] @ weight[here] / weight[here].sum()
            for here in self._homes()
            if weight[here].sum()
        ]
        return np.min(shares, axis=0) if shares else np.zeros(len(plans))

    def _ids(self, plans: np.ndarray) -> np.ndarray:
        number = np.cumsum(self.open_to).reshape(self.open_to.shape)  # of each option
        option = np.take_along_axis(number, np.maximum(plans, 0).T, axis=1).T
        return np.where(plans >= 0, option, 0).sum(axis=1)

    def best(self) -> list[int] | None:
        """Return the values of the best plan, stage by stage; None when no plan is allowed."""
        return self._best

    @cached_property
    def _best(self) -> list[int] | None:
        plans = self.plans()
        return max(self.worth(plans).tolist()) if len(plans) else None

    def plan_of(self, tier: pd.Series) -> np.ndarray:
        """Return the open sites as one row of `plans`."""
        ranks = [TIERS.index(tier[name]) if name in tier else -1 for name in self.sites]
        return np.array([ranks], dtype=int)

    def tier_of(self, plan: np.ndarray) -> pd.Series:
        """Return one row of `plans` as the model gives its plans."""
        opened = {
            name: TIERS[rank] for name, rank in zip(self.sites, plan, strict=True) if rank >= 0
        }
        return pd.Series(
            opened, index=pd.Index(list(opened), dtype=object), dtype=object, name="tier"
        )

    def values(self, solution: coverage.NetworkSolution) -> list[int]:
        """Return what a solution says of its stages as `worth` would."""
        return [
            round((-1 if stage.smaller else 1) * stage.value / self.units(stage.name))
            for stage in solution.stages
        ]


def _times(dense: np.ndarray, rows: pd.Index, columns: pd.Index) -> TravelTimes:
    row, column = np.nonzero(np.isfinite(dense))
    matrix = sp.csr_array((dense[row, column], (row, column)), shape=dense.shape)
    return TravelTimes(matrix, rows, columns, LONGEST, False, rows[:0], columns[:0])


# Drawing


@st.composite
def decays(draw: Any) -> Decay:
    """Draw one of the four kinds of decay."""
    kind = draw(st.sampled_from(("logistic", "stepwise", "exponential", "binary")))
    steps = draw(st.sampled_from(STEPS))
    half, until = draw(st.sampled_from((4.0, 12.0))), draw(st.sampled_from((10.0, 20.0, 25.0)))
    return Decay(kind=kind, half_min=half, until_min=until, steps=steps)


def _perhaps(draw: Any, value: st.SearchStrategy[Any], nothing: Any = None) -> Any:
    """Draw a value in one case of three."""
    return draw(value) if draw(st.integers(0, 2)) == 0 else nothing


@st.composite
def rules_of(draw: Any, *, homes: bool, communes: bool, priced: bool, spaced: bool) -> Rules:
    """Draw rules, each of them there or not."""
    most = {tier: draw(st.integers(0, 4)) for tier in TIERS}
    least = {
        tier: draw(st.sampled_from((0, 0, 0, min(1, most[tier]), most[tier]))) for tier in TIERS
    }
    shares = st.sampled_from((0.01, 0.3, 0.5, 1.0))
    found: dict[str, Any] = {
        "at_least": least,
        "at_most": most,
        "decay": draw(decays()),
        "mesh_min": draw(st.sampled_from((10.0, 10.0, 8.0, 0.0))),
        "structuring_min": draw(st.sampled_from((20.0, 15.0))),
        "backup_weight": _perhaps(draw, st.sampled_from((0.01, 0.3, 0.5, 1.0)), 0.0),
        "mesh_share_min": _perhaps(draw, shares, 0.0),
        "gate": draw(st.booleans()),
        "cost_years": draw(st.sampled_from((0, 1, 5))),
    }
    if homes:
        found["commune_share_min"] = _perhaps(draw, shares, 0.0)
    if communes:
        found["commune_sites_max"] = _perhaps(draw, st.integers(0, 2))
    if priced:
        euros = st.sampled_from((0, 40, 95, 956, 130_000, 250_000))
        found["invest_max_eur"] = _perhaps(draw, euros)
        found["running_max_eur"] = _perhaps(draw, euros)
        if communes:
            found["commune_invest_max_eur"] = _perhaps(draw, euros)
    if spaced:
        found["spacing_min"] = {
            tier: draw(st.sampled_from((0.0, 5.0, 8.0))) for tier in TIERS if draw(st.booleans())
        }
    return Rules(**found)


@st.composite
def instances(
    draw: Any,
    *,
    most_sites: int = 12,
    statuses: tuple[str, ...] = STATUSES,
    objectives: tuple[Objective, ...] = OBJECTIVES,
) -> Instance:
    """Draw an instance whose plans can all be looked at; some have none."""
    size = (draw(st.integers(1, 9)), draw(st.integers(0, most_sites)))
    objective = draw(st.sampled_from(objectives))
    people = FEW if objective == "fairness" else RESIDENTS
    allowed = draw(hnp.arrays(bool, (size[1], len(TIERS))))
    left = MOST_PLANS / 2 ** size[1]
    for tiers in allowed:
        if not tiers.any():
            tiers[draw(st.integers(0, 2))] = True
        left /= (1 + tiers.sum()) / 2
        if left < 1:
            left *= (1 + tiers.sum()) / 2
            tiers[1 + np.argmax(tiers) :] = False
    homes = draw(st.booleans())
    communes, priced = draw(st.booleans()), draw(st.booleans())
    spaced = size[1] > 1 and draw(st.booleans())
    between = None
    if spaced:
        between = draw(hnp.arrays(float, (size[1], size[1]), elements=st.sampled_from(APART)))
        between = between if draw(st.booleans()) else np.minimum(between, between.T)
    euros = st.sampled_from(EUROS)
    return Instance(
        minutes=draw(hnp.arrays(float, size, elements=st.sampled_from(MINUTES))),
        residents=draw(hnp.arrays(float, size[0], elements=st.sampled_from(people))),
        allowed=allowed,
        status=tuple(draw(st.sampled_from(statuses)) for _ in range(size[1])),
        rules=draw(rules_of(homes=homes, communes=communes, priced=priced, spaced=spaced)),
        users=draw(hnp.arrays(float, size[0], elements=st.sampled_from(USERS)))
        if draw(st.booleans())
        else None,
        homes=tuple(draw(st.sampled_from(CODES)) for _ in range(size[0])) if homes else None,
        communes=tuple(draw(st.sampled_from((*CODES, "", "38000"))) for _ in range(size[1]))
        if communes
        else None,
        accessible=draw(hnp.arrays(bool, size[1], elements=st.sampled_from((True, True, False))))
        if draw(st.booleans())
        else None,
        invest=draw(hnp.arrays(float, allowed.shape, elements=euros)) if priced else None,
        running=draw(hnp.arrays(float, allowed.shape, elements=euros)) if priced else None,
        between=between,
        objective=objective,
    )


def free(instance: Instance) -> Instance:
    """Return an instance in which nothing is asked for: the plan of no new site is allowed."""
    status = tuple("existing" if s == "existing" else "candidate" for s in instance.status)
    return replace(instance, status=status).ruled(
        at_least=NONE, mesh_share_min=0.0, commune_share_min=0.0
    )


@cache
def shipped(name: str, *studies: str) -> Plan:
    """Return the plan of a shipped territory with all defaults, made once, maybe with studies."""
    return run(territory.read(name), Scenario(studies=studies))
