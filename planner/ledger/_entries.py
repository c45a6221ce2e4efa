"""The lines of the ledger, and the tables that they add up to."""

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner._errors import InputError
from planner.ledger._formulas import (
    INVESTMENT,
    MONTHS,
    RUNNING,
    USED,
    Floats,
    check_figures,
    check_sites,
    coordination_eur,
    investment_eur,
    ramp_shares,
    running_eur,
)

Longs = NDArray[np.int64]
PAYERS = ("commune", "epci", "employers", "state", "users")
GRANTS = ("fabrique", "reconquete")
COLUMNS = ("year", "payer", "commune", "site", "account", "cents")
_CENTS = 100
_MOST_EUR = 10**12


def entries(
    sites: pd.DataFrame,
    *,
    figures: Mapping[str, float],
    years: int = 5,
    grants: Collection[str] = (),
    vacancy_year: int = 1,
    vacancy_months: int = 0,
    run_existing: bool = False,
) -> pd.DataFrame:
    """Return every line of the money of a network: who bears what, where and when.

    The commune where a site opens pays its investment in that year; the EPCI pays what it costs to
    run, and receives what users pay. Of both costs of a corpoworking site, employers bear the share
    ``employers_share`` of the figures, to the nearest cent of each line. Existing sites cost no
    investment; they are run by those who run them today, as in the budgets of a plan, unless
    `run_existing`.

    Parameters
    ----------
    sites
        Open sites, see :func:`check_sites`; users as they are once a site is known.
    figures
        Assumptions by key, see :func:`planner.assumptions.values`.
    years
        How many.
    grants
        ``fabrique``: the state bears what the structuring sites lack, up to a sum a year for the
        network, for some years from the first that opens. ``reconquete``: the state bears a share
        of the investment in shops, up to a sum for works and one for equipment; what it gives for
        guidance has no cost here to be set against. Who may have them is for the user to check.
    vacancy_year, vacancy_months
        From January of that year, months in which nobody coordinates: no pay, and the ramp stands
        still, see :func:`ramp_shares`.
    run_existing
        Whether the EPCI runs existing sites too.

    Returns
    -------
    DataFrame
        Sorted by year, payer, commune, site and account; year (from 1), payer (one of `PAYERS`),
        commune (code; empty for the whole EPCI), site (id; empty for the network), account, cents
        (whole; costs above 0, income below). Lines of nothing are left out.

    Raises
    ------
    InputError
        When the sites or figures are not what they must be, a grant is unknown, or years and months
        are no whole numbers.

    Examples
    --------
    >>> from planner.assumptions import values
    >>> shop = pd.DataFrame(
    ...     {"tier": "mini", "commune": "69135", "seats": 3, "users": 4.0}, index=["epicerie"]
    ... )
    >>> lines = entries(shop, figures=values(), years=1)
    >>> lines[lines["payer"] == "commune"][["commune", "account", "cents"]].values.tolist()
    [['69135', 'equipment', 700000]]
    """
    figures, table = check_figures(figures, USED), check_sites(sites)
    _check_options(years, grants, vacancy_year, vacancy_months)
    share = ramp_shares(
        table, figures=figures, years=years,
        vacancy_year=vacancy_year, vacancy_months=vacancy_months,
    )  # fmt: skip
    lines = [
        *_invested(table, figures, years, aided="reconquete" in grants),
        *_run(table, figures, share, run_existing=run_existing),
    ]
    lines.extend(_employers(table, figures, lines))
    if len(table):
        lines.append(_coordinated(figures, years, vacancy_year, vacancy_months))
    if "fabrique" in grants:
        lines.extend(_fabrique(table, figures, lines, years))
    return _sorted(lines)


def _check_options(
    years: int, grants: Collection[str], vacancy_year: int, vacancy_months: int
) -> None:
    asked = {"years": (years, 1), "vacancy_year": (vacancy_year, 1),
             "vacancy_months": (vacancy_months, 0)}  # fmt: skip
    faults = [
        f"{name}={value!r}: a whole number, {least} or more"
        for name, (value, least) in asked.items()
        if isinstance(value, bool) or not isinstance(value, int) or value < least
    ]
    unknown = [grants] if isinstance(grants, str) else sorted(set(grants) - set(GRANTS))
    if unknown:
        faults.append(f"grants: {', '.join(unknown)}: a list of {' and '.join(GRANTS)}, or none")
    if faults:
        raise InputError(f"ledger: {'; '.join(faults)}.")


def cents(euros: Floats) -> Longs:
    """Return euros as whole cents, halves to the even one.

    Parameters
    ----------
    euros
        Amounts.

    Returns
    -------
    NDArray
        Whole numbers.

    Raises
    ------
    InputError
        When an amount is too large to be one.

    Examples
    --------
    >>> cents(np.array([0.125, -1.0])).tolist()
    [12, -100]
    """
    if np.any(np.abs(euros) > _MOST_EUR):
        raise InputError(
            f"ledger: an amount above {_MOST_EUR:,} €; look for a figure in another unit."
        )
    return np.asarray(np.rint(euros * _CENTS), np.int64)


def _lines(table: pd.DataFrame, payer: str, account: str, amount: Longs) -> pd.DataFrame:
    """Return the lines of an account, from cents by year and site."""
    year, site = np.nonzero(amount)
    return pd.DataFrame(
        {
            "year": year + 1, "payer": payer, "commune": table["commune"].to_numpy(object)[site],
            "site": table.index.to_numpy(object)[site], "account": account,
            "cents": amount[year, site],
        }
    )  # fmt: skip


def _network(payer: str, account: str, amount: Longs) -> pd.DataFrame:
    """Return the lines of the network as a whole, from cents by year."""
    whole = pd.DataFrame({"commune": [""]}, index=[""])
    return _lines(whole, payer, account, amount[:, None])


def _invested(
    table: pd.DataFrame, figures: Mapping[str, float], years: int, *, aided: bool
) -> list[pd.DataFrame]:
    opens = np.arange(1, years + 1)[:, None] == table["opening_year"].to_numpy()
    spent = {
        account: opens * cents(eur)
        for account, eur in investment_eur(table, figures=figures).items()
    }
    lines = [_lines(table, "commune", account, amount) for account, amount in spent.items()]
    if aided:
        shops = ((table["tier"] == "mini") & table["shop"]).to_numpy(bool)
        most = [round(_CENTS * figures[f"reconquete_{key}_eur"]) for key in ("works", "equipment")]
        share = figures["reconquete_share"]
        aid = sum(
            np.minimum(np.rint(share * (spent[account] * shops)).astype(np.int64), limit)
            for account, limit in zip(INVESTMENT, most, strict=True)
        )
        lines += [_lines(table, "state", "grant", aid), _lines(table, "commune", "grant", -aid)]
    return lines


def _run(
    table: pd.DataFrame, figures: Mapping[str, float], share: Floats, *, run_existing: bool
) -> list[pd.DataFrame]:
    run = ~np.isnan(share)
    if not run_existing:
        run &= ~table["existing"].to_numpy(bool)
    users = np.where(run, share, 0.0) * table["users"].to_numpy(float)
    amounts = {
        account: run * cents(eur)
        for account, eur in running_eur(table, users, figures=figures).items()
    }
    revenue = amounts.pop("revenue")
    return [
        *(_lines(table, "epci", account, amount) for account, amount in amounts.items()),
        _lines(table, "epci", "revenue", -revenue),
        _lines(table, "users", "revenue", revenue),
    ]


def _employers(
    table: pd.DataFrame, figures: Mapping[str, float], lines: list[pd.DataFrame]
) -> list[pd.DataFrame]:
    """Return the costs of corpoworking that employers take from those who bore them."""
    shared = table.index[table["tier"] == "corpoworking"]
    taken = []
    for part in lines:
        costs = part[part["site"].isin(shared) & part["account"].isin((*INVESTMENT, *RUNNING))]
        theirs = np.rint(figures["employers_share"] * costs["cents"]).astype(np.int64)
        costs = costs.assign(cents=theirs)[theirs != 0]
        taken += [costs.assign(payer="employers"), costs.assign(cents=-costs["cents"])]
    return taken


def _coordinated(
    figures: Mapping[str, float], years: int, vacancy_year: int, vacancy_months: int
) -> pd.DataFrame:
    january = MONTHS * (np.arange(1, years + 1) - vacancy_year)
    vacant = np.clip(vacancy_months - january, 0, MONTHS) * (january >= 0)
    pay = coordination_eur(figures) * (1 - vacant / MONTHS)
    return _network("epci", "coordination", cents(pay))


def _fabrique(
    table: pd.DataFrame, figures: Mapping[str, float], lines: list[pd.DataFrame], years: int
) -> list[pd.DataFrame]:
    aided = table[(table["tier"] == "structuring") & ~table["existing"]]
    if aided.empty:
        return []
    book = pd.concat(lines)
    theirs = book[(book["payer"] == "epci") & book["site"].isin(aided.index)]
    year = np.arange(1, years + 1)
    lacking = theirs.groupby("year")["cents"].sum().reindex(year, fill_value=0).to_numpy()
    age = year - int(aided["opening_year"].min())
    granted = np.clip(lacking, 0, round(_CENTS * figures["fabrique_eur_year"]))
    granted = granted * ((age >= 0) & (age < figures["fabrique_years"]))
    return [_network("state", "grant", granted), _network("epci", "grant", -granted)]


def _sorted(lines: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in lines if len(part)]
    if not filled:
        types = {"year": np.int64, "cents": np.int64}
        return pd.DataFrame({name: pd.Series(dtype=types.get(name, object)) for name in COLUMNS})
    keys = list(COLUMNS[:-1])
    book: pd.DataFrame = pd.concat(filled).groupby(keys)["cents"].sum().reset_index()
    book["cents"] = book["cents"].astype(np.int64)
    return book[book["cents"] != 0].reset_index(drop=True)


def by_payer(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return what each payer bears in each year.

    Parameters
    ----------
    ledger
        As :func:`entries` returns it.

    Returns
    -------
    DataFrame
        Index year; a column a payer, and total: whole cents, what a payer receives set against it.
    """
    return _crossed(ledger, "year", PAYERS)


def by_account(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return each account over all years, by payer; the total of a transfer is 0.

    Parameters
    ----------
    ledger
        As :func:`entries` returns it.

    Returns
    -------
    DataFrame
        Index account; a column a payer, and total: whole cents.
    """
    return _crossed(ledger, "account", PAYERS)


def payer_shares(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return what each payer bears over all years, and its share.

    Parameters
    ----------
    ledger
        As :func:`entries` returns it.

    Returns
    -------
    DataFrame
        Index payer; cents, share (below 0 for one that receives more than it bears; NaN where
        nothing is spent).
    """
    borne = _crossed(ledger, "year", PAYERS)[list(PAYERS)].sum().rename_axis("payer")
    total = borne.sum()
    share = borne / total if total else borne * math.nan
    return pd.DataFrame({"cents": borne.astype(np.int64), "share": share})


def by_commune(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return what each commune invests and receives, and what the EPCI bears for its sites.

    Parameters
    ----------
    ledger
        As :func:`entries` returns it.

    Returns
    -------
    DataFrame
        Index commune (empty for what is no commune's: coordination); over all years, whole cents:
        invested (by the commune), granted (to it), borne (by it, the two together), run (what its
        sites cost the EPCI to run), earned (what their users pay), lacking (for the EPCI to bear).
    """
    paid = ledger["payer"] == "commune"
    run = (ledger["payer"] == "epci") & (ledger["account"] != "grant")
    earned = run & (ledger["account"] == "revenue")
    parts = {
        "invested": (paid & (ledger["account"] != "grant"), 1),
        "granted": (paid & (ledger["account"] == "grant"), -1),
        "borne": (paid, 1),
        "run": (run & ~earned, 1),
        "earned": (earned, -1),
        "lacking": (run, 1),
    }
    codes = pd.Index(sorted(set(ledger["commune"])), name="commune", dtype=object)
    return pd.DataFrame(
        {
            name: sign * ledger[kept].groupby("commune")["cents"].sum().reindex(codes, fill_value=0)
            for name, (kept, sign) in parts.items()
        },
        index=codes,
    ).astype(np.int64)


def _crossed(ledger: pd.DataFrame, rows: str, columns: Collection[str]) -> pd.DataFrame:
    sums = ledger.pivot_table("cents", rows, "payer", aggfunc="sum", fill_value=0)
    table = (
        sums.rename_axis(columns=None).reindex(columns=list(columns), fill_value=0).astype(np.int64)
    )
    return table.assign(total=table.sum(axis=1))


def staffing(ledger: pd.DataFrame, *, figures: Mapping[str, float]) -> pd.DataFrame:
    """Return the work that the network pays for, year by year.

    Parameters
    ----------
    ledger
        As :func:`entries` returns it.
    figures
        Those of the ledger.

    Returns
    -------
    DataFrame
        Index year; animation_fte, coordination_fte, paid_users_hours (a year), and the pay of each
        in whole cents: animation_cents, coordination_cents, paid_users_cents.

    Raises
    ------
    InputError
        When a figure is missing or cannot be.
    """
    pay = check_figures(figures, ("fte_eur_year", "paid_users_eur_hour"))
    years = sorted(set(ledger["year"]))
    own = ledger[ledger["payer"].isin(("epci", "employers"))]
    paid = own.groupby(["account", "year"])["cents"].sum()
    table = pd.DataFrame(index=pd.Index(years, name="year"))
    for name, account, unit, rate in (
        ("animation", "animation", "fte", pay["fte_eur_year"]),
        ("coordination", "coordination", "fte", pay["fte_eur_year"]),
        ("paid_users", "paid users", "hours", pay["paid_users_eur_hour"]),
    ):
        spent = paid.reindex([(account, year) for year in years], fill_value=0).to_numpy()
        table[f"{name}_{unit}"] = (spent / (_CENTS * rate) if rate else 0.0 * spent).round(4)
        table[f"{name}_cents"] = spent.astype(np.int64)
    return table


def depreciation(
    sites: pd.DataFrame, *, figures: Mapping[str, float], years: int = 5
) -> pd.DataFrame:
    """Return what works and furniture lose in value each year, for information.

    In a straight line from the year a site opens; what has been lost after :math:`k` of :math:`n`
    years is rounded, so that the years add up to the whole.

    Parameters
    ----------
    sites, figures, years
        As in :func:`entries`.

    Returns
    -------
    DataFrame
        Index year; works_cents, furniture_cents, total_cents.

    Raises
    ------
    InputError
        As :func:`entries`.
    """
    figures, table = check_figures(figures, USED), check_sites(sites)
    _check_options(years, (), 1, 0)
    spent = investment_eur(table, figures=figures)
    age = np.arange(years + 1)[:, None] - (table["opening_year"].to_numpy() - 1)
    lost = {}
    for name, account in zip(("works", "furniture"), INVESTMENT, strict=True):
        part = np.clip(age / max(figures[f"{name}_years"], 1.0), 0, 1)
        so_far = np.rint(part * cents(spent[account])).astype(np.int64)
        lost[f"{name}_cents"] = np.diff(so_far, axis=0).sum(axis=1)
    result = pd.DataFrame(lost, index=pd.RangeIndex(1, years + 1, name="year"))
    return result.assign(total_cents=result.sum(axis=1))


def running_order(
    sites: pd.DataFrame, *, figures: Mapping[str, float], run_existing: bool = False
) -> pd.DataFrame:
    """Return what each site costs and earns in a year with all its users, and the network.

    Whoever bears the costs, employers included.

    Parameters
    ----------
    sites, figures, run_existing
        As in :func:`entries`.

    Returns
    -------
    DataFrame
        Index site, sorted, the network's own line first (empty id); whole cents: a column an
        account (costs, and revenue, 0 or more) and balance, the revenue less the costs. The sum of
        the column is the network's.

    Raises
    ------
    InputError
        As :func:`entries`.
    """
    figures, table = check_figures(figures, USED), check_sites(sites)
    if not run_existing:
        table = table[~table["existing"]]
    amounts = running_eur(table, table["users"].to_numpy(float)[None, :], figures=figures)
    own = pd.DataFrame(
        {
            account: cents(np.broadcast_to(eur, (1, len(table)))[0])
            for account, eur in amounts.items()
        },
        index=table.index,
    )
    whole = pd.DataFrame(0, index=pd.Index([""], name="site"), columns=own.columns)
    result = pd.concat([whole, own])
    paid = int(cents(coordination_eur(figures))) if len(sites) else 0
    result.insert(0, "coordination", [paid] + [0] * len(own))
    costs = result[["coordination", *RUNNING]].sum(axis=1)
    return result.assign(balance=result["revenue"] - costs).astype(np.int64)
