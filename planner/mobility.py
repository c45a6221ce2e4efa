r"""Car-kilometres, CO2 and household money that a network avoids, or adds.

A day at a site near home either replaces an office commute, in a share :math:`s` of days, or a day
that would have been worked at home, when the way to the site is added. With :math:`u` users who
come :math:`d` days a week, :math:`w` weeks a year:

.. math::

    K = \sum u \, d \, w \left[ s \cdot 2 (k_{work} - k_{site}) - (1 - s) \cdot 2 \, k_{site}
    \right] \frac{\text{car share}}{\text{people a car}}, \qquad
    C = K \cdot \text{factor} \cdot (1 - \rho \, [K > 0])

kilometres avoided and kg CO2e, :math:`\rho` being the share of avoided kilometres that are driven
for something else. Households save :math:`K` times what a kilometre costs them. All three may be
below 0, and are told so. Users and days are the expected ones everywhere: the doubt about demand
is that of :mod:`planner.risk`; this one is about what a day at a site replaces.

========  ============  ========  ====================================================
result    s             rebound   weeks, car share, people a car, factor, cost of a km
========  ============  ========  ====================================================
gross     1             0         central
central   central       central   central
prudent   low           high      the end of each range that makes the result smaller
========  ============  ========  ====================================================

What is avoided is smaller with fewer weeks, a smaller car share and factor, more people in a car;
what is added is larger with more weeks, and so on: a prudent result below 0 takes the other ends.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner._errors import InputError
from planner._tables import listed
from planner.ledger import Figures, check_figures

Floats = NDArray[np.float64]
RESULTS = ("gross", "central", "prudent")
USED = (
    "user_days_a_week", "working_weeks", "replaces_commute", "rebound", "car_share",
    "car_occupancy", "co2_kg_km", "km_cost_eur",
)  # fmt: skip
"""Keys of the assumptions that every result leans on; `commute_km` only where flows are missing."""


@dataclass(frozen=True, eq=False)
class Mobility:
    """What a network avoids in a year, with all its users.

    Attributes
    ----------
    results
        Index ``gross``, ``central``, ``prudent``; km, kg_co2e, eur, a year; below 0 where more is
        added than avoided.
    users
        Users who are counted.
    users_assumed
        Those among them whose way to work is the assumed median, for want of flows.
    keys
        Of the assumptions used.
    """

    results: pd.DataFrame = field(repr=False)
    users: float
    users_assumed: float
    keys: tuple[str, ...]


def avoided_km(users: Floats, site_km: Floats, work_km: Floats, *, figures: Figures) -> Floats:
    """Return the car-kilometres that each group avoids in a year, below 0 where it adds some.

    Parameters
    ----------
    users
        Users of each group: an array, or a row a draw.
    site_km, work_km
        One way, by road, from home.
    figures
        Assumptions by key: numbers, or columns of drawn ones.

    Returns
    -------
    NDArray
        As `users`.

    Examples
    --------
    >>> from planner.assumptions import values
    >>> gross = values({"replaces_commute": 1, "car_occupancy": 1})
    >>> km = avoided_km(np.array([1.0]), np.array([5.0]), np.array([20.0]), figures=gross)
    >>> km.round(6).tolist(), (km * gross["co2_kg_km"]).round(1).tolist()
    ([1215.0], [233.3])
    """
    replaced = figures["replaces_commute"]
    day_km = replaced * 2 * (work_km - site_km) - (1 - replaced) * 2 * site_km
    days = users * (figures["user_days_a_week"] * figures["working_weeks"])
    return np.asarray(days * day_km * figures["car_share"] / figures["car_occupancy"], np.float64)


def avoided_kg(km: Floats, *, figures: Figures) -> Floats:
    """Return the kg CO2e avoided with all the kilometres of a network; rebound where above 0.

    Parameters
    ----------
    km
        Kilometres of the whole network: one number, or one a draw.
    figures
        Assumptions by key: numbers, or drawn ones of the shape of `km`.

    Returns
    -------
    NDArray
        As `km`.
    """
    kept = 1 - np.where(km > 0, figures["rebound"], 0.0)
    return np.asarray(km * figures["co2_kg_km"] * kept, np.float64)


def avoided(groups: pd.DataFrame, *, levels: Mapping[str, Mapping[str, float]]) -> Mobility:
    """Return what a network avoids in a year: gross, central and prudent.

    Parameters
    ----------
    groups
        Users by demand point, or by site (index id): users; site_km, one way by road from home;
        and work_km, the same to work, where flows are known: where it is missing, the median
        `commute_km` is assumed, and counted as such.
    levels
        Assumptions by key at ``low``, ``value`` and ``high``, each as
        :func:`planner.assumptions.values` gives them.

    Returns
    -------
    Mobility
        The three results, and what they lean on.

    Raises
    ------
    InputError
        When a column, a level or a figure is missing, or a number is none; all at once.

    Examples
    --------
    >>> from planner.assumptions import values
    >>> levels = {level: values(level=level) for level in ("low", "value", "high")}
    >>> groups = pd.DataFrame({"users": [10.0], "site_km": [5.0]}, index=["epicerie"])
    >>> avoided(groups, levels=levels).results["kg_co2e"].round().tolist()
    [1185.0, 153.0, -441.0]
    """
    low, value, high = check_levels(levels, (*USED, "commute_km"))
    table = _checked(groups)
    users, site_km = table["users"].to_numpy(), table["site_km"].to_numpy()
    unknown = table["work_km"].isna().to_numpy()
    work_km = np.where(unknown, value["commute_km"], table["work_km"].to_numpy())
    counterfactual = {
        "replaces_commute": low["replaces_commute"], "rebound": high["rebound"],
    }  # fmt: skip
    told = {
        "gross": {**value, "replaces_commute": 1.0, "rebound": 0.0},
        "central": value,
        "prudent": value | counterfactual,
    }
    sign = math.fsum(avoided_km(users, site_km, work_km, figures=told["prudent"]))
    less, more = (low, high) if sign > 0 else (high, low)
    told["prudent"] |= {
        key: less[key] for key in ("working_weeks", "car_share", "co2_kg_km", "km_cost_eur")
    }
    told["prudent"]["car_occupancy"] = more["car_occupancy"]
    rows = []
    for name in RESULTS:
        km = math.fsum(avoided_km(users, site_km, work_km, figures=told[name]))
        kg = float(avoided_kg(np.array(km), figures=told[name]))
        rows.append({"km": km, "kg_co2e": kg, "eur": km * told[name]["km_cost_eur"]})
    assumed = bool((users[unknown] > 0).any())
    return Mobility(
        pd.DataFrame(rows, index=pd.Index(RESULTS, name="result")),
        math.fsum(users),
        math.fsum(users[unknown]),
        (*USED, "commute_km") if assumed else USED,
    )


def check_levels(
    levels: Mapping[str, Mapping[str, float]], keys: tuple[str, ...]
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return some of the figures at their low end, central and at their high end.

    Parameters
    ----------
    levels
        Assumptions by key at ``low``, ``value`` and ``high``.
    keys
        Those that are needed.

    Returns
    -------
    tuple
        Three dictionaries, in the order of `keys`.

    Raises
    ------
    InputError
        When a level or a figure is missing or cannot be, the three are not in order, or no one
        sits in a car.
    """
    missing = [level for level in ("low", "value", "high") if level not in levels]
    if missing:
        raise InputError(
            f"assumptions: no level {', '.join(missing)}; give those of assumptions.values(level=)."
        )
    low, value, high = (check_figures(levels[name], keys) for name in ("low", "value", "high"))
    faults = [
        f"{key}: {low[key]!r}, {value[key]!r}, {high[key]!r} do not rise"
        for key in keys
        if not low[key] <= value[key] <= high[key]
    ]
    if low.get("car_occupancy", 1.0) <= 0:
        faults.append("car_occupancy: above 0, as someone drives")
    if faults:
        raise InputError(f"assumptions: {'; '.join(faults)}. Change the default with its range.")
    return low, value, high


def _checked(groups: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in ("users", "site_km") if name not in groups]
    if missing:
        raise InputError(f"groups: no column {', '.join(missing)}. Add what is missing.")
    asked = groups.reindex(columns=["users", "site_km", "work_km"])
    table = pd.DataFrame(
        {name: pd.to_numeric(asked[name], errors="coerce").astype(float) for name in asked}
    )
    faults = []
    for name in table:
        good = (table[name] >= 0) & (table[name] < math.inf)
        if name == "work_km":
            good |= asked[name].isna()
        if not good.all():
            bad = groups.index[~good.to_numpy()].to_list()
            faults.append(f"{name}: a number, 0 or more (not so in {listed(bad)})")
    if faults:
        raise InputError(f"groups: {'; '.join(faults)}.")
    return table
