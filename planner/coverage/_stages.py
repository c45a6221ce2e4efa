"""Goals in their order: each is made as large as it can be while those before it hold."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from planner._errors import SolveError
from planner.coverage._goals import Goal, Held, worths
from planner.coverage._layers import Floats
from planner.coverage._master import Found, Pool, is_alone, maximise
from planner.coverage._space import Space


@dataclass(frozen=True)
class Stage:
    """One goal of the lexicographic optimum.

    Attributes
    ----------
    name
        ``mesh``, ``backup``, ``structuring``, ``users``, ``fairness``, ``cost``, ``minutes``,
        ``worst``, ``sites`` or ``ids``.
    value, bound
        What was reached, and what no plan betters while the earlier stages hold: residents, users,
        a share, euros, resident-minutes, minutes, sites. Where `smaller` is better the bound is
        not above the value; elsewhere not below.
    proven
        Whether the two meet.
    smaller
        Whether less is better.
    """

    name: str
    value: float
    bound: float
    proven: bool
    smaller: bool = False

    @property
    def gap(self) -> float:
        """Share that may still be missing, of the bound or the value, whichever is larger."""
        apart = self.value - self.bound if self.smaller else self.bound - self.value
        return max(apart, 0.0) / max(abs(self.bound), abs(self.value), 1e-12)


@dataclass(frozen=True, eq=False)
class Question:
    """A space, and what a whole series of questions about it shares.

    Attributes
    ----------
    space
        What may be chosen.
    deadline
        On the clock of :func:`time.perf_counter`.
    gap
        Relative distance of bound and value that is good enough.
    pool
        Planes learnt so far.
    """

    space: Space
    deadline: float
    gap: float = 0.0
    pool: Pool = field(default_factory=Pool)

    def left(self) -> float:
        """Return the seconds left."""
        return self.deadline - time.perf_counter()

    def until(self, deadline: float) -> "Question":
        """Return the same question with an earlier end."""
        return replace(self, deadline=min(deadline, self.deadline))

    def within(self, space: Space) -> "Question":
        """Return the same question on a space with other rules and the same layers."""
        return replace(self, space=space)


@dataclass(frozen=True, eq=False)
class Reached:
    """A plan, stage by stage.

    Attributes
    ----------
    opened
        The options.
    stages
        In their order.
    held
        The goals and their values, as later questions must keep them.
    found
        What was found at each stage; None where time ran out before it.
    limits
        Of the options in every plan that reaches the same.
    """

    opened: Floats
    stages: tuple[Stage, ...]
    held: tuple[Held, ...]
    found: tuple[Found | None, ...]
    limits: tuple[Floats, Floats] | None
    interrupted: bool


# Goals that hardly two plans reach alike; with critical mass it takes too long to show.
_TELLING = frozenset({"users", "minutes"})
SMALLER = frozenset({"cost", "sites", "ids", "minutes", "worst"})


def lexicographic(
    question: Question,
    goals: Sequence[Goal],
    *,
    held: Sequence[Held] = (),
    start: Sequence[Floats] = (),
    gap_after: float | None = None,
) -> Reached:
    """Reach goals in their order.

    Parameters
    ----------
    question
        The space and the time there is.
    goals
        In their order.
    held
        Goals that must not fall below their values, whatever comes.
    start
        Plans known.
    gap_after
        Relative gap that is good enough after the first goal; the question's when left out.

    Returns
    -------
    Reached
        The last plan; its stages are valued on it, so that each stage holds.

    Raises
    ------
    Infeasible
        When no plan satisfies the rules.
    TimeLimit
        When time ran out before a first plan.
    """
    kept = list(held)
    found: list[Found | None] = []
    limits: tuple[Floats, Floats] | None = None
    plans = list(start)
    opened: Floats | None = None
    interrupted = alone = False
    for goal in goals:
        one: Found | None = None
        gap = question.gap if gap_after is None or not found else gap_after
        try:
            if alone and opened is not None:
                one = _only(question.space, goal, opened)
            elif not interrupted and (opened is None or question.left() > 0):
                one = maximise(
                    question.space, goal, pool=question.pool, deadline=question.deadline,
                    held=kept, start=plans, limits=limits, gap=gap,
                )  # fmt: skip
                opened, limits, interrupted = one.opened, one.limits, one.interrupted
                plans = [opened]
                telling = goal.name in _TELLING and goal is not goals[-1]
                if one.proven and telling and question.space.mass is None:
                    alone = is_alone(
                        question.space, goal, opened, pool=question.pool,
                        deadline=question.deadline, held=kept, limits=limits,
                    )  # fmt: skip
        except KeyboardInterrupt:
            if opened is None:
                raise
            interrupted = True
        except SolveError:
            if opened is None:
                raise
        found.append(one)
        kept.append(Held(goal, value_of(question.space, goal, opened)))
    stages = tuple(
        _stage(goal, value_of(question.space, goal, opened), one, most=_most(question.space, goal))
        for goal, one in zip(goals, found, strict=True)
    )
    plan = np.zeros(question.space.options) if opened is None else opened
    return Reached(plan, stages, tuple(kept), tuple(found), limits, interrupted)


def _only(space: Space, goal: Goal, opened: Floats) -> Found:
    """Return the answer of a goal when only one plan is left."""
    value = value_of(space, goal, opened)
    return Found(
        opened, value, value, proven=True, prices=None, relaxed=value,
        reduced_cost=np.zeros(space.options), limits=(opened, opened),
    )  # fmt: skip


def value_of(space: Space, goal: Goal, opened: Floats | None) -> float:
    """Return the value of a plan for a goal, from the layers themselves."""
    plan = np.zeros(space.options) if opened is None else opened
    return goal.value(plan, worths(space.layers, goal.uses, plan))


def _stage(goal: Goal, value: float, found: Found | None, *, most: float) -> Stage:
    """Return a stage in the words of the user: what is made small is a positive number."""
    digits = max(0, round(-np.log10(goal.unit))) if goal.unit < 1 else 0
    bound = min(found.bound, most) if found else most
    proven = bound <= value + goal.unit / 2
    bound = value if proven else max(bound, value)
    smaller = goal.name in SMALLER
    sign = -1.0 if smaller else 1.0
    shown = round(sign * value, digits) + 0.0, round(sign * bound, digits) + 0.0
    return Stage(goal.name, *shown, proven=proven, smaller=smaller)


def _most(space: Space, goal: Goal) -> float:
    """Return what no plan exceeds, whatever the rules."""
    if goal.least:
        return min(
            float(space.layers[part.layer].most.sum() if part.block is None
                  else space.layers[part.layer].most[part.block]) / part.scale
            for part in goal.least
        )  # fmt: skip
    own = 0.0 if goal.options is None else float(np.maximum(goal.options, 0.0).sum())
    rest = sum(w * float(space.layers[name].most.sum()) for name, w in goal.layers.items())
    return goal.offset + own + rest


def layer_totals(space: Space, opened: Floats) -> Mapping[str, float]:
    """Return what each layer is worth in all."""
    found = worths(space.layers, sorted(space.layers), opened)
    return {name: float(blocks.sum()) for name, blocks in found.items()}
