r"""What a site costs and earns.

A site of :math:`q` seats, :math:`a = q \, m` m² and :math:`u` users, who come :math:`d` days a
week, :math:`w` weeks a year; a share :math:`\mu` of them pays by the month, a share :math:`\eta` of
the other presences by the half-day. At most an occupancy :math:`o` of the seats is paid for:

.. math::

    R = \min\left(u, \frac{5 \, q \, o}{d}\right) w \left[ (1 - \mu) \, d \,
    \left((1 - \eta) p_{day} + \eta \, p_{half}\right) + \mu \tfrac{12}{52} p_{month} \right]

=============  =====================================  =========================================
account        structuring, corpoworking              mini
=============  =====================================  =========================================
fit-out        area × fit-out (see below)             0
equipment      seats × furniture and IT               seats × equipment + equipment of the place
animation      FTE × pay of one                       0
paid users     hours × weeks × pay of an hour         0
fluids         area × fluids                          0
fees to hosts  0                                      12 × fee + share of the revenue
rent           area × rent, where rented              the same
coordination   FTE × pay of one, for the network
=============  =====================================  =========================================

Fit-out is light in a structuring site and medium in a corpoworking site, unless the state of the
room is known; where its area is, no more is fitted out.

Where a site comes with an investment or a running cost of its own, that is all it costs: the first
is one line, of the fit-out, or of the equipment of a mini-cowork; the second is the account running
costs, in the place of all others, the host's and the paid users' too.

Without VAT, at constant prices. The figures may be numbers, or columns of drawn ones: the ledger
and the risk read the same formulas.
"""

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner._errors import InputError
from planner._tables import listed
from planner.candidates import FIT_OUT, SHOPS, TIERS
from planner.demand import WORKING_DAYS_A_WEEK

Floats = NDArray[np.float64]
Figures = Mapping[str, float] | Mapping[str, Floats] | Mapping[str, float | Floats]
INVESTMENT = ("fit-out", "equipment")
RUNNING = ("animation", "fees to hosts", "fluids", "paid users", "rent", "running costs")
MONTHS, WEEKS = 12, 52
STATUSES = ("existing", "forced", "candidate")
_MOST_EUR = 10**11  # that a site costs
_MOST_SEATS, _MOST_USERS = 10_000, 10_000_000  # of a site; so that cents stay whole numbers
_LEAST_DAYS = 1e-9  # a week; so that nobody's presence divides by nothing

USED = (
    "seat_m2", "mini_seat_m2", "occupancy", "fit_out_eur_m2", "new_fit_out_eur_m2",
    "heavy_fit_out_eur_m2",
    "seat_equipment_eur", "mini_seat_eur", "mini_place_eur", "mini_fee_eur_month",
    "mini_host_share", "animation_fte", "paid_users_hours_week", "paid_users_eur_hour",
    "fte_eur_year", "coordination_fte", "fluids_eur_m2_year", "rent_eur_m2_year",
    "price_half_day_eur", "price_day_eur", "price_month_eur", "half_day_share", "month_share",
    "user_days_a_week", "working_weeks", "ramp_year_1", "ramp_year_2", "ramp_year_3",
    "works_years", "furniture_years", "fabrique_eur_year", "fabrique_years", "reconquete_share",
    "reconquete_works_eur", "reconquete_equipment_eur", "employers_share",
)  # fmt: skip
"""Keys of the assumptions that the ledger leans on."""
_SHARES = frozenset(
    "occupancy mini_host_share half_day_share month_share ramp_year_1 ramp_year_2 ramp_year_3 "
    "reconquete_share car_share rebound replaces_commute employers_share".split()
)


def check_figures(figures: Mapping[str, float], keys: Collection[str]) -> dict[str, float]:
    """Return some of the figures; refuse those that are missing, or cannot be.

    Parameters
    ----------
    figures
        Assumptions by key, as :func:`planner.assumptions.values` gives them.
    keys
        Those that are needed.

    Returns
    -------
    dict[str, float]
        In the order of `keys`.

    Raises
    ------
    InputError
        When a key is missing, a figure is no number, 0 or more, or a share is above 1.
    """
    faults = []
    for key in keys:
        most = 1.0 if key in _SHARES else math.inf
        if key not in figures:
            faults.append(f"no {key}")
        elif not _figure(figures[key], most=most):
            wanted = "a share, 0 to 1" if key in _SHARES else "a number, 0 or more"
            faults.append(f"{key}={figures[key]!r}: {wanted}")
    if faults:
        raise InputError(f"assumptions: {'; '.join(faults)}. Start from assumptions.values().")
    return {key: float(figures[key]) for key in keys}


def _figure(value: object, *, most: float) -> bool:
    """Return whether a figure is a number between 0 and `most`."""
    return isinstance(value, int | float) and 0 <= value <= most and math.isfinite(value)


def check_sites(sites: pd.DataFrame) -> pd.DataFrame:
    """Return the sites as every formula reads them, sorted by id.

    Parameters
    ----------
    sites
        Open sites: index id (text); tier, commune (code), seats, users (once known to all).
        Where given: opening_year (from 1; 1), status (``existing``, which costs no investment,
        ``forced``, or ``candidate``), kind (of premises; a mini-cowork of no kind is in a shop),
        rented (whether the EPCI pays a rent; False), state (of the room: ``light``, ``medium``,
        ``heavy`` or ""), area_m2 (of the room; NaN when not known), invest_eur and running_eur (all
        that the site costs to open, and to run for a year; missing where it follows from the
        figures).

    Returns
    -------
    DataFrame
        Index id; tier, commune, seats, users, opening_year, existing, shop, rented, state, area_m2,
        invest_eur, running_eur (NaN where they follow from the figures).

    Raises
    ------
    InputError
        When a column is missing, an id or a commune is no text, an id comes twice, or a cell is not
        what its column must be; all faults at once.
    """
    missing = [name for name in ("tier", "commune", "seats", "users") if name not in sites]
    if missing:
        raise InputError(f"sites: no column {', '.join(missing)}. Add what is missing.")
    status = _column(sites, "status", "candidate")
    table = pd.DataFrame(
        {
            "tier": sites["tier"].to_numpy(object),
            "commune": sites["commune"].to_numpy(object),
            "seats": pd.to_numeric(sites["seats"], errors="coerce").to_numpy(float),
            "users": pd.to_numeric(sites["users"], errors="coerce").to_numpy(float),
            "opening_year": _column(sites, "opening_year", 1),
            "existing": status == "existing",
            "shop": np.isin(_column(sites, "kind", "general").astype(str), sorted(SHOPS)),
            "rented": _column(sites, "rented", default=False),
            "state": _column(sites, "state", ""),
            "area_m2": pd.to_numeric(
                pd.Series(_column(sites, "area_m2", math.nan)), errors="coerce"
            ).to_numpy(float),
            **{name: _euros(sites, name) for name in ("invest_eur", "running_eur")},
        },
        index=pd.Index(list(sites.index), dtype=object, name="site"),
    )
    year = pd.to_numeric(table["opening_year"], errors="coerce").to_numpy(float)
    wrong: dict[str, NDArray[np.bool_] | pd.Series | list[bool]] = {
        "id: text, each once": [
            not isinstance(name, str) or not name or bool(twice)
            for name, twice in zip(table.index, table.index.duplicated(), strict=True)
        ],
        f"tier: one of {', '.join(TIERS)}": ~table["tier"].isin(TIERS),
        "commune: a code, as text": [not isinstance(c, str) or not c for c in table["commune"]],
        f"seats: a whole number, 0 to {_MOST_SEATS:,}": ~(
            _whole(table["seats"].to_numpy(), least=0) & (table["seats"] <= _MOST_SEATS)
        ),
        f"users: a number, 0 to {_MOST_USERS:,}": ~table["users"].between(0, _MOST_USERS),
        "opening_year: a whole number, 1 or more": ~_whole(year, least=1),
        f"status: one of {', '.join(STATUSES)}": ~pd.Series(status).isin(STATUSES),
        f"state: one of {', '.join(FIT_OUT)}, or nothing": ~table["state"].isin(["", *FIT_OUT]),
        "area_m2: a number, 1 or more": table["area_m2"] < 1,
        **{
            f"{name}: euros, 0 to {_MOST_EUR:,}, or nothing": ~(
                table[name].between(0, _MOST_EUR) | table[name].isna()
            )
            for name in ("invest_eur", "running_eur")
        },
        "rented: True or False": [not isinstance(r, bool | np.bool_) for r in table["rented"]],
    }
    faults = [
        f"{said} (not so in {listed(table.index[np.asarray(rows_wrong, bool)].to_list())})"
        for said, rows_wrong in wrong.items()
        if np.asarray(rows_wrong, bool).any()
    ]
    if faults:
        raise InputError(f"sites: {'; '.join(faults)}.")
    table["opening_year"] = np.where(table["existing"], 1, year).astype(np.int64)
    table["rented"] = table["rented"].astype(bool)
    return table.sort_index()


def _column(sites: pd.DataFrame, name: str, default: object) -> NDArray[np.object_]:
    if name in sites:
        return sites[name].to_numpy(object)
    return np.full(len(sites), default, dtype=object)


def _euros(sites: pd.DataFrame, name: str) -> Floats:
    """Return amounts, NaN where there is none; what is no number is below 0, and refused."""
    said = pd.Series(_column(sites, name, None), dtype=object)
    number = pd.to_numeric(said, errors="coerce").astype(float)
    return np.asarray(number.where(number.notna() | said.isna(), -1.0), np.float64)


def _whole(number: Floats, *, least: int) -> NDArray[np.bool_]:
    whole = (number >= least) & (number < math.inf) & (number == np.floor(number))
    return np.asarray(whole, np.bool_)


def investment_eur(sites: pd.DataFrame, *, figures: Figures) -> dict[str, Floats]:
    """Return what opening each site costs, by account; 0 for those that exist.

    The two accounts add up to what :func:`planner.candidates.site_costs` says, before it rounds to
    whole euros, or to what the site says itself.

    Parameters
    ----------
    sites
        As :func:`check_sites` returns them.
    figures
        Assumptions by key: numbers, or columns of drawn ones.

    Returns
    -------
    dict[str, NDArray]
        Euros, in the order of `sites`.
    """
    seats, mini = sites["seats"].to_numpy(float), (sites["tier"] == "mini").to_numpy()
    built = (sites["tier"] == "corpoworking").to_numpy()
    new = ~sites["existing"].to_numpy(bool)
    state = np.where(sites["state"] == "", np.where(built, "medium", "light"), sites["state"])
    by_m2 = np.select([state == one for one in FIT_OUT], [figures[k] for k in FIT_OUT.values()])
    area = np.fmin(seats * figures["seat_m2"], sites["area_m2"].to_numpy(float))
    small = seats * figures["mini_seat_eur"] + figures["mini_place_eur"]
    said = sites["invest_eur"].to_numpy(float)
    whole, own = np.nan_to_num(said), ~np.isnan(said)
    works = np.where(own, whole, area * by_m2)
    furniture = np.where(own, 0.0, seats * figures["seat_equipment_eur"])
    return {
        "fit-out": np.where(new & ~mini, works, 0.0),
        "equipment": np.where(new, np.where(mini, np.where(own, whole, small), furniture), 0.0),
    }


def revenue_per_user_eur(figures: Figures) -> float | Floats:
    """Return what a user who finds a seat pays in a year.

    Parameters
    ----------
    figures
        Assumptions by key: numbers, or columns of drawn ones.

    Returns
    -------
    float or NDArray
        Euros.

    Examples
    --------
    >>> from planner.assumptions import values
    >>> round(revenue_per_user_eur(values()), 2)  # 45 × (0.9 × (0.75 × 15 + 0.25 × 8) + ...)
    650.86
    """
    half, month = figures["half_day_share"], figures["month_share"]
    presence = (1 - half) * figures["price_day_eur"] + half * figures["price_half_day_eur"]
    tickets = (1 - month) * figures["user_days_a_week"] * presence
    passes = month * figures["price_month_eur"] * (MONTHS / WEEKS)
    return figures["working_weeks"] * (tickets + passes)


def paying_users(sites: pd.DataFrame, users: Floats, *, figures: Figures) -> Floats:
    """Return the users that each site has seats for, at the occupancy that finance counts on.

    Parameters
    ----------
    sites
        As :func:`check_sites` returns them.
    users
        Users; last axis in the order of `sites`.
    figures
        Assumptions by key: numbers, or columns of drawn ones.

    Returns
    -------
    NDArray
        Users, no more than `users`.
    """
    days = np.maximum(figures["user_days_a_week"], _LEAST_DAYS)
    seat_days = sites["seats"].to_numpy(float) * figures["occupancy"] * WORKING_DAYS_A_WEEK
    return np.asarray(np.minimum(users, seat_days / days), np.float64)


def running_eur(sites: pd.DataFrame, users: Floats, *, figures: Figures) -> dict[str, Floats]:
    """Return what each site costs and earns in a year with some users, by account.

    Parameters
    ----------
    sites
        As :func:`check_sites` returns them.
    users
        Users: a row a year, or a draw; columns in the order of `sites`.
    figures
        Assumptions by key: numbers, or columns of drawn ones.

    Returns
    -------
    dict[str, NDArray]
        Euros, 0 or more: the accounts of `RUNNING`, which are costs, and ``revenue``. Shapes that
        broadcast with `users`.
    """
    seats, mini = sites["seats"].to_numpy(float), (sites["tier"] == "mini").to_numpy()
    staffed, rented = (~mini).astype(float), sites["rented"].to_numpy(float)
    area = seats * np.where(mini, figures["mini_seat_m2"], figures["seat_m2"])
    paying = paying_users(sites, users, figures=figures)
    revenue = paying * revenue_per_user_eur(figures)
    fee = MONTHS * figures["mini_fee_eur_month"] + figures["mini_host_share"] * revenue
    hours = figures["paid_users_hours_week"] * figures["working_weeks"]
    said = sites["running_eur"].to_numpy(float)
    usual = np.isnan(said)
    staffed, rented = staffed * usual, rented * usual
    return {
        "animation": staffed * (figures["animation_fte"] * figures["fte_eur_year"]),
        "fees to hosts": np.where(mini & usual, fee, 0.0),
        "fluids": staffed * (area * figures["fluids_eur_m2_year"]),
        "paid users": staffed * (hours * figures["paid_users_eur_hour"]),
        "rent": rented * (area * figures["rent_eur_m2_year"]),
        "running costs": np.nan_to_num(said),
        "revenue": revenue,
    }


def coordination_eur(figures: Figures) -> Floats:
    """Return what the coordination of the network costs the EPCI in a year.

    Parameters
    ----------
    figures
        Assumptions by key: numbers, or columns of drawn ones.

    Returns
    -------
    NDArray
        Euros.
    """
    return np.asarray(figures["coordination_fte"] * figures["fte_eur_year"], np.float64)


def ramp_shares(
    sites: pd.DataFrame,
    *,
    figures: Mapping[str, float],
    years: int,
    vacancy_year: int = 1,
    vacancy_months: int = 0,
) -> Floats:
    r"""Return the share of its expected users that each site has in each year.

    Sites open in January. In a month with :math:`e` coordinated months since the opening, the
    share is that of year :math:`\lfloor e / 12 \rfloor + 1` of the ramp, and 1 after the third.
    While nobody coordinates, the ramp stands still: nobody goes and finds users.

    Parameters
    ----------
    sites
        As :func:`check_sites` returns them. Those that exist have all their users.
    figures
        Assumptions by key.
    years
        How many.
    vacancy_year, vacancy_months
        From January of that year, months without a coordinator.

    Returns
    -------
    NDArray
        A row a year, a column a site; NaN before a site opens.
    """
    ramp = np.array([figures[f"ramp_year_{year}"] for year in (1, 2, 3)] + [1.0])
    month = np.arange(years * MONTHS)
    first = MONTHS * (vacancy_year - 1)
    vacant = np.clip(np.append(month, years * MONTHS) - first, 0, vacancy_months)
    opened = MONTHS * (sites["opening_year"].to_numpy() - 1)
    late = np.minimum(opened, years * MONTHS)
    known = (month[:, None] - opened) - (vacant[:-1, None] - vacant[late])
    share = ramp[np.clip(known // MONTHS, 0, 3)]
    share[:, sites["existing"].to_numpy(bool)] = 1.0
    share[month[:, None] < opened] = math.nan
    by_year = share.reshape(years, MONTHS, len(sites)).mean(axis=1).round(12)
    return np.asarray(by_year, np.float64)
