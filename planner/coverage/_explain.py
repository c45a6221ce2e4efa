"""Why no plan exists: which rules clash, who is concerned, and the least change that mends it.

Rules are taken by kind. The clash is an irreducible set of kinds: without any one of them there
would be a plan, or another clash. For each kind that alone can give way, the least it must give is
itself a small optimum: the cheapest plan without the budget, the fairest without the share.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner._errors import Infeasible, SolveError
from planner._tables import listed
from planner.candidates import TIERS
from planner.coverage._goals import Goal, Part
from planner.coverage._layers import Floats
from planner.coverage._master import Found, maximise
from planner.coverage._space import MASS, Rule, Space
from planner.coverage._stages import Question
from planner.rules import RESIDENT_UNIT, USER_UNIT

if TYPE_CHECKING:
    from planner.coverage._network import Case

_STEP = 0.002  # of the users needed, to which the least change is looked for
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
            if said := kind.least(_lifted(self.case.space, kind.kinds)):
                yield said

    def _present(self, kind: _Kind) -> bool:
        space = self.case.space
        names = {rule.kind for rule in space.rules} | {floor.rule.kind for floor in space.floors}
        names |= {held.goal.name for held in self.case.held}
        names |= set() if space.mass is None else {MASS}
        return bool(names & set(kind.kinds))

    def _possible(self, without: tuple[str, ...]) -> bool:
        space = _lifted(self.case.space, without)
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
                    f"at least {_percent(rules.commune_share_min)} of the residents of every "
                    f"commune within {rules.mesh_min:g} minutes", self._fairest)  # fmt: skip
        yield _Kind(("mesh_share",),
                    f"at least {_percent(rules.mesh_share_min)} of all residents within "
                    f"{rules.mesh_min:g} minutes", self._most_covered)  # fmt: skip
        yield _Kind(tuple(f"spacing_{tier}" for tier in TIERS), "minutes between sites of a tier",
                    self._nearest)  # fmt: skip
        yield _Kind((MASS,), f"{_masses(rules.site_users_min)} users at each new site",
                    self._fullest)  # fmt: skip
        yield _Kind(("at_most",), f"at most {_numbers(rules.at_most)} sites",
                    lambda _: self._number("at_most"))  # fmt: skip
        yield _Kind(("at_least",), f"at least {_numbers(rules.at_least)} sites",
                    lambda _: self._number("at_least"))  # fmt: skip
        forced = [rule.subject[0] for rule in space.rules if rule.kind == "forced"]
        yield _Kind(("forced",), f"forced sites {listed(forced)}", self._forced)

    def _cheapest(self, left: Space, cost: Floats, name: str) -> str | None:
        found = self._asked(left, Goal(name, 1.0, options=-cost))
        return None if found is None else f"{name} = {-found.value:,.0f} or more"

    def _communes_pay(self, left: Space) -> str | None:
        found = self._evenest(left, left.invest_eur, self.case.rules.commune_invest_max_eur)
        if found is None:
            return None
        amount, code = found
        return f"commune_invest_max_eur = {amount:,.0f} or more ({code} then pays it)"

    def _communes_host(self, left: Space) -> str | None:
        found = self._evenest(left, left.new.astype(float), self.case.rules.commune_sites_max)
        if found is None:
            return None
        number, code = found
        return f"commune_sites_max = {number:.0f} or more ({code} then hosts so many)"

    def _evenest(self, left: Space, amount: Floats, limit: int | None) -> tuple[float, str] | None:
        """Return the commune that has most of something where it has least, and how much."""
        nothing = Goal("nothing", 1.0, options=np.zeros(left.options))
        found = self._asked(left, nothing)
        if found is None:
            return None
        low, most = float(limit or 0), self._most_by_commune(found.opened * amount)
        while most[0] > low + 1:
            middle = float((low + most[0]) // 2)
            found = self._asked(self._at_most_each(left, amount, middle), nothing)
            if found is None:
                low = middle
            else:
                most = self._most_by_commune(found.opened * amount)
        return most

    def _at_most_each(self, left: Space, amount: Floats, limit: float) -> Space:
        codes = self._codes()
        for code in sorted(set(codes)):
            row = np.where(codes == code, amount, 0.0)
            left = left.with_row(Rule("commune", (code,)), row, -np.inf, limit)
        return left

    def _most_by_commune(self, amount: Floats) -> tuple[float, str]:
        codes = self._codes()
        sums = {code: float(amount[codes == code].sum()) for code in sorted(set(codes))}
        code = max(sums, key=lambda one: sums[one])
        return sums[code], code or "the commune without a code"

    def _codes(self) -> NDArray[np.str_]:
        """Return the commune of each option."""
        codes = self.case.candidates["commune"].to_numpy().astype(str)
        return np.asarray(codes[self.case.space.site])

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
            f"commune_share_min = {_rounded_down(found.value):g} or less "
            f"({left.blocks[least]} then has least)"
        )

    def _most_covered(self, left: Space) -> str | None:
        goal = Goal("mesh", RESIDENT_UNIT, layers={"mesh": 1.0})
        found = self._asked(left, goal, without=("mesh_share",))
        if found is None:
            return None
        share = found.value / max(float(left.people.sum()), RESIDENT_UNIT)
        return f"mesh_share_min = {_rounded_down(share):g} or less"

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

    def _fullest(self, left: Space) -> str | None:
        """Return the largest share of the users needed that leaves a plan, and the emptiest site.

        Where a plan is found, all its sites have the share of its emptiest one.
        """
        mass, nothing = self.case.space.mass, Goal("nothing", 1.0, options=np.zeros(left.options))
        found = self._asked(left, nothing)
        if mass is None or found is None:
            return None
        high, (low, site) = 1.0, mass.emptiest(found.opened)
        while high - low > _STEP:
            middle = (low + high) / 2
            found = self._asked(replace(left, mass=mass.times(middle)), nothing)
            if found is None:
                high = middle
            else:
                low, site = max(mass.emptiest(found.opened), (middle, ""))
        users = {tier: low * need * USER_UNIT for tier, need in mass.needs.items()}
        return f"ask for {_masses(users)} users or fewer ({site} then has fewest)"

    def _open(self, found: Found) -> set[str]:
        ids = self.case.candidates.index[self.case.space.site[found.opened > 0]]
        return set(map(str, ids))

    def _number(self, which: str) -> str | None:
        """Return the number of each tier that would do, where it alone may give way."""
        sign = -1.0 if which == "at_most" else 1.0
        space, parts = self.case.space, []
        for rank, tier in enumerate(TIERS):
            counted = (space.new & (space.tier == rank)).astype(float)
            goal = Goal("sites", 1.0, options=sign * counted)
            found = self._asked(_without_number(space, Rule(which, (tier,))), goal)
            if found is not None:
                parts.append(f"{sign * found.value:.0f} {tier}")
        more = "allow" if which == "at_most" else "ask for only"
        return f"{more} {' or '.join(parts)} sites" if parts else None

    def _forced(self, left: Space) -> str | None:
        forced = {rule.subject[0] for rule in self.case.space.rules if rule.kind == "forced"}
        ids = self.case.candidates.index[left.site].astype(str)
        goal = Goal("forced", 1.0, options=np.isin(ids, sorted(forced)).astype(float))
        found = self._asked(left, goal)
        if found is None:
            return None
        shut = sorted(forced - self._open(found))
        return f"do not force {listed(shut)}"


def _without_number(space: Space, number: Rule) -> Space:
    """Return the space where one tier may have any number of sites."""
    free = np.array([rule == number for rule in space.rules], np.bool_)
    return replace(
        space,
        lower=np.where(free, -np.inf, space.lower),
        upper=np.where(free, np.inf, space.upper),
    )


def _rounded_down(share: float) -> float:
    """Return a share in whole ten-thousandths, which is never more than it is."""
    return float(np.floor(share * 1e4 + 1e-6)) / 1e4


def _masses(users: Mapping[str, float]) -> str:
    """Return users by tier, rounded down to hundredths."""
    shown = {tier: np.floor(number * 100 + 1e-6) / 100 for tier, number in users.items()}
    return ", ".join(f"{number:g} {tier}" for tier, number in shown.items())


def _percent(share: float) -> str:
    return f"{share * 100:.4g}%"


def _lifted(space: Space, kinds: Sequence[str]) -> Space:
    """Return the space without some kinds of rules; a site that was forced still has one tier."""
    if "forced" in kinds:
        forced = [rule.kind == "forced" for rule in space.rules]
        space = replace(
            space,
            lower=np.where(forced, 0.0, space.lower),
            rules=tuple(
                Rule("one_tier", rule.subject) if rule.kind == "forced" else rule
                for rule in space.rules
            ),
        )
    return space.without(*kinds)


def _eur(amount: float | None) -> str:
    return "any amount" if amount is None else f"{amount:,.0f} €"


def _numbers(limits: object) -> str:
    return ", ".join(f"{count} {tier}" for tier, count in dict(limits).items() if count)  # type: ignore[call-overload] # a mapping by tier
