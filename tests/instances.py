"""Small planning instances; the best plan found by looking at every plan; the shipped plans."""

from dataclasses import dataclass, field, replace
from functools import cache
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
from planner.certificate import Certificate, Claim, certify
from planner.travel import TravelTimes

NOISE = 5e-7  # of floating point, below the tolerance of a boundary
MINUTES = (0.0, 3.0, 5.0, 5.1, 8.0, 10.0, 10.0 + NOISE, 10.1, 15.0, 20.0, 20.1, np.inf)
RESIDENTS = (0.0, 0.01, 0.5, 1.0, 2.0, 3.7, 12.0, 150.25, 4_000.0, 90_000.0)
CUTOFFS = {"mesh": 10.0, "structuring": 20.0, "near": 5.0}
SERVED_BY = {"mesh": TIERS, "structuring": TIERS[:1], "near": TIERS}
STATUSES = ("candidate", "candidate", "candidate", "forced", "existing")
MOST_PLANS = 6_000


@dataclass(frozen=True)
class Instance:
    """Minutes (points × sites), people, what each site may be, and how many of each tier."""

    minutes: np.ndarray
    residents: np.ndarray
    allowed: np.ndarray
    status: tuple[str, ...]
    at_least: dict[str, int]
    at_most: dict[str, int]
    cutoffs: dict[str, float] = field(default_factory=CUTOFFS.copy)
    seed: int | None = None

    @property
    def tables(self) -> tuple[TravelTimes, pd.Series, gpd.GeoDataFrame]:
        """Return what `coverage.solve` takes, rows and columns shuffled when there is a seed."""
        points, sites = (
            pd.Index([f"{kind}{n:02}" for n in range(size)], dtype=object)
            for kind, size in zip("ps", self.minutes.shape, strict=True)
        )
        rows, columns = np.nonzero(np.isfinite(self.minutes))
        matrix = sp.csr_array(
            (self.minutes[rows, columns], (rows, columns)), shape=self.minutes.shape
        )
        people = pd.Series(self.residents, index=points)
        frame = gpd.GeoDataFrame(
            {"status": self.status, **dict(zip(TIERS, self.allowed.T, strict=True))},
            index=sites,
            geometry=gpd.GeoSeries([None] * len(sites), index=sites),
        )
        if self.seed is not None:
            order = np.random.default_rng(self.seed)
            row, column = (order.permutation(size) for size in matrix.shape)
            matrix, people, frame = matrix[row][:, column], people.iloc[row], frame.iloc[column]
        nobody = points[:0]
        times = TravelTimes(
            sp.csr_array(matrix), people.index, frame.index, 60.0, False, nobody, nobody
        )
        return times, people, frame

    @property
    def limits(self) -> coverage.Limits:
        """Return the limits as `coverage.solve` takes them."""
        return coverage.Limits(self.at_least, self.at_most)

    def solve(self, **options: Any) -> coverage.NetworkSolution:
        """Return what the model finds."""
        cutoffs = {f"{name}_min": minutes for name, minutes in self.cutoffs.items()}
        return coverage.solve(*self.tables, limits=self.limits, **cutoffs, **options)

    def claims(self, solution: coverage.NetworkSolution) -> tuple[Claim, ...]:
        """Return what a solution says of each layer."""
        return tuple(
            Claim(s.name, self.cutoffs[s.name], SERVED_BY[s.name], s.value, s.bound)
            for s in solution.stages
            if s.name in self.cutoffs
        )

    def certify(self, solution: coverage.NetworkSolution, **lies: Any) -> Certificate:
        """Return the certificate of a solution, some of what it says replaced."""
        times, people, frame = self.tables
        said = {
            "tier": solution.tier,
            "minutes": times,
            "residents": people,
            "candidates": frame,
            "claims": self.claims(solution),
            "at_least": self.at_least,
            "at_most": self.at_most,
            "proven": solution.proven,
        } | lies
        parts = [said.pop(name) for name in ("tier", "minutes", "residents", "candidates")]
        return certify(*parts, **said)

    def plans(self) -> np.ndarray:
        """Return every plan that keeps the rules: the rank of each site's tier, -1 where closed."""
        choices = [
            [*np.flatnonzero(tiers), *([-1] if status == "candidate" else [])]
            for tiers, status in zip(self.allowed, self.status, strict=True)
        ]
        listed = list(product(*choices))
        every = np.array(listed, dtype=int).reshape(len(listed), len(choices))
        free = np.array(self.status) != "existing"
        kept = np.ones(len(every), bool)
        for rank, tier in enumerate(TIERS):
            count = (every[:, free] == rank).sum(axis=1)
            kept &= (self.at_least[tier] <= count) & (count <= self.at_most[tier])
        return every[kept]

    def worth(self, plans: np.ndarray) -> np.ndarray:
        """Return the value of each plan at each stage, in whole hundredths of residents."""
        weight = np.rint(self.residents * 100).astype(int)
        columns = []
        for name, cutoff in self.cutoffs.items():
            opened = plans == 0 if name == "structuring" else plans >= 0
            near = self.minutes <= cutoff + 1e-6
            columns.append(((opened.astype(int) @ near.T.astype(int)) > 0) @ weight)
        number = np.cumsum(self.allowed).reshape(self.allowed.shape)  # of each option
        option = np.take_along_axis(number, np.maximum(plans, 0).T, axis=1).T
        columns.append(-(plans >= 0).sum(axis=1))
        columns.append(-np.where(plans >= 0, option, 0).sum(axis=1))
        return np.column_stack(columns)

    def best(self) -> list[int] | None:
        """Return the values of the best plan, stage by stage; None when no plan is allowed."""
        plans = self.plans()
        return max(self.worth(plans).tolist()) if len(plans) else None

    def plan_of(self, tier: pd.Series) -> np.ndarray:
        """Return the open sites as one row of `plans`."""
        ranks = [TIERS.index(tier[f"s{n:02}"]) if f"s{n:02}" in tier else -1
                 for n in range(len(self.status))]  # fmt: skip
        return np.array([ranks], dtype=int)


@st.composite
def instances(draw: Any, *, most_sites: int = 12, statuses: tuple[str, ...] = STATUSES) -> Instance:
    """Draw an instance whose plans can all be looked at; some have none."""
    size = (draw(st.integers(1, 9)), draw(st.integers(0, most_sites)))
    minutes = draw(hnp.arrays(float, size, elements=st.sampled_from(MINUTES)))
    residents = draw(hnp.arrays(float, size[0], elements=st.sampled_from(RESIDENTS)))
    allowed = draw(hnp.arrays(bool, (size[1], len(TIERS))))
    status = tuple(draw(st.sampled_from(statuses)) for _ in range(size[1]))
    left = MOST_PLANS / 2 ** size[1]
    for tiers in allowed:
        if not tiers.any():
            tiers[draw(st.integers(0, 2))] = True
        left /= (1 + tiers.sum()) / 2
        if left < 1:
            left *= (1 + tiers.sum()) / 2
            tiers[1 + np.argmax(tiers) :] = False
    most = {tier: draw(st.integers(0, 4)) for tier in TIERS}
    least = {tier: draw(st.sampled_from((0, 0, min(1, most[tier]), most[tier]))) for tier in TIERS}
    return Instance(minutes, residents, allowed, status, least, most)


def free(instance: Instance) -> Instance:
    """Return an instance without forced sites and without least numbers: any choice is allowed."""
    status = tuple("existing" if s == "existing" else "candidate" for s in instance.status)
    return replace(instance, status=status, at_least=dict.fromkeys(TIERS, 0))


@cache
def shipped(name: str) -> Plan:
    """Return the plan of a shipped territory with all defaults, made once."""
    return run(territory.read(name), Scenario())
