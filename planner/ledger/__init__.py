"""Who pays what, in which commune and year: investment by town halls, running costs by the EPCI.

Employers bear a share of both where the site is a corpoworking.
:func:`entries` gives every line; the other functions add them up, or tell what users a network
would need. Every line is in whole cents, so that sums are exact. What one payer gives another
(revenue, grants) has a line for each, of opposite sign: all lines together are what the network
costs, and the lines of a payer are what it bears.
"""

from planner.ledger._entries import (
    COLUMNS,
    GRANTS,
    PAYERS,
    by_account,
    by_commune,
    by_payer,
    cents,
    depreciation,
    entries,
    payer_shares,
    running_order,
    staffing,
)
from planner.ledger._formulas import (
    INVESTMENT,
    RUNNING,
    USED,
    Figures,
    check_figures,
    check_sites,
    coordination_eur,
    investment_eur,
    paying_users,
    ramp_shares,
    revenue_per_user_eur,
    running_eur,
)
from planner.ledger._targets import STANCES, Stance, break_even

__all__ = [
    "COLUMNS",
    "GRANTS",
    "INVESTMENT",
    "PAYERS",
    "RUNNING",
    "STANCES",
    "USED",
    "Figures",
    "Stance",
    "break_even",
    "by_account",
    "by_commune",
    "by_payer",
    "cents",
    "check_figures",
    "check_sites",
    "coordination_eur",
    "depreciation",
    "entries",
    "investment_eur",
    "payer_shares",
    "paying_users",
    "ramp_shares",
    "revenue_per_user_eur",
    "running_eur",
    "running_order",
    "staffing",
]
