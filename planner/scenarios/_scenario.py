"""The numbers of a run, and the TOML file they come from."""

from collections.abc import Mapping
from typing import Annotated, Literal

import pandas as pd
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from planner import assumptions
from planner._errors import InputError
from planner.assumptions import DEFAULTS
from planner.candidates import TIERS
from planner.demand import DemandLevel, figures_at
from planner.network import PROFILES
from planner.rules import Decay, Objective
from planner.scores import CRITERIA, given
from planner.survey import COUNTS

Study = Literal["pareto", "alternatives", "reasons", "robustness", "phases", "scores"]
_MOST_SITES, _MOST_SEATS = 10_000, 100_000
_MOST_EUR = 10**11


def _default(key: str) -> float:
    return DEFAULTS[key].value


Answers = Annotated[int, Field(ge=0, le=1_000_000)]


class Scenario(BaseModel):
    """Every number of a run, used once, written in every output.

    Attributes
    ----------
    name
        What outputs call it.
    mesh_min
        Minutes within which a resident should reach some site.
    structuring_min
        Minutes within which a resident should reach a structuring site.
    isochrones_min
        Minutes of the isochrones that are drawn, beside `mesh_min`.
    objective
        ``service``, ``cost``, ``minutes``, ``worst`` or ``fairness``: what is optimised first; see
        :func:`planner.coverage.solve`.
    demand_level
        ``low``, ``central`` or ``high``: which end of the ranges of who could and would come; see
        :func:`planner.demand.figures_at`.
    users_per_1000
        Users to be expected per 1,000 inhabitants where a site is at the door; worked out from who
        could telework when left out, see :func:`planner.demand.chain`.
    user_days_a_week, peak_factor
        Days a week users come, and how much more come on the peak day.
    decay, decay_half_min, decay_slope_min, use_until_min, decay_steps
        How use fades with minutes; see :class:`planner.rules.Decay`.
    backup_weight
        What a second site within the mesh minutes is worth, as a share of the first.
    structuring_sites
        Structuring sites to open, exactly.
    mini_sites_max
        Mini-coworks to open, at most.
    corpoworking_sites_max
        Corpoworking sites; fewer where there are fewer activity zones.
    structuring_seats, mini_seats, corpoworking_seats
        Seats of a site.
    structuring_invest_eur, mini_invest_eur, corpoworking_invest_eur
        Investment of a site; worked out from its seats when left out.
    structuring_running_eur, mini_running_eur, corpoworking_running_eur
        All that a site costs to run for a year; likewise.
    cost_years
        Years of running cost in the cost of a plan.
    invest_max_eur, running_max_eur, commune_invest_max_eur
        Budgets: investment in all, running cost a year, investment of one commune.
    commune_sites_max
        New sites in one commune.
    structuring_spacing_min, mini_spacing_min
        Minutes between two sites of the tier, at least.
    commune_share_min, mesh_share_min
        Share of the residents of every commune, and of all, that must be covered.
    seats_bind
        Whether users find a place only while seats suffice on the peak.
    critical_mass
        Whether a new site opens only with enough users who have no nearer site, at the demand level
        of the scenario: `regulars_min`, or `mini_regulars_min`, of :mod:`planner.assumptions`.
    inaccessible, premises_gate
        Ids of premises that cannot be had or entered; whether they are ruled out.
    bourg_min_population
        Inhabitants from which a commune is a bourg, that may hold a structuring site.
    profile
        Speed profile of the roads.
    max_snap_m
        Metres between a place and its road, at most.
    walk_kph
        Speed between a place and its road.
    demand_cell_m
        When given, residents are merged to a grid of this side.
    forced, forbidden
        Ids of premises that must, or must not, become a site.
    time_limit_s
        Seconds for the optimisation, and as much for each study.
    gap
        Relative distance of value and bound that is good enough; 0 asks for a proof.
    studies
        What to work out beside the plan: any of ``pareto``, ``alternatives``, ``reasons``,
        ``robustness``, ``phases``, ``scores``.
    pareto_points
        Points of the front of coverage against cost.
    alternatives, alternatives_within
        How many other plans, and what share of the optimum each may give up.
    years, year_invest_max_eur, year_hours_max
        Phasing: years; yearly ceilings of investment (a commune) and of hours of animation.
    structuring_opening_hours, mini_opening_hours, corpoworking_opening_hours
        Hours of animation that opening a site takes.
    available_year
        By premises id, the first year it can be had: a table of TOML, or pairs.
    discount_rate
        Of user-days, a year.
    grants, vacancy_months
        Budget: grants that are counted on (``fabrique``, ``reconquete``), and months of the first
        year in which nobody coordinates the network.
    employers_share
        Share of the investment and of the running cost of a corpoworking site that employers bear.
    weights
        By group of a workshop, what it weighs, by criterion: tables of TOML, or pairs; all criteria
        alike when left out. See :data:`planner.scores.CRITERIA`.
    survey
        By commune (code), how many said yes, maybe and no to a questionnaire; see
        :mod:`planner.survey`.
    assumptions
        Other figures of :mod:`planner.assumptions` that are not the default, by key: a table of
        TOML, or pairs. A key that the scenario has itself is taken as that key.

    Examples
    --------
    >>> Scenario(mesh_min=8).mesh_min
    8.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(default="base", max_length=200)
    mesh_min: float = Field(default=_default("mesh_min"), gt=0, le=120)
    structuring_min: float = Field(default=_default("structuring_min"), gt=0, le=120)
    isochrones_min: tuple[Annotated[float, Field(gt=0, le=120)], ...] = Field(
        default=(8.0, 10.0, 12.0), strict=False, max_length=6
    )
    objective: Objective = "service"
    demand_level: DemandLevel = "central"
    users_per_1000: float | None = Field(default=None, ge=0, le=1000)
    user_days_a_week: float = Field(default=_default("user_days_a_week"), gt=0, le=7)
    peak_factor: float = Field(default=_default("peak_factor"), ge=1, le=5)
    decay: Literal["logistic", "stepwise", "exponential", "binary"] = "logistic"
    decay_half_min: float = Field(default=_default("decay_half_min"), gt=0, le=120)
    decay_slope_min: float = Field(default=_default("decay_slope_min"), gt=0, le=60)
    use_until_min: float = Field(default=_default("use_until_min"), gt=0, le=120)
    decay_steps: tuple[tuple[float, float], ...] = Field(default=Decay().steps, strict=False)
    backup_weight: float = Field(default=0.0, ge=0, le=1)
    structuring_sites: int = Field(default=int(_default("structuring_sites")), ge=0, le=_MOST_SITES)
    mini_sites_max: int = Field(default=int(_default("mini_sites_max")), ge=0, le=_MOST_SITES)
    corpoworking_sites_max: int = Field(
        default=int(_default("corpoworking_sites_max")), ge=0, le=_MOST_SITES
    )
    structuring_seats: int = Field(default=int(_default("structuring_seats")), ge=1, le=_MOST_SEATS)
    mini_seats: int = Field(default=int(_default("mini_seats")), ge=1, le=_MOST_SEATS)
    corpoworking_seats: int = Field(
        default=int(_default("corpoworking_seats")), ge=1, le=_MOST_SEATS
    )
    structuring_invest_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    mini_invest_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    corpoworking_invest_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    structuring_running_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    mini_running_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    corpoworking_running_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    cost_years: int = Field(default=5, ge=0, le=50)
    invest_max_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    running_max_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    commune_invest_max_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    commune_sites_max: int | None = Field(default=None, ge=0, le=_MOST_SITES)
    structuring_spacing_min: float = Field(default=0.0, ge=0, le=120)
    mini_spacing_min: float = Field(default=0.0, ge=0, le=120)
    commune_share_min: float = Field(default=0.0, ge=0, le=1)
    mesh_share_min: float = Field(default=0.0, ge=0, le=1)
    seats_bind: bool = False
    critical_mass: bool = False
    inaccessible: tuple[str, ...] = Field(default=(), strict=False)
    premises_gate: bool = True
    bourg_min_population: int = Field(
        default=int(_default("bourg_min_population")), ge=0, le=100_000_000
    )
    profile: str = "car"
    max_snap_m: float = Field(default=_default("max_snap_m"), gt=0, le=10_000)
    walk_kph: float = Field(default=_default("walk_kph"), ge=0.1, le=10)
    demand_cell_m: float | None = Field(default=None, ge=1, le=100_000)
    forced: tuple[str, ...] = Field(default=(), strict=False)  # TOML gives a list
    forbidden: tuple[str, ...] = Field(default=(), strict=False)
    time_limit_s: float = Field(default=60.0, gt=0, le=86_400)
    gap: float = Field(default=0.0, ge=0, lt=1)
    studies: tuple[Study, ...] = Field(default=(), strict=False)
    pareto_points: int = Field(default=20, ge=2, le=200)
    alternatives: int = Field(default=10, ge=1, le=100)
    alternatives_within: float = Field(default=0.02, ge=0, le=1)
    years: int = Field(default=5, ge=1, le=20)
    year_invest_max_eur: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    year_hours_max: int | None = Field(default=None, ge=0, le=_MOST_EUR)
    structuring_opening_hours: int = Field(default=800, ge=0, le=100_000)
    mini_opening_hours: int = Field(default=40, ge=0, le=100_000)
    corpoworking_opening_hours: int = Field(default=800, ge=0, le=100_000)
    available_year: tuple[tuple[str, int], ...] = Field(default=(), strict=False)
    discount_rate: float = Field(default=_default("discount_rate"), ge=0, lt=1)
    grants: tuple[Literal["fabrique", "reconquete"], ...] = Field(default=(), strict=False)
    vacancy_months: int = Field(default=0, ge=0, le=12)
    employers_share: float = Field(default=_default("employers_share"), ge=0, le=1)
    weights: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = Field(default=(), strict=False)
    survey: tuple[tuple[str, tuple[Answers, Answers, Answers]], ...] = Field(
        default=(), strict=False
    )
    assumptions: tuple[tuple[str, float], ...] = Field(default=(), strict=False)

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, profile: str) -> str:
        if profile not in PROFILES:
            raise ValueError(f"no profile {profile!r}; choose one of {', '.join(PROFILES)}")
        return profile

    @model_validator(mode="before")
    @classmethod
    def _own_keys(cls, content: object) -> object:
        """Take an assumption that the scenario has a key for as that key."""
        given = content.get("assumptions") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(given, dict):
            return content
        own = {key: value for key, value in given.items() if key in cls.model_fields}
        both = sorted(key for key in own if key in content)
        if both:
            raise ValueError(f"{', '.join(both)}: in the scenario and in its assumptions; keep one")
        whole = {
            key: int(value)
            if cls.model_fields[key].annotation is int and value == int(value)
            else value
            for key, value in own.items()
        }
        rest = {key: value for key, value in given.items() if key not in own}
        return {**content, **whole, "assumptions": rest}

    @field_validator("weights")
    @classmethod
    def _known_weights(
        cls, pairs: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    ) -> tuple[tuple[str, tuple[tuple[str, float], ...]], ...]:
        """Refuse what weighs nothing, or no criterion, in pydantic's words."""
        groups = {group: dict(rows) for group, rows in pairs}
        strange = sorted({name for rows in groups.values() for name in rows} - set(CRITERIA))
        if strange:
            raise ValueError(f"no criterion {', '.join(strange)}; known: {', '.join(CRITERIA)}")
        if groups:
            try:
                given(groups)
            except InputError as error:
                raise ValueError(str(error).removesuffix(".")) from error
        return pairs

    @field_validator("assumptions")
    @classmethod
    def _known_figures(cls, pairs: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
        """Refuse what is no assumption, in pydantic's words."""
        try:
            assumptions.values(dict(pairs))
        except InputError as error:
            raise ValueError(str(error).removeprefix("assumptions: ").removesuffix(".")) from error
        return tuple(sorted(pairs))

    @field_validator(
        "decay_steps", "available_year", "assumptions", "weights", "survey", mode="before"
    )
    @classmethod
    def _pairs(cls, pairs: object) -> object:
        """Take a list of pairs, or a table of TOML, as pairs in order."""
        return _as_pairs(pairs)

    @model_validator(mode="after")
    def _curve(self) -> "Scenario":
        """Refuse a decay that is no curve, in pydantic's words."""
        _ = self.decay_curve
        return self

    @property
    def decay_curve(self) -> Decay:
        """How use fades with minutes."""
        return Decay(
            kind=self.decay, half_min=self.decay_half_min, slope_min=self.decay_slope_min,
            until_min=self.use_until_min, steps=self.decay_steps,
        )  # fmt: skip

    @property
    def figures(self) -> Mapping[str, float]:
        """Every assumption by key, as this scenario takes it."""
        return figures_at(self.demand_level, self.changes)

    @property
    def changes(self) -> dict[str, float]:
        """The assumptions that are not the default, by key, those with a key of their own too."""
        own = {
            key: float(value)
            for key in DEFAULTS
            if key in type(self).model_fields
            and (value := getattr(self, key)) is not None
            and value != DEFAULTS[key].value
        }
        return own | dict(self.assumptions)

    @property
    def costs(self) -> dict[str, dict[str, int | None]]:
        """Investment and running cost by tier, where the scenario says them."""
        return {
            tier: {
                "invest_eur": getattr(self, f"{tier}_invest_eur"),
                "running_eur": getattr(self, f"{tier}_running_eur"),
            }
            for tier in TIERS
        }

    @property
    def answers(self) -> pd.DataFrame | None:
        """Answers to a questionnaire by commune, see :class:`planner.survey.Survey`."""
        if not self.survey:
            return None
        return pd.DataFrame.from_dict(dict(self.survey), orient="index", columns=list(COUNTS))

    @property
    def opening_hours(self) -> dict[str, int]:
        """Hours of animation that opening a site takes, by tier."""
        return {tier: int(getattr(self, f"{tier}_opening_hours")) for tier in TIERS}

    @property
    def seats(self) -> dict[str, int]:
        """Seats by tier."""
        return {tier: int(getattr(self, f"{tier}_seats")) for tier in TIERS}


def _as_pairs(value: object) -> object:
    """Return tables and lists of TOML as tuples, tables in the order of their keys."""
    if isinstance(value, dict):
        return tuple((key, _as_pairs(rest)) for key, rest in sorted(value.items()))
    return tuple(map(_as_pairs, value)) if isinstance(value, list | tuple) else value
