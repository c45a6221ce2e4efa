r"""What a network must respect: every rule of the coverage model, and how use fades with time.

The rules are data. The model (`planner.coverage`) and the second look (`planner.certificate`) each
read them on their own, so that neither has to believe the other.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from planner._errors import InputError
from planner.assumptions import DEFAULTS
from planner.candidates import TIERS
from planner.demand import WORKING_DAYS_A_WEEK
from planner.travel import BOUNDARY_MIN

Objective = Literal["service", "cost", "minutes", "worst", "fairness"]
OBJECTIVES: tuple[Objective, ...] = ("service", "cost", "minutes", "worst", "fairness")

RESIDENT_UNIT = 0.01  # residents are counted in whole hundredths: sums are then exact
USER_UNIT = 0.0001  # expected users, in whole ten-thousandths

_MOST_USERS = 10_000_000  # of a site

_NOTHING: Mapping[str, float] = MappingProxyType({})
_NO_SITES: Mapping[str, int] = MappingProxyType(dict.fromkeys(TIERS, 0))


@dataclass(frozen=True, kw_only=True)
class Decay:
    r"""How the share of people who would use a site fades with the minutes to it.

    With :math:`t` minutes, half :math:`h` and slope :math:`s`: *logistic*
    :math:`1 / (1 + e^{(t - h) / s})`; *exponential* :math:`2^{-t / h}`; *stepwise* the share of the
    first step that reaches; *binary* 1. Beyond `until_min`, nobody.

    Attributes
    ----------
    kind
        One of the four.
    half_min, slope_min
        Minutes at which half of the people come; how fast the logistic falls there.
    until_min
        Nobody comes from farther.
    steps
        For *stepwise*: minutes and shares, minutes rising, shares falling.

    Examples
    --------
    >>> Decay().share(np.array([5.0, 10.0, 15.0, 26.0])).round(2).tolist()
    [0.91, 0.66, 0.27, 0.0]
    """

    kind: Literal["logistic", "stepwise", "exponential", "binary"] = "logistic"
    half_min: float = DEFAULTS["decay_half_min"].value
    slope_min: float = DEFAULTS["decay_slope_min"].value
    until_min: float = DEFAULTS["use_until_min"].value
    steps: tuple[tuple[float, float], ...] = ((5.0, 1.0), (10.0, 0.7), (15.0, 0.3), (20.0, 0.1))

    def __post_init__(self) -> None:
        """Refuse a curve that rises, or that is none."""
        minutes, shares = zip(*self.steps, strict=True) if self.steps else ((), ())
        numbers = (self.half_min, self.slope_min, self.until_min, *minutes, *shares)
        if not all(math.isfinite(value) and value >= 0 for value in numbers):
            raise InputError("decay: minutes and shares must be numbers, 0 or more.")
        if self.half_min <= 0 or self.slope_min <= 0:
            raise InputError("decay: half_min and slope_min must be above 0.")
        if list(minutes) != sorted(set(minutes)) or list(shares) != sorted(shares, reverse=True):
            raise InputError("decay: in steps, minutes must rise and shares must not.")
        if shares and shares[0] > 1:
            raise InputError("decay: a share is between 0 and 1.")

    def share(self, minutes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of people who would use a site at these minutes, 0 to 1."""
        if self.kind == "logistic":
            share = 1 / (1 + np.exp(np.minimum((minutes - self.half_min) / self.slope_min, 700.0)))
        elif self.kind == "exponential":
            share = np.exp2(-minutes / self.half_min)
        elif self.kind == "stepwise":
            ends, shares = np.array(self.steps, float).reshape(-1, 2).T
            step = np.searchsorted(ends + BOUNDARY_MIN, minutes, side="left")
            share = np.append(shares, 0.0)[step]
        else:
            share = np.ones(minutes.shape)
        return np.where(minutes <= self.until_min + BOUNDARY_MIN, share, 0.0)


def _whole(value: float) -> bool:
    """Return whether a number is 1, 2, ... or 0."""
    return 0 <= value < math.inf and value == math.floor(value)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What every plan must respect. A limit that is None does not bind.

    Attributes
    ----------
    at_least, at_most
        New sites by tier; existing ones are not counted. Of a tier that is not named, none.
    mesh_min
        Minutes within which a resident counts as covered by a site of any tier.
    structuring_min
        The same, for a structuring site.
    decay
        How use fades with time.
    backup_weight
        What a second site within the mesh minutes is worth, as a share of the first (0-1).
    commune_sites_max
        New sites in one commune, all tiers together.
    spacing_min
        By tier: least minutes between two of its sites, one way or the other.
    invest_max_eur, running_max_eur
        Investment in total; running cost of the EPCI, a year.
    commune_invest_max_eur
        Investment that one commune pays.
    commune_share_min
        Share of the residents of every commune that must be covered (0-1).
    mesh_share_min
        Share of all residents that must be covered (0-1).
    seats
        Whether users find a place only while there are seats on the peak.
    gate
        Whether premises that are not accessible are ruled out.
    site_users_min
        Critical mass, by tier: users that a new site needs, everyone going to the nearest open one.
    cost_years
        Years of running cost in the cost of a plan.
    """

    at_least: Mapping[str, int] = field(default_factory=lambda: _NO_SITES)
    at_most: Mapping[str, int] = field(default_factory=lambda: _NO_SITES)
    mesh_min: float = DEFAULTS["mesh_min"].value
    structuring_min: float = DEFAULTS["structuring_min"].value
    decay: Decay = field(default_factory=Decay)
    backup_weight: float = 0.0
    commune_sites_max: int | None = None
    spacing_min: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    invest_max_eur: int | None = None
    running_max_eur: int | None = None
    commune_invest_max_eur: int | None = None
    commune_share_min: float = 0.0
    mesh_share_min: float = 0.0
    seats: bool = False
    gate: bool = True
    site_users_min: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    cost_years: int = 5

    def __post_init__(self) -> None:
        """Refuse rules that are no numbers, all at once."""
        faults = [
            f"{name} of {tier}: {value!r}: a whole number of sites, 0 or more, for one of "
            f"{', '.join(TIERS)}"
            for name in ("at_least", "at_most")
            for tier, value in getattr(self, name).items()
            if tier not in TIERS or not _whole(value)
        ]
        faults += [
            f"{name}={value!r}: a share between 0 and 1"
            for name in ("backup_weight", "commune_share_min", "mesh_share_min")
            if not 0 <= (value := getattr(self, name)) <= 1
        ]
        faults += [
            f"{name}={value!r}: 0 or more"
            for name in (
                "mesh_min", "structuring_min", "commune_sites_max", "invest_max_eur",
                "running_max_eur", "commune_invest_max_eur",
            )
            if (value := getattr(self, name)) is not None and not 0 <= value < math.inf
        ]  # fmt: skip
        if not _whole(self.cost_years):
            faults.append(f"cost_years={self.cost_years!r}: whole years, 0 or more")
        faults += [
            f"spacing_min of {tier}: {value!r}: 0 or more minutes, for one of {', '.join(TIERS)}"
            for tier, value in self.spacing_min.items()
            if tier not in TIERS or not 0 <= value < math.inf
        ]
        faults += [
            f"site_users_min of {tier}: {value!r}: 0 or more users, for one of {', '.join(TIERS)}"
            for tier, value in self.site_users_min.items()
            if tier not in TIERS or not 0 <= value <= _MOST_USERS
        ]
        if faults:
            raise InputError(f"rules: {'; '.join(faults)}.")
        for name in ("at_least", "at_most"):
            numbers = {tier: int(getattr(self, name).get(tier, 0)) for tier in TIERS}
            object.__setattr__(self, name, MappingProxyType(numbers))

    @property
    def longest_min(self) -> float:
        """The longest minutes that any rule looks at, from people to sites."""
        return max(self.mesh_min, self.structuring_min, self.decay.until_min)


@dataclass(frozen=True, kw_only=True, eq=False)
class Hints:
    """Multipliers from which a bound can be worked out again; wrong ones only make it loose.

    Attributes
    ----------
    rules
        By rule (its kind, and the ids it is about): above 0 for its upper limit, below for its
        lower.
    communes
        By commune: of the share of its residents that must be covered.
    held
        By earlier goal: of the value it must keep; one number a commune for a smallest share.
    least
        By commune: of its share, where the goal is the smallest.
    points
        By layer: price of each demand point, as a share of the most it can be worth (0-1).
    must
        By layer that an earlier goal covers whole: of each demand point that must be covered.
    seats
        By site and tier: price of a seat there, as a share of a user (0-1).
    """

    rules: Mapping[tuple[str, tuple[str, ...]], float] = field(default_factory=dict)
    communes: Mapping[str, float] = field(default_factory=dict)
    held: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    points: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    must: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    seats: Mapping[tuple[str, str], float] = field(default_factory=dict)


def regulars_min(figures: Mapping[str, float]) -> dict[str, float]:
    """Return the users below whom a site of each tier counts as empty.

    Parameters
    ----------
    figures
        Assumptions by key, `regulars_min` and `mini_regulars_min` among them.

    Returns
    -------
    dict[str, float]
        By tier.

    Examples
    --------
    >>> regulars_min({"regulars_min": 8.0, "mini_regulars_min": 2.0})
    {'structuring': 8.0, 'mini': 2.0, 'corpoworking': 8.0}
    """
    return {
        tier: figures["mini_regulars_min" if tier == "mini" else "regulars_min"] for tier in TIERS
    }


def users_seated(
    seats: int, *, days_a_week: float, peak_factor: float, served_share: float = 0.95
) -> float:
    r"""Return how many users a site can have so that its seats suffice on the peak.

    On the peak day presence is Poisson with mean :math:`\mu = u \, d \, k / 5` for :math:`u` users
    who come :math:`d` days a week and a peak factor :math:`k`. The seats suffice when
    :math:`P(N \le \text{seats}) \ge` `served_share`.

    Parameters
    ----------
    seats
        Of the site.
    days_a_week
        Days a user comes.
    peak_factor
        Presence of the peak day over that of the mean day.
    served_share
        How often the seats must suffice (0-1).

    Returns
    -------
    float
        Users, at most.

    Examples
    --------
    >>> round(users_seated(3, days_a_week=1.0, peak_factor=1.25), 2)
    5.47
    """
    presence = float(gammaincinv(seats + 1, 1 - served_share))
    return presence * WORKING_DAYS_A_WEEK / (days_a_week * peak_factor)
