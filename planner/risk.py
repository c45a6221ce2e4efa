r"""How likely sites stay empty, or lose money, when all that is assumed may be wrong at once.

Each assumption :math:`x` is drawn from a triangle between its low and high figures, with the
default as its mode; one whose two ends are equal stays where it is. Expected users follow the
demand chain: those expected at the defaults, :math:`u_j`, times

.. math::

    \phi(x) = \frac{D(x)}{D(\text{defaults})}, \qquad
    D = \tau \, u_T \sum_{o \in \text{employees}} s_o c_o
    + u_I \sum_{o \in \text{independents}} s_o c_o,

with :math:`s_o` the share of an occupation, :math:`c_o` that of its jobs that could be teleworked,
:math:`\tau` of those that are, :math:`u` of those who come. The users of a site are then a Poisson
number of mean :math:`\phi \, u_j`, as people come one by one: small sites owe much to chance, and
networks of many sites less. They are not limited by seats, but what they pay is.

Ranges lean to one side: the share of teleworkers who come, 2 %, is argued between 1 and 11 %, and
the median of that triangle is 4 %. So networks look fuller than their plan says. With `even`, half
of the draws are on either side of each default, a triangle each, so that its median is the default;
that of the users, a sum of products of such, is near what the plan says.

What is shared is drawn first, and each site has draws of its own by its id: the order of rows
changes nothing, and one site more changes nothing for the others. Money is that of
:mod:`planner.ledger`, with all users there; kilometres are those of :mod:`planner.mobility`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner._errors import InputError
from planner._tables import listed
from planner.demand import EMPLOYEES, INDEPENDENTS, WORKING_DAYS_A_WEEK
from planner.ledger import RUNNING, Figures, check_sites, coordination_eur, running_eur
from planner.mobility import avoided_kg, avoided_km, check_levels
from planner.rules import regulars_min

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Outcome = Literal["users", "balance_eur", "kg_co2e"]
OUTCOMES: tuple[Outcome, ...] = ("users", "balance_eur", "kg_co2e")
DEMAND = (
    *(f"{name}_telework" for name in (*EMPLOYEES, *INDEPENDENTS)),
    "independent_use_share", "telework_take_up", "telework_use_share",
)  # fmt: skip
MONEY = (
    "animation_fte", "coordination_fte", "fluids_eur_m2_year", "fte_eur_year", "half_day_share",
    "mini_fee_eur_month", "mini_host_share", "mini_seat_m2", "month_share", "occupancy",
    "paid_users_eur_hour", "paid_users_hours_week", "price_day_eur", "price_half_day_eur",
    "price_month_eur", "rent_eur_m2_year", "seat_m2", "user_days_a_week", "working_weeks",
)  # fmt: skip
TRIPS = ("car_occupancy", "car_share", "co2_kg_km", "commute_km", "rebound", "replaces_commute")
DRAWN = tuple(sorted((*DEMAND, *MONEY, *TRIPS)))
"""Keys of the assumptions that are drawn, in the order in which they are."""
FIXED = (
    *(f"{name}_share" for name in (*EMPLOYEES, *INDEPENDENTS)), "regulars_min", "mini_regulars_min",
)  # fmt: skip
"""Keys of those that stay at their default: the mix of occupations, and what counts as empty."""
_QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}


@dataclass(frozen=True, eq=False)
class Risk:
    """What may become of a network, and of each of its sites.

    Attributes
    ----------
    sites
        Index site, sorted; regulars_min (users below whom it counts as empty), p_underuse,
        p_deficit (missing for sites that the EPCI does not run), and the 5, 50 and 95 % quantiles
        ``_q05``, ``_q50``, ``_q95`` of users and of balance_eur (a year).
    network
        Index users, balance_eur, sites_underused, and kg_co2e where kilometres are known; columns
        q05, q50, q95.
    p_underuse
        Probability that the users of all sites are fewer than they need together.
    p_deficit
        Probability that what all sites earn does not cover what they and the coordination cost.
    draws, seed
        How it was drawn.
    keys
        Of the assumptions used.
    """

    sites: pd.DataFrame = field(repr=False)
    network: pd.DataFrame = field(repr=False)
    p_underuse: float
    p_deficit: float
    draws: int
    seed: int
    keys: tuple[str, ...] = field(repr=False)


def simulate(
    sites: pd.DataFrame,
    *,
    levels: Mapping[str, Mapping[str, float]],
    draws: int = 10_000,
    seed: int = 0,
    occupancy_min: float = 0.0,
    even: bool = False,
    run_existing: bool = False,
) -> Risk:
    """Return how likely each site, and the network, is under-used or in deficit.

    A site is under-used when it has fewer users than its tier needs for people to meet there
    (`regulars_min`, `mini_regulars_min`), or when its seats are less occupied than asked.

    Parameters
    ----------
    sites
        Open sites, see :func:`planner.ledger.check_sites`; users at the defaults of demand. Where
        given: site_km and work_km, one way, the mean of its users; without site_km no CO2 is told,
        without work_km the median `commute_km` is drawn.
    levels
        Assumptions by key at ``low``, ``value`` and ``high``, each as
        :func:`planner.assumptions.values` gives them.
    draws
        How many.
    seed
        Of the draws.
    occupancy_min
        Share of seat-days below which a site is under-used (0-1). Mini-coworks are sized on the
        peak, and half empty by construction: the same share for all tiers says little of them.
    even
        Whether as many draws are below the default as above, see the module.
    run_existing
        Whether the EPCI runs existing sites too.

    Returns
    -------
    Risk
        Probabilities and quantiles, in running order.

    Raises
    ------
    InputError
        When the sites, the levels or an option are not what they must be.

    Examples
    --------
    >>> from planner.assumptions import values
    >>> levels = {level: values(level=level) for level in ("low", "value", "high")}
    >>> shop = pd.DataFrame(
    ...     {"tier": "mini", "commune": "69135", "seats": 3, "users": 1.0}, index=["epicerie"]
    ... )
    >>> simulate(shop, levels=levels, draws=1000).sites["p_underuse"].round(1).tolist()
    [0.5]
    """
    _check_options(draws, seed, occupancy_min)
    value, table = check_levels(levels, (*DRAWN, *FIXED))[1], _checked(sites)
    drawn = draw(levels, draws=draws, seed=seed, even=even)
    users = _chance(table, demand_factor(drawn, value=value), seed)
    shown = _outcomes(table, drawn, users, run_existing=run_existing)
    least = _regulars(table, value)
    present = users * drawn["user_days_a_week"]
    wanted = occupancy_min * table["seats"].to_numpy() * WORKING_DAYS_A_WEEK
    empty = (users < least) | (present < wanted)
    whole_empty = (users.sum(axis=1) < least.sum()) | (present.sum(axis=1) < wanted.sum())
    rows: dict[str, Floats] = {key: shown[key] for key in OUTCOMES if key in shown}
    rows["sites_underused"] = empty.sum(axis=1).astype(np.float64)
    return Risk(
        _by_site(table.assign(regulars_min=least), users, shown["balances"], empty),
        pd.DataFrame({key: _quantiles(found) for key, found in rows.items()}).T.rename_axis(
            "outcome"
        ),
        float(whole_empty.mean()),
        float((shown["balance_eur"] < 0).mean()),
        draws,
        seed,
        (*DRAWN, *FIXED),
    )


def tornado(
    sites: pd.DataFrame,
    *,
    levels: Mapping[str, Mapping[str, float]],
    outcome: Outcome = "balance_eur",
    run_existing: bool = False,
) -> pd.DataFrame:
    """Return what each assumption alone does to the network, the one that moves it most first.

    Parameters
    ----------
    sites, levels, run_existing
        As in :func:`simulate`.
    outcome
        ``users``, ``balance_eur`` or ``kg_co2e``: a year in running order, without chance.

    Returns
    -------
    DataFrame
        Index key; at_low and at_high (the outcome with this figure at its ends and the others at
        their defaults), central (all at their defaults), span; by falling span, then by key.

    Raises
    ------
    InputError
        As :func:`simulate`; and for kg_co2e without site_km.
    """
    low, value, high = check_levels(levels, (*DRAWN, *FIXED))
    table = _checked(sites)
    if outcome not in OUTCOMES:
        raise InputError(f"tornado: outcome={outcome!r}: one of {', '.join(OUTCOMES)}.")
    if outcome == "kg_co2e" and "site_km" not in table:
        raise InputError("sites: no column site_km, which kg_co2e needs. Add what is missing.")
    number = len(DRAWN)
    figures = {}
    for position, key in enumerate(DRAWN):
        column = np.full(2 * number + 1, value[key])
        column[position], column[number + position] = low[key], high[key]
        figures[key] = column[:, None]
    users = demand_factor(figures, value=value) * table["users"].to_numpy()
    found = _outcomes(table, figures, users, run_existing=run_existing)[outcome].round(6)
    result = pd.DataFrame(
        {"at_low": found[:number], "at_high": found[number:-1], "central": found[-1]},
        index=pd.Index(DRAWN, name="key"),
    )
    result["span"] = (result["at_high"] - result["at_low"]).abs()
    return result.sort_values("span", ascending=False, kind="stable")


def draw(
    levels: Mapping[str, Mapping[str, float]], *, draws: int, seed: int, even: bool = False
) -> dict[str, Floats]:
    """Return draws of every assumption that is drawn.

    Parameters
    ----------
    levels
        As in :func:`simulate`.
    draws
        How many.
    seed
        Of the draws. Those of one key do not depend on the ranges of the others.
    even
        As in :func:`simulate`.

    Returns
    -------
    dict[str, NDArray]
        By key, a column of draws: shape (draws, 1).
    """
    uniform = np.random.default_rng(seed).random((len(DRAWN), draws))
    low, value, high = (levels[name] for name in ("low", "value", "high"))
    return {
        key: triangular(row, low=low[key], mode=value[key], high=high[key], even=even)[:, None]
        for key, row in zip(DRAWN, uniform, strict=True)
    }


def triangular(
    uniform: Floats, *, low: float, mode: float, high: float, even: bool = False
) -> Floats:
    """Return the quantiles of a triangular distribution.

    Parameters
    ----------
    uniform
        Probabilities, 0 to 1.
    low, mode, high
        Ends and top of the triangle; all draws are the mode where the ends are equal.
    even
        Whether half of the draws are on either side of the mode, however long the sides.

    Returns
    -------
    NDArray
        As `uniform`.

    Examples
    --------
    >>> triangular(np.array([0.0, 0.5, 1.0]), low=0.0, mode=1.0, high=2.0).tolist()
    [0.0, 1.0, 2.0]
    >>> triangular(np.array([0.5]), low=0.01, mode=0.02, high=0.11).round(3).tolist()
    [0.043]
    """
    left, right = mode - low, high - mode
    if left + right == 0:
        return np.full(uniform.shape, float(mode))
    below = 0.5 if even else left / (left + right)
    rising = low + left * np.sqrt(uniform / below if below else 0.0 * uniform)
    falling = high - right * np.sqrt((1 - uniform) / (1 - below) if below < 1 else 0.0 * uniform)
    return np.where(uniform < below, rising, falling)


def demand_factor(drawn: Mapping[str, Floats], *, value: Mapping[str, float]) -> Floats:
    """Return by how much the drawn assumptions multiply the users expected at the defaults.

    Parameters
    ----------
    drawn
        Draws by key, those of demand among them.
    value
        The defaults, those of demand and the shares of the occupations among them.

    Returns
    -------
    NDArray
        As the draws; 1 where the defaults expect nobody.
    """
    central = float(_demand(value, value))
    if central == 0:
        return np.ones_like(drawn[DEMAND[0]])
    return np.asarray(_demand(drawn, value) / central, np.float64)


def _demand(figures: Figures, value: Mapping[str, float]) -> float | Floats:
    employed, independent = (
        sum((value[f"{name}_share"] * figures[f"{name}_telework"] for name in names), start=0.0)
        for names in (EMPLOYEES, INDEPENDENTS)
    )
    teleworkers = figures["telework_take_up"] * employed
    return (
        teleworkers * figures["telework_use_share"] + independent * figures["independent_use_share"]
    )


def _chance(table: pd.DataFrame, factor: Floats, seed: int) -> Floats:
    """Return the users of each site in each draw, every site by draws of its own."""
    users = np.empty((len(factor), len(table)))
    for position, (name, expected) in enumerate(table["users"].items()):
        own = np.random.default_rng([seed, *str(name).encode()])
        users[:, position] = own.poisson(factor[:, 0] * expected)
    return users


def _outcomes(
    table: pd.DataFrame, figures: Mapping[str, Floats], users: Floats, *, run_existing: bool
) -> dict[str, Floats]:
    """Return users, balance and kg CO2e of the network by draw; and the balances of its sites."""
    amounts = running_eur(table, users, figures=figures)
    balances = amounts["revenue"] - sum(amounts[account] for account in RUNNING)
    run = run_existing | ~table["existing"].to_numpy(bool)
    shared = coordination_eur(figures)[:, 0] * (len(table) > 0)
    found = {
        "users": users.sum(axis=1),
        "balances": np.where(run, balances, math.nan),
        "balance_eur": np.where(run, balances, 0.0).sum(axis=1) - shared,
    }
    if "site_km" in table:
        work = table["work_km"].to_numpy()
        work = np.where(np.isnan(work), figures["commute_km"], work)
        km = avoided_km(users, table["site_km"].to_numpy(), work, figures=figures).sum(axis=1)
        flat = {key: column[:, 0] for key, column in figures.items()}
        found["kg_co2e"] = avoided_kg(km, figures=flat)
    return found


def _regulars(table: pd.DataFrame, value: Mapping[str, float]) -> Floats:
    return np.asarray(table["tier"].map(regulars_min(value)), np.float64)


def _by_site(table: pd.DataFrame, users: Floats, balances: Floats, empty: Flags) -> pd.DataFrame:
    lost = np.where(np.isnan(balances), math.nan, balances < 0).mean(axis=0)
    columns = {
        "regulars_min": table["regulars_min"].to_numpy(),
        "p_underuse": empty.mean(axis=0),
        "p_deficit": lost,
    }
    for name, found in (("users", users), ("balance_eur", balances)):
        columns |= {f"{name}_{key}": cut for key, cut in _quantiles(found).items()}
    return pd.DataFrame(columns, index=table.index)


def _quantiles(found: Floats) -> dict[str, Floats]:
    cuts = np.quantile(found, list(_QUANTILES.values()), axis=0).round(2)
    return dict(zip(_QUANTILES, cuts, strict=True))


def _check_options(draws: int, seed: int, occupancy_min: float) -> None:
    faults = [
        f"{name}={value!r}: a whole number, {least} or more"
        for name, value, least in (("draws", draws, 1), ("seed", seed, 0))
        if isinstance(value, bool) or not isinstance(value, int) or value < least
    ]
    if not 0 <= occupancy_min <= 1:
        faults.append(f"occupancy_min={occupancy_min!r}: a share, 0 to 1")
    if faults:
        raise InputError(f"risk: {'; '.join(faults)}.")


def _checked(sites: pd.DataFrame) -> pd.DataFrame:
    """Return the sites as the ledger reads them, with their kilometres where they are known."""
    table = check_sites(sites)
    if "site_km" not in sites:
        return table
    for name in ("site_km", "work_km"):
        asked = sites[name] if name in sites else pd.Series(math.nan, index=sites.index)
        km = pd.to_numeric(asked, errors="coerce").astype(float)
        good = (km >= 0) & (km < math.inf) | (asked.isna() & (name == "work_km"))
        if not good.all():
            bad = listed(sorted(sites.index[~good.to_numpy()]))
            raise InputError(f"sites: {name}: kilometres, 0 or more (not so in {bad}).")
        table[name] = km.reindex(table.index)
    return table
