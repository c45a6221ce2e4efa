r"""Who is to be served: residents as demand points, and the users to be expected among them.

At each demand point, with :math:`P` residents, :math:`a` of them at work, a share :math:`s_o` of
these in occupation :math:`o`, of which :math:`c_o` could telework:

.. math::

    T = P a \tau \sum_{o \in \text{employees}} s_o c_o, \qquad
    I = P a \sum_{o \in \text{independents}} s_o c_o, \qquad
    U = u_T T + u_I I

teleworkers, office independents and users, :math:`\tau` being the share of those who could that do
telework, and :math:`u` the share of each who use a place near home. Top-down chains overshoot
what rural places see, so the users per 1,000 inhabitants are held against what was observed.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.stats import poisson

from planner import assumptions, survey
from planner._errors import InputError
from planner.sources.tables import OCCUPATIONS
from planner.territory import Territory

DemandLevel = Literal["low", "central", "high"]
LEVELS: tuple[DemandLevel, ...] = ("low", "central", "high")
EMPLOYEES, INDEPENDENTS = OCCUPATIONS[:4], OCCUPATIONS[4:]
WORKING_DAYS_A_WEEK = 5

# What is low or high in a low or high demand: who could, and who would. How many do telework is
# known better than the rest, and stays as it is.
_MOVED = (
    *(f"{name}_telework" for name in OCCUPATIONS), "telework_use_share", "independent_use_share",
)  # fmt: skip
USED = (
    "employed_share", *(f"{name}_share" for name in OCCUPATIONS), "telework_take_up",
    "telework_take_up_far", *_MOVED, "user_days_a_week", "peak_factor", "observed_users_low",
    "observed_users_high",
)  # fmt: skip
"""Keys of the assumptions that the chain leans on."""


def residents(territory: Territory, *, cell_m: float | None = None) -> gpd.GeoDataFrame:
    """Return the residents of a territory as demand points.

    Parameters
    ----------
    territory
        The territory.
    cell_m
        When given, points of one commune in one square of this side are merged.

    Returns
    -------
    GeoDataFrame
        Index id, sorted; columns commune (code), residents (people, above 0, in whole hundredths
        so that sums are exact), geometry (points in the territory's metric CRS).

    Raises
    ------
    InputError
        When nobody lives in the territory.

    Examples
    --------
    >>> from planner import territory
    >>> home = territory.read("liechtenstein")
    >>> float(residents(home).residents.sum()) == float(home.communes.population.sum())
    True
    """
    points = territory.residents[["commune", "residents", "geometry"]].sort_index()
    points = points[points["residents"] > 0]
    if cell_m is not None:
        points = merge_to_grid(points, cell_m=cell_m)
    points = points.assign(residents=points["residents"].round(2))
    points = points[points["residents"] > 0]
    if points.empty:
        raise InputError(f"{territory.title}: no residents to plan for. Fill in the residents.")
    return points


def figures_at(
    level: DemandLevel, changes: Mapping[str, float] | None = None
) -> Mapping[str, float]:
    """Return the assumptions of a low, central or high demand.

    Parameters
    ----------
    level
        ``low`` and ``high`` take the ends of the ranges of who could telework, and of who would use
        a place; the rest stays central.
    changes
        Assumptions the user changed; they hold at every level.

    Returns
    -------
    Mapping[str, float]
        Every assumption by key.

    Examples
    --------
    >>> [figures_at(level)["telework_use_share"] for level in LEVELS]
    [0.01, 0.02, 0.11]
    """
    central = assumptions.values(changes)
    if level == "central":
        return central
    moved = assumptions.values(changes, level=level)
    return MappingProxyType({**central, **{key: moved[key] for key in _MOVED}})


def chain(
    points: pd.DataFrame,
    *,
    figures: Mapping[str, float],
    occupations: pd.DataFrame | None = None,
    multiplier: pd.Series | None = None,
    far: pd.Series | None = None,
) -> pd.DataFrame:
    """Return, at each demand point, those at work, who could telework, who do, and who would come.

    Parameters
    ----------
    points
        Demand points: commune, residents.
    figures
        Assumptions by key, see :func:`figures_at`.
    occupations
        People at work by commune (index code) and occupation (columns as `OCCUPATIONS`), where they
        are known: they are spread over the residents of the commune. Elsewhere the shares of the
        assumptions stand in.
    multiplier
        What users are multiplied by in some communes (index code), from a survey; 1 in others.
    far
        Share of those at work whose employer is far, by commune, see
        :func:`planner.commuting.far_minutes_share`: they telework more. Nobody where it is not
        known.

    Returns
    -------
    DataFrame
        Index as `points`; workers, compatible, teleworkers, independents, users: fractions of
        people, users as were there a site at the door.

    Raises
    ------
    InputError
        When the shares of the occupations are not one in all, or a table lacks a column or holds
        what is no number of people.

    Examples
    --------
    >>> village = pd.DataFrame({"commune": ["69001"], "residents": [1000.0]}, index=["p"])
    >>> chain(village, figures=figures_at("central")).round(1).loc["p"].tolist()
    [470.0, 143.9, 86.3, 14.4, 2.4]
    """
    share = np.array([figures[f"{name}_share"] for name in OCCUPATIONS])
    if not math.isclose(share.sum(), 1.0, abs_tol=1e-6):
        raise InputError(
            f"the shares of the occupations add up to {share.sum():.4f}, not 1: change "
            f"{', '.join(f'{name}_share' for name in OCCUPATIONS)} together."
        )
    people = points["residents"].to_numpy(float)
    at_work = (people * figures["employed_share"])[:, None] * share[None, :]
    if occupations is not None:
        known = _occupied(points, occupations)
        at_work = np.where(np.isnan(known), at_work, known)
    could = at_work * np.array([figures[f"{name}_telework"] for name in OCCUPATIONS])
    employed = len(EMPLOYEES)
    compatible = could[:, :employed].sum(axis=1)
    away = 0.0 if far is None else far.reindex(points["commune"]).fillna(0.0).to_numpy(float)
    near_take_up, far_take_up = figures["telework_take_up"], figures["telework_take_up_far"]
    teleworkers = compatible * ((1 - away) * near_take_up + away * far_take_up)
    independents = could[:, employed:].sum(axis=1)
    users = (
        teleworkers * figures["telework_use_share"]
        + independents * figures["independent_use_share"]
    )
    if multiplier is not None:
        users = users * _multiplied(points, multiplier)
    return pd.DataFrame(
        {
            "workers": at_work.sum(axis=1), "compatible": compatible, "teleworkers": teleworkers,
            "independents": independents, "users": users,
        },
        index=points.index,
    )  # fmt: skip


def _occupied(points: pd.DataFrame, occupations: pd.DataFrame) -> np.ndarray:
    """Return people at work by point and occupation, NaN where the commune is not in the table."""
    missing = [name for name in OCCUPATIONS if name not in occupations]
    if missing:
        raise InputError(f"occupations: no column {', '.join(missing)}.")
    if occupations.index.has_duplicates:
        raise InputError("occupations: the same commune twice.")
    table = occupations[list(OCCUPATIONS)].astype(float)
    if not ((table >= 0) & (table < np.inf)).to_numpy().all():
        raise InputError("occupations: every cell needs a number of people, 0 or more.")
    total = points["residents"].groupby(points["commune"]).transform("sum").to_numpy(float)
    share = points["residents"].to_numpy(float) / np.where(total > 0, total, 1.0)
    return np.asarray(table.reindex(points["commune"]).to_numpy() * share[:, None])


def _multiplied(points: pd.DataFrame, multiplier: pd.Series) -> np.ndarray:
    values = multiplier.astype(float)
    if values.index.has_duplicates or not ((values >= 0) & (values < np.inf)).all():
        raise InputError("multiplier: one number, 0 or more, for each commune named.")
    return values.reindex(points["commune"]).fillna(1.0).to_numpy(float)


def per_1000(users: float, residents: float) -> float:
    """Return users per 1,000 inhabitants; 0 where nobody lives.

    Examples
    --------
    >>> per_1000(15, 30_000)
    0.5
    """
    return 1000 * users / residents if residents > 0 else 0.0


def outside_band(users: float, residents: float, *, figures: Mapping[str, float]) -> str:
    """Return a warning where users are beyond what rural places have seen; nothing otherwise.

    Parameters
    ----------
    users, residents
        Of the whole territory.
    figures
        Assumptions by key.

    Examples
    --------
    >>> outside_band(530, 45_642, figures=figures_at("central"))
    '11,6 usagers pour 1 000 habitants, au-dessus des lieux ruraux observés (0,5 à 3)'
    """
    low, high = figures["observed_users_low"], figures["observed_users_high"]
    rate = per_1000(users, residents)
    if low <= rate <= high:
        return ""
    where = "au-dessous" if rate < low else "au-dessus"
    said, first, last = (f"{value:.1f}".replace(".", ",").removesuffix(",0")
                         for value in (rate, low, high))  # fmt: skip
    return (
        f"{said} usagers pour 1 000 habitants, {where} des lieux ruraux observés ({first} à {last})"
    )


def peak_seats(
    users: float, *, days_a_week: float, peak_factor: float, served_share: float = 0.95
) -> int:
    r"""Return the seats that suffice on the peak for users who come some days a week.

    Presence on the peak day is Poisson with mean :math:`u d k / 5`; the seats are its quantile.

    Parameters
    ----------
    users
        Of the site.
    days_a_week
        Days a user comes.
    peak_factor
        Presence of the peak day over that of the mean day.
    served_share
        How often the seats must suffice (0-1).

    Returns
    -------
    int
        Seats; 0 without users.

    Examples
    --------
    >>> [peak_seats(u, days_a_week=5, peak_factor=1) for u in (0.6, 1, 6, 10)]
    [2, 3, 10, 15]
    """
    if not 0 < served_share < 1 or not 0 <= users < math.inf:
        raise InputError("peak_seats: users are 0 or more, served_share is between 0 and 1.")
    return int(poisson.ppf(served_share, users * days_a_week * peak_factor / WORKING_DAYS_A_WEEK))


def users_by_level(
    points: pd.DataFrame,
    *,
    changes: Mapping[str, float] | None = None,
    per_1000: float | None = None,
    occupations: pd.DataFrame | None = None,
    far: pd.Series | None = None,
    answers: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the users to be expected at each demand point at each level of demand.

    Parameters
    ----------
    points, occupations, far
        As :func:`chain`.
    changes
        Assumptions that the user changed.
    per_1000
        Users per 1,000 inhabitants that take the place of the chain; low and high are then as far
        from it as the ends of the range of that assumption.
    answers
        Of a questionnaire, see :class:`planner.survey.Survey`: users are multiplied by
        :func:`planner.survey.multipliers`. Those of `per_1000` are not.

    Returns
    -------
    DataFrame
        Index as `points`, columns as `LEVELS`: users, as were there a site at the door.

    Examples
    --------
    >>> village = pd.DataFrame({"commune": ["69001"], "residents": [1000.0]}, index=["p"])
    >>> users_by_level(village, per_1000=2.5).round(2).loc["p"].tolist()
    [0.94, 2.5, 11.6]
    """
    if per_1000 is not None:
        rate = assumptions.DEFAULTS["users_per_1000"]
        at = {"low": rate.low, "central": rate.value, "high": rate.high}
        return pd.DataFrame(
            {
                level: points["residents"] * per_1000 * at[level] / rate.value / 1000
                for level in LEVELS
            }
        )
    found = {}
    for level in LEVELS:
        figures = figures_at(level, changes)
        told = chain(points, figures=figures, occupations=occupations, far=far)
        found[level] = told["users"]
        if answers is not None:
            factor = survey_at(level, points, told, answers=answers, changes=changes)["multiplier"]
            found[level] = told["users"] * _multiplied(points, factor)
    return pd.DataFrame(found)


def survey_at(
    level: DemandLevel,
    points: pd.DataFrame,
    told: pd.DataFrame,
    *,
    answers: pd.DataFrame,
    changes: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return what a questionnaire multiplies the users of each commune by, at a level of demand.

    Parameters
    ----------
    level
        Of demand: at its ends, so are the share of interest that becomes use and what so many
        answers say.
    points
        Demand points: commune.
    told
        As :func:`chain` returns it for them.
    answers
        See :class:`planner.survey.Survey`.
    changes
        Assumptions that the user changed.

    Returns
    -------
    DataFrame
        As :func:`planner.survey.multipliers`.
    """
    end: assumptions.Level = "value" if level == "central" else level
    sums = told[["users", "workers"]].groupby(points["commune"]).sum()
    share = (sums["users"] / sums["workers"].where(sums["workers"] > 0)).fillna(0.0)
    return survey.multipliers(
        answers,
        share,
        figures=assumptions.values(changes),
        becomes_use=assumptions.values(changes, level=end)["interest_becomes_use"],
        sign=survey.SIGNS[end],
    )


def merge_to_grid(points: gpd.GeoDataFrame, *, cell_m: float) -> gpd.GeoDataFrame:
    """Merge demand points of one commune that lie in one square.

    Residents are summed, and stand at their centre of gravity. No one changes commune.

    Parameters
    ----------
    points
        Demand points in a metric CRS: commune, residents (above 0), geometry.
    cell_m
        Side of the squares, metres; they are aligned on the multiples of it.

    Returns
    -------
    GeoDataFrame
        As `points`, with ids ``commune-column-row``, sorted.

    Raises
    ------
    InputError
        When the side is below a metre, or the CRS is not metric.
    """
    if not 1 <= cell_m < math.inf:
        raise InputError(f"cell_m={cell_m!r}: give a number of metres, 1 or more.")
    if points.crs is None or not points.crs.is_projected:
        raise InputError("demand points must be in a CRS in metres to be merged to a grid.")
    x, y = points.geometry.x.to_numpy(), points.geometry.y.to_numpy()
    column, row = (np.floor(value / cell_m).astype(int).astype(str) for value in (x, y))
    weight = points["residents"].to_numpy()
    cell = points["commune"].to_numpy() + "-" + column.astype(object) + "-" + row.astype(object)
    sums = (
        points.assign(cell=cell, x=x * weight, y=y * weight)
        .groupby("cell")
        .agg(commune=("commune", "first"), residents=("residents", "sum"), x=("x", "sum"),
             y=("y", "sum"))
        .sort_index()
    )  # fmt: skip
    place = gpd.points_from_xy(sums.x / sums.residents, sums.y / sums.residents, crs=points.crs)
    merged = gpd.GeoDataFrame(sums[["commune", "residents"]], geometry=place)
    merged.index.name = points.index.name
    return merged
