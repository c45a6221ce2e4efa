r"""What happened against what was forecast: attendance by site, an alert, and take-up anew.

A month of a site is forecast as its expected users, the days they come and the ramp-up of the year
since it opened. With :math:`x` days seen and :math:`\mu` forecast over the months looked at, the
site is under its forecast when a Poisson of mean :math:`\mu` would rarely be as low:

.. math::

    P(N \le x \mid \mu) < \alpha .

The whole network's ratio :math:`r = \sum x / \sum \mu` re-estimates the share of people who use a
place near home, with the exact interval of Garwood (1936).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from scipy.stats import chi2, poisson

from planner._errors import InputError
from planner._tables import Column, read_csv, refuse
from planner.assumptions import DEFAULTS

MONTHS_A_YEAR = 12
RARE = 0.05
TAKE_UP = ("telework_use_share", "independent_use_share")
"""Keys of the assumptions that attendance re-estimates."""

_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
_COLUMNS = {
    "site": Column(),
    "mois": Column(),
    "journees": Column("number", low=0),
    "ouverture": Column(),
}


@dataclass(frozen=True, eq=False)
class FollowUp:
    """Attendance against forecast.

    Attributes
    ----------
    sites
        Index site; opened (``YYYY-MM``), months (seen), days (of users, seen), forecast, ratio,
        alert (whether it is under its forecast, beyond chance).
    ratio, low, high
        Of the network: days seen over days forecast, and its 90 % interval.
    """

    sites: pd.DataFrame
    ratio: float
    low: float
    high: float

    def changes(self, figures: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the assumptions that attendance re-estimates, for the next scenario.

        Parameters
        ----------
        figures
            Assumptions by key of the plan that was followed; the defaults when left out.
        """
        now = {key: DEFAULTS[key].value if figures is None else figures[key] for key in TAKE_UP}
        return {key: round(min(value * self.ratio, 1.0), 6) for key, value in now.items()}


def read_attendance(path: Path | str) -> pd.DataFrame:
    """Read a file of attendance: one row a site and a month.

    Parameters
    ----------
    path
        CSV with the columns site (id), mois (``2027-03``), journees (days of users, decimals
        allowed) and ouverture (the month the site opened).

    Returns
    -------
    DataFrame
        site, month, days, opened; sorted by site and month.

    Raises
    ------
    InputError
        With all the faults: a month that is none or before the opening, a month that is there
        twice, two openings of one site, each with its row.
    """
    table = read_csv(path, what="attendance", columns=_COLUMNS)
    faults = []
    seen: dict[tuple[str, str], int] = {}
    opened: dict[str, str] = {}
    for row, (site, month, _, opening) in enumerate(table.itertuples(index=False), start=2):
        for name, value in (("mois", month), ("ouverture", opening)):
            if not _MONTH.fullmatch(value):
                faults.append(f"row {row}, {name} {value!r}: write the month as 2027-03")
        if month < opening:
            faults.append(f"row {row}: the month {month} is before the opening, {opening}")
        if (site, month) in seen:
            faults.append(f"row {row}: {site} {month} is there already, row {seen[site, month]}")
        if opened.setdefault(site, opening) != opening:
            faults.append(f"row {row}: {site} opened in {opened[site]}, not in {opening}")
        seen.setdefault((site, month), row)
    if not len(table):
        faults.append("no row of attendance")
    refuse(str(path), faults)
    table.columns = pd.Index(["site", "month", "days", "opened"])
    return table.sort_values(["site", "month"]).reset_index(drop=True)


def follow_up(
    attendance: pd.DataFrame, users: pd.Series, *, figures: Mapping[str, float]
) -> FollowUp:
    """Return attendance against forecast, by site and for the network.

    Parameters
    ----------
    attendance
        From :func:`read_attendance`.
    users
        Users expected at each site of the plan once its ramp-up is over, by id.
    figures
        Assumptions by key: user_days_a_week, working_weeks, ramp_year_1 to ramp_year_3.

    Returns
    -------
    FollowUp
        Sites sorted by id.

    Raises
    ------
    InputError
        When a site is in the attendance and not in the plan, or nothing was forecast.

    Examples
    --------
    >>> from planner.assumptions import values
    >>> seen = {"site": ["a"], "month": ["2027-01"], "days": [6.0], "opened": ["2027-01"]}
    >>> found = follow_up(pd.DataFrame(seen), pd.Series({"a": 8.0}), figures=values())
    >>> float(found.sites.loc["a", "forecast"]), bool(found.sites.loc["a", "alert"])
    (10.5, False)
    """
    unknown = sorted(set(attendance["site"]) - set(users.index))
    if unknown:
        raise InputError(f"attendance: sites that the plan does not open: {', '.join(unknown)}.")
    month = _number(attendance["month"])
    age = (month - _number(attendance["opened"])) // MONTHS_A_YEAR + 1
    ramp = age.clip(upper=3).map(lambda year: figures[f"ramp_year_{year}"])
    a_month = figures["user_days_a_week"] * figures["working_weeks"] / MONTHS_A_YEAR
    forecast = users.reindex(attendance["site"]).to_numpy(float) * ramp.to_numpy(float) * a_month
    by_site = attendance.assign(forecast=forecast).groupby("site", sort=True)
    table = pd.DataFrame(
        {
            "opened": by_site["opened"].first(),
            "months": by_site["month"].size(),
            "days": by_site["days"].sum(),
            "forecast": by_site["forecast"].sum(),
        }
    )
    if not table["forecast"].sum() > 0:
        raise InputError("attendance: the plan forecasts nobody at these sites.")
    table["ratio"] = table["days"] / table["forecast"].where(table["forecast"] > 0)
    table["alert"] = poisson.cdf(table["days"], table["forecast"]) < RARE
    days, mean = float(table["days"].sum()), float(table["forecast"].sum())
    low = float(chi2.ppf(RARE, 2 * days)) / 2 / mean if days > 0 else 0.0
    high = float(chi2.ppf(1 - RARE, 2 * (days + 1))) / 2 / mean
    return FollowUp(table, days / mean, low, high)


def _number(months: pd.Series) -> pd.Series:
    """Return months counted from year 0."""
    return months.str[:4].astype(int) * MONTHS_A_YEAR + months.str[5:].astype(int)
