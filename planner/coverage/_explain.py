"""Why no plan exists: which rules clash, who is concerned, and the least change that mends it.

Rules are taken by kind. The clash is an irreducible set of kinds: without any one of them there
would be a plan, or another clash. For each kind that alone can give way, the least it must give is
itself a small optimum: the cheapest plan without the budget, the fairest without the share.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner._errors import Infeasible, SolveError
from planner._tables import listed
from planner.candidates import TIERS
from planner.coverage._goals import Goal, Part
from planner.coverage._layers import Floats
from planner.coverage._master import Found, maximise
from planner.coverage._space import Rule, Space
from planner.coverage._stages import Question
from planner.rules import RESIDENT_UNIT

if TYPE_CHECKING:
    from planner.coverage._network import Case

_MORE_S = 20.0  # for explaining, beyond the time of the plan


@dataclass(frozen=True)
class _Kind:
    """A kind of rule: how it is said, and how the least it must give is found and said."""

    kinds: tuple[str, ...]
    said: str
    least: Callable[[Space], str | None]


def infeasible(case: "Case", error: Infeasible) -> Infeasible:
    """Return the error with the rules that clash, and what each would have to give.

    Parameters
    ----------
    case
        The question that has no plan.
    error
        What the search said.

    Returns
    -------
    Infeasible
        With a message for the user.
    """
    deadline = max(case.question.deadline, time.perf_counter() + _MORE_S)
    doctor = _Doctor(case, replace(case.question, deadline=deadline))
    try:
        faults = [*doctor.out_of_reach()]
        changes = [*doctor.changes()]
    except SolveError:
        return error
    parts = []
    if doctor.clash:
        parts.append(f"these rules clash: {'; '.join(doctor.clash)}")
    parts += faults
    if changes:
        parts.append(f"the least change that gives a plan is one of: {'; '.join(changes)}")
    if not parts:
        return error
    return Infeasible(f"no plan satisfies all the rules of the scenario: {'. '.join(parts)}.")


class _Doctor:
    """Questions about a case that has no plan."""

    def __init__(self, case: "Case", question: Question) -> None:
        self.case, self.question = case, question
        self.clash: list[str] = []

    def out_of_reach(self) -> Iterator[str]:
        """Name the communes whose share no plan could reach, even with every site open."""
        space = self.case.space
        most = space.layers["mesh"].most
        short = [
            f"{space.blocks[floor.block] or 'all'} ({most[floor.block]:,.0f} of the "
            f"{floor.value:,.0f} residents asked)"
            for floor in space.floors
            if most[floor.block] < floor.value - RESIDENT_UNIT / 2
        ]
        if short:
            yield (
                f"within {self.case.rules.mesh_min:g} minutes, all candidates together cannot "
                f"cover what is asked in {listed(short)}"
            )
        for held in self.case.held:
            if most.sum() < held.value - RESIDENT_UNIT / 2:
                yield (
                    f"within {self.case.rules.mesh_min:g} minutes, all candidates together reach "
                    f"{most.sum():,.0f} residents of the {held.value:,.0f} asked"
                )

    def changes(self) -> Iterator[str]:
        """Name the rules that clash, and say what each of them would have to give, alone."""
        present = [kind for kind in self._kinds() if self._present(kind)]
        needed = list(present)
        for kind in present:
            fewer = [other for other in needed if other is not kind]
            without = [name for other in present if other not in fewer for name in other.kinds]
            if not self._possible(tuple(without)):
                needed = fewer
        self.clash = [kind.said for kind in needed]
        for kind in present:
            if said := kind.least(self.case.space.without(*kind.kinds)):
                yield said

    def _present(self, kind: _Kind) -> bool:
        space = self.case.space
        names = {rule.kind for rule in space.rules} | {floor.rule.kind for floor in space.floors}
        names |= {held.goal.name for held in self.case.held}
        return bool(names & set(kind.kinds))

    def _possible(self, without: tuple[str, ...]) -> bool:
        space = self.case.space.without(*without)
        nothing = Goal("nothing", 1.0, options=np.zeros(space.options))
        return self._asked(space, nothing, without=without) is not None

    def _asked(self, space: Space, goal: Goal, *, without: tuple[str, ...] = ()) -> Found | None:
        held = [one for one in self.case.held if one.goal.name not in without]
        try:
            return maximise(
                space, goal, pool=self.question.pool, deadline=self.question.deadline, held=held
            )
        except Infeasible:
            return None

    def _kinds(self) -> Iterator[_Kind]:
        """Yield every kind of rule that may give way."""
        rules, space = self.case.rules, self.case.space
        yield _Kind(("invest",), f"investment of at most {_eur(rules.invest_max_eur)}",
                    lambda left: self._cheapest(left, space.invest_eur, "invest_max_eur"),
                    )  # fmt: skip
        yield _Kind(("running",), f"running cost of at most {_eur(rules.running_max_eur)} a year",
                    lambda left: self._cheapest(left, space.running_eur, "running_max_eur"),
                    )  # fmt: skip
        yield _Kind(("commune_invest",),
                    f"at most {_eur(rules.commune_invest_max_eur)} of investment in a commune",
                    self._communes_pay)  # fmt: skip
        yield _Kind(("commune_sites",), f"at most {rules.commune_sites_max} new sites in a commune",
                    self._communes_host)  # fmt: skip
        yield _Kind(("commune_share",),
                    f"at least {rules.commune_share_min:.0%} of the residents of every commune "
                    f"within {rules.mesh_min:g} minutes", self._fairest)  # fmt: skip
        yield _Kind(("mesh_share",), f"at least {rules.mesh_share_min:.0%} of all residents within "
                    f"{rules.mesh_min:g} minutes", self._most_covered)  # fmt: skip
        yield _Kind(tuple(f"spacing_{tier}" for tier in TIERS), "minutes between sites of a tier",
                    self._nearest)  # fmt: skip
        yield _Kind(("at_most",), f"at most {_numbers(rules.at_most)} sites",
                    lambda left: self._number(left, "at_most"))  # fmt: skip
        yield _Kind(("at_least",), f"at least {_numbers(rules.at_least)} sites",
                    lambda left: self._number(left, "at_least"))  # fmt: skip
        forced = [rule.subject[0] for rule in space.rules if rule.kind == "forced"]
        yield _Kind(("forced",), f"forced sites {listed(forced)}", self._forced)

    def _cheapest(self, left: Space, cost: Floats, name: str) -> str | None:
        found = self._asked(left, Goal(name, 1.0, options=-cost))
        return None if found is None else f"{name} = {-found.value:,.0f} or more"

    def _communes_pay(self, left: Space) -> str | None:
        found = self._asked(left, Goal("invest", 1.0, options=-left.invest_eur))
        if found is None:
            return None
        paid = self._by_commune(found.opened * left.invest_eur)
        limit = self.case.rules.commune_invest_max_eur or 0
        over = [f"{code} pays {sum_:,.0f} €" for code, sum_ in paid.items() if sum_ > limit]
        return f"let single communes pay more (one such plan: {listed(over)})"

    def _communes_host(self, left: Space) -> str | None:
        found = self._asked(left, Goal("sites", 1.0, options=-left.new.astype(float)))
        if found is None:
            return None
        limit = self.case.rules.commune_sites_max or 0
        counts = self._by_commune(found.opened * left.new)
        over = [f"{code} hosts {count:.0f}" for code, count in counts.items() if count > limit]
        return f"let single communes host more new sites (one such plan: {listed(over)})"

    def _by_commune(self, amount: Floats) -> dict[str, float]:
        codes = self.case.candidates["commune"].to_numpy().astype(str)[self.case.space.site]
        return {code: float(amount[codes == code].sum()) for code in sorted(set(codes))}

    def _fairest(self, left: Space) -> str | None:
        people = left.people
        parts = tuple(
            Part("mesh", b, float(people[b])) for b in np.flatnonzero(people > 0).tolist()
        )
        found = self._asked(left, Goal("fairness", 1e-6, least=parts), without=("commune_share",))
        if found is None:
            return None
        shares = left.layers["mesh"].values(found.opened) / np.maximum(people, RESIDENT_UNIT)
        least = int(np.argmin(np.where(people > 0, shares, np.inf)))
        return (
            f"commune_share_min = {np.floor(found.value * 1e4) / 1e4:g} or less "
            f"({left.blocks[least]} cannot have more)"
        )

    def _most_covered(self, left: Space) -> str | None:
        goal = Goal("mesh", RESIDENT_UNIT, layers={"mesh": 1.0})
        found = self._asked(left, goal, without=("mesh_share",))
        if found is None:
            return None
        share = np.floor(found.value / max(float(left.people.sum()), RESIDENT_UNIT) * 1e4) / 1e4
        return f"mesh_share_min = {share:g} or less"

    def _nearest(self, left: Space) -> str | None:
        found = self._asked(left, Goal("sites", 1.0, options=-left.new.astype(float)))
        if found is None:
            return None
        space = self.case.space
        broken = [
            " and ".join(sorted({site for site in rule.subject if site in self._open(found)}))
            for rule, high, reached in zip(
                space.rules, space.upper, space.matrix @ found.opened, strict=True
            )
            if rule.kind.startswith("spacing") and reached > high + RESIDENT_UNIT
        ]
        return f"let sites stand nearer (one such plan: {listed(broken)})"

    def _open(self, found: Found) -> set[str]:
        ids = self.case.candidates.index[self.case.space.site[found.opened > 0]]
        return set(map(str, ids))

    def _number(self, left: Space, which: str) -> str | None:
        sign = -1.0 if which == "at_most" else 1.0
        counted = left.new.astype(float)
        found = self._asked(left, Goal("sites", 1.0, options=sign * counted))
        if found is None:
            return None
        limits = getattr(self.case.rules, which)
        parts = []
        for rank, tier in enumerate(TIERS):
            number = int((found.opened * counted)[left.tier == rank].sum())
            if (number - limits[tier]) * -sign > 0:
                parts.append(f"{number} {tier}")
        more = "allow" if which == "at_most" else "ask for only"
        return f"{more} {' and '.join(parts)} sites" if parts else None

    def _forced(self, left: Space) -> str | None:
        forced = {rule.subject[0] for rule in self.case.space.rules if rule.kind == "forced"}
        ids = self.case.candidates.index[left.site].astype(str)
        once = left
        for site in sorted(forced):
            here = np.asarray(ids == site, float)
            once = once.with_row(_one_tier(site), here, 0.0, 1.0)
        goal = Goal("forced", 1.0, options=np.isin(ids, sorted(forced)).astype(float))
        found = self._asked(once, goal)
        if found is None:
            return None
        shut = sorted(forced - self._open(found))
        return f"do not force {listed(shut)}"


def _one_tier(site: str) -> Rule:
    return Rule("one_tier", (site,))


def _eur(amount: float | None) -> str:
    return "any amount" if amount is None else f"{amount:,.0f} €"


def _numbers(limits: object) -> str:
    return ", ".join(f"{count} {tier}" for tier, count in dict(limits).items() if count)  # type: ignore[call-overload] # a mapping by tier
