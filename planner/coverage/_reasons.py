"""Why these sites: what each brings alone, who would replace it, what forcing another would cost.

For an open site the question is asked again without it: what is lost is its regret, and the sites
that come in its place are its replacement. For a site left out it is asked again with it open: what
is lost is the price of forcing it, the answer to the mayor who asks for it. Where time ends first,
the loss is that of the best plan found, and said to be no more than that.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import Infeasible, TimeLimit
from planner.coverage._goals import Goal
from planner.coverage._layers import Floats
from planner.coverage._network import Case, prepare, reach
from planner.coverage._space import Rule, Space
from planner.coverage._stages import Reached, layer_totals, lexicographic
from planner.coverage._swaps import mended
from planner.rules import Objective, Rules
from planner.travel import TravelTimes

_CHOSEN_SHARE = 0.5  # of the time that is left, for the sites of the plan
_OPEN = 0.5


@dataclass(frozen=True, eq=False)
class Reasons:
    """Why each site is in the plan, or not.

    Attributes
    ----------
    chosen
        Index site id, new open sites: tier; `only_residents` and `only_users` that no other site
        of the plan serves; `lost_residents`, `lost_structuring` (residents near a structuring
        site) and `lost_users` of the best plan without it;
        `replacement`, the sites that then come, and `leaving`, those that go, as text; `possible`,
        whether a plan without it exists; `exact`, whether the loss is proven.
    rejected
        Index site id, sites left closed: the same losses of the best plan found that has it open;
        `replacement`, all that opens; `leaving`, the sites that give way;
        `possible`, whether a plan with it exists; `exact`, whether the loss is proven.
    seconds
        Time it took.
    """

    chosen: pd.DataFrame
    rejected: pd.DataFrame
    seconds: float


def reasons(
    minutes: TravelTimes,
    demand: pd.DataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    rules: Rules,
    between: TravelTimes | None = None,
    objective: Objective = "service",
    tier: pd.Series | None = None,
    sites: Sequence[str] | None = None,
    time_limit_s: float = 60.0,
) -> Reasons:
    """Return why each site is in the optimal plan, or not.

    Parameters
    ----------
    minutes, demand, candidates, rules, between, objective
        As :func:`planner.coverage.solve`.
    tier
        The optimal plan, where it is known.
    sites
        Candidates left out that are looked at; all by default.
    time_limit_s
        Seconds in all.

    Returns
    -------
    Reasons
        One table for the open sites, one for those left out.

    Raises
    ------
    InputError, Infeasible, TimeLimit
        As :func:`planner.coverage.solve`.
    """
    began = time.perf_counter()
    case = prepare(
        minutes, demand, candidates, rules=rules, between=between, objective=objective,
        time_limit_s=time_limit_s,
    )  # fmt: skip
    best = reach(case, start=[] if tier is None else [case.opened(tier)])
    goals = [goal for goal in case.goals if goal.layers]
    plan = _Plan(case, best, goals)
    ids = case.candidates.index
    opened = case.tier(best.opened)
    status = case.candidates["status"]
    new = [site for site in opened.index if status[site] != "existing"]
    left = time.perf_counter() + _CHOSEN_SHARE * case.question.left()
    chosen = [plan.without(site, left, len(new) - k) for k, site in enumerate(new)]
    shut = [
        str(site) for site in ids if site not in opened.index and (sites is None or site in sites)
    ]
    rejected = [
        plan.forced(site, case.question.deadline, len(shut) - k) for k, site in enumerate(shut)
    ]
    return Reasons(_frame(chosen, new, opened), _frame(rejected, shut), time.perf_counter() - began)


class _Plan:
    """The optimal plan, and the same question asked with one site open or closed."""

    def __init__(self, case: Case, best: Reached, goals: Sequence[Goal]) -> None:
        self.case, self.best, self.goals = case, best, goals
        self.space = case.space
        self.totals = layer_totals(case.space, best.opened)
        self.sites = case.candidates.index[case.space.site].astype(str)

    def without(self, site: str, deadline: float, left: int) -> dict[str, object]:
        """Return what the plan loses without a site, and who replaces it."""
        here = np.asarray(self.sites == site, float)
        alone = layer_totals(self.space, self.best.opened * (1 - here))
        row = {
            "only_residents": self.totals["mesh"] - alone["mesh"],
            "only_users": self.totals.get("users", 0.0) - alone.get("users", 0.0),
        }
        status = self.case.candidates["status"].set_axis(self.case.candidates.index.astype(str))
        if status[site] == "forced":
            return row | _nothing(possible=False)
        space = self.space.with_row(Rule("closed", (site,)), here, 0.0, 0.0)
        return row | self._asked(space, here, deadline, left, closes=True)

    def forced(self, site: str, deadline: float, left: int) -> dict[str, object]:
        """Return what the plan loses when a site must open, and who gives way."""
        here = np.asarray(self.sites == site, float)
        if not here.any():
            return _nothing(possible=False)
        space = self.space.with_row(Rule("forced", (site,)), here, 1.0, 1.0)
        return self._asked(space, here, deadline, left, closes=False)

    def _asked(
        self, space: Space, here: Floats, deadline: float, left: int, *, closes: bool
    ) -> dict[str, object]:
        now = time.perf_counter()
        if now >= self.case.question.deadline:
            return _nothing(possible=True)
        question = self.case.question.within(space).until(now + max((deadline - now) / left, 0.2))
        try:
            found = lexicographic(
                question,
                self.goals,
                held=self.case.held,
                start=self._near(space, here, closes=closes),
            )
        except Infeasible:
            return _nothing(possible=False)
        except TimeLimit:
            return _nothing(possible=True)
        totals = layer_totals(self.space, found.opened)
        old, new = (set(self.sites[plan > _OPEN]) for plan in (self.best.opened, found.opened))
        return {
            "lost_residents": self.totals["mesh"] - totals["mesh"],
            "lost_structuring": self.totals["structuring"] - totals["structuring"],
            "lost_users": self.totals.get("users", 0.0) - totals.get("users", 0.0),
            "replacement": ", ".join(sorted(new - old)),
            "leaving": ", ".join(sorted(old - new)),
            "possible": True,
            "exact": all(stage.proven for stage in found.stages),
        }

    def _near(self, space: Space, here: Floats, *, closes: bool) -> list[Floats]:
        """Return the best plans one swap away, once the site is closed or open."""
        base = self.best.opened * (1 - here)
        plans = [base] if closes else [_with(base, int(one), 1.0) for one in np.flatnonzero(here)]
        found = (mended(space, self.goals, self.case.held, plan) for plan in plans)
        return [plan for plan in found if plan is not None]


def _with(opened: Floats, option: int, value: float) -> Floats:
    changed = opened.copy()
    changed[option] = value
    return changed


def _nothing(*, possible: bool) -> dict[str, object]:
    return {
        "lost_residents": np.nan, "lost_structuring": np.nan, "lost_users": np.nan,
        "replacement": "", "leaving": "",
        "possible": possible, "exact": not possible,
    }  # fmt: skip


def _frame(
    rows: list[dict[str, object]], ids: Sequence[str], tier: pd.Series | None = None
) -> pd.DataFrame:
    names = ["lost_residents", "lost_structuring", "lost_users"]
    names += ["replacement", "leaving", "possible", "exact"]
    if tier is not None:
        names = ["only_residents", "only_users", *names]
    frame = pd.DataFrame(rows, index=pd.Series(ids, dtype=object), columns=names)
    frame.index.name = "id"
    for name in names:
        if name.startswith(("lost", "only")):
            frame[name] = frame[name].astype(float).round(2) + 0.0
    if tier is not None:
        frame.insert(0, "tier", tier.reindex(frame.index))
    return frame.sort_index()
