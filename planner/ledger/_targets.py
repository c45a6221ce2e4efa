r"""How many users a site, and the network, would need for its money to come out.

With a margin a user :math:`g_j = r \, (1 - \text{share of the host})` and costs :math:`F_j` that do
not depend on users, the users needed are :math:`F_j / g_j`, where seats allow as many. For the
network, users are taken in the shares expected: the least :math:`\lambda` with
:math:`\sum_j g_j \min(\lambda u_j, c_j) \ge \sum_j F_j`, :math:`c_j` being the users that seats
allow.
"""

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.ledger._formulas import (
    RUNNING,
    USED,
    Floats,
    check_figures,
    check_sites,
    coordination_eur,
    paying_users,
    revenue_per_user_eur,
    running_eur,
)
from planner.rules import USER_UNIT

Stance = Literal["service", "balance", "salary"]
STANCES: tuple[Stance, ...] = ("service", "balance", "salary")


def break_even(
    sites: pd.DataFrame,
    *,
    figures: Mapping[str, float],
    stance: Stance = "balance",
    salary_eur_year: float | None = None,
    run_existing: bool = False,
) -> pd.DataFrame:
    """Return the users that are needed, beside those expected, for what is asked of the money.

    Parameters
    ----------
    sites, figures, run_existing
        As in :func:`entries`.
    stance
        ``service``: nothing is asked. ``balance``: what users pay covers what running costs.
        ``salary``: it also pays a salary: one at each site for its row, one in all for the network.
    salary_eur_year
        Of that salary, charged; that of one FTE when left out.

    Returns
    -------
    DataFrame
        Index site, sorted, the network's row first (empty id; it bears the coordination too);
        target_eur (a year, what margins on users must cover), margin_eur (a user and year; of the
        network, at the users expected), users_expected, users_needed (infinite where seats, or
        prices, never allow it), users_seated (the most that pay), reached.

    Raises
    ------
    InputError
        As :func:`entries`, and when the stance is unknown or the salary no number, 0 or more.

    Examples
    --------
    >>> from planner.assumptions import values
    >>> shop = pd.DataFrame(
    ...     {"tier": "mini", "commune": "69135", "seats": 3, "users": 4.0}, index=["epicerie"]
    ... )
    >>> float(break_even(shop, figures=values()).loc["epicerie", "users_needed"])
    2.21
    """
    figures, table = check_figures(figures, USED), check_sites(sites)
    salary = figures["fte_eur_year"] if salary_eur_year is None else salary_eur_year
    if stance not in STANCES or not 0 <= salary < math.inf:
        raise InputError(
            f"break-even: stance={stance!r}, salary_eur_year={salary!r}: one of "
            f"{', '.join(STANCES)}, and euros a year, 0 or more."
        )
    if not run_existing:
        table = table[~table["existing"]]
    users = table["users"].to_numpy(float)
    fixed, margin = _fixed_and_margin(table, figures)
    seated = paying_users(table, np.full(len(table), math.inf), figures=figures)
    shared = float(coordination_eur(figures)) if len(sites) else 0.0
    extra = salary if stance == "salary" else 0.0
    asked = stance != "service"
    target = asked * np.append(fixed.sum() + shared + extra, fixed + extra)
    needed = [_needed(float(target[0]), margin, users, seated)]
    needed += [
        0.0 if goal == 0 else goal / gain if 0 < goal <= gain * most else math.inf
        for goal, gain, most in zip(target[1:], margin, seated, strict=True)
    ]
    whole = float(users.sum())
    mean = float(margin @ np.minimum(users, seated)) / whole if whole else 0.0
    result = pd.DataFrame(
        {
            "target_eur": target, "margin_eur": np.append(mean, margin),
            "users_expected": np.append(whole, users), "users_needed": needed,
            "users_seated": np.append(seated.sum(), seated),
        },
        index=pd.Index(["", *table.index], name="site"),
    )  # fmt: skip
    reached = result["users_expected"] >= result["users_needed"]
    return result.round(2).assign(reached=reached)


def _fixed_and_margin(table: pd.DataFrame, figures: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Return what a site costs without users, and what one user more leaves, by site."""
    empty = running_eur(table, np.zeros(len(table)), figures=figures)
    fixed = np.sum([empty[account] for account in RUNNING], axis=0)
    usual = (table["tier"] == "mini") & table["running_eur"].isna()
    host = np.where(usual.to_numpy(), figures["mini_host_share"], 0.0)
    return np.asarray(fixed, np.float64), revenue_per_user_eur(figures) * (1 - host)


def _needed(target: float, margin: Floats, users: Floats, seated: Floats) -> float:
    """Return the users that the network needs, in the shares expected; infinite where none do."""
    if target == 0:
        return 0.0
    some = users >= USER_UNIT
    margin, users, seated = margin[some], users[some], seated[some]
    full = np.append(0.0, np.sort(seated / users))
    won = np.minimum(full[:, None] * users, seated) @ margin
    enough = np.flatnonzero(won >= target)
    if not enough.size:
        return math.inf
    last = int(enough[0])
    part = (target - won[last - 1]) / (won[last] - won[last - 1])
    return float(full[last - 1] + part * (full[last] - full[last - 1])) * float(users.sum())
