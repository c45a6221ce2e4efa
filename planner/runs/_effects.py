"""Which runs are beaten by another, and which settings make the difference.

A run is *dominated* when another one of the same territory is at least as good by every criterion
and better by one; the others are the *frontier* (the Pareto set). How much of the differences a
setting drives is its first-order effect, the correlation ratio of Pearson
``eta² = variance of the means by value / variance``, as in an analysis of variance by one factor:
in a whole grid the shares of all settings sum to at most one, and what is left is how they act
together. Where runs are no grid, settings that change together share what they explain.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.compare import KEYS
from planner.runs._read import CRITERIA, Runs

_DECIMALS = 6  # as plans write them: two that are written alike are alike


def with_dominance(runs: Runs, criteria: Mapping[str, int] | None = None) -> pd.DataFrame:
    """Return the table of some runs with who dominates each.

    Parameters
    ----------
    runs
        Plans on disk.
    criteria
        Measures, and whether more (1) or less (-1) is better; `CRITERIA` when left out. One that
        no run of a territory knows does not count there.

    Returns
    -------
    DataFrame
        The table, with `frontier` (whether no run dominates it; missing where a criterion is not
        known) and `dominated_by` (the first of those that do, by name; "" where none does).

    Raises
    ------
    InputError
        When a criterion is no measure, or its direction is neither 1 nor -1.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"digest": "d", "share_mesh": [0.8, 0.7, 0.9], "invest_eur": [50.0, 60.0, 90.0],
    ...      "epci_eur": [10.0, 10.0, 30.0]}, index=["a", "b", "c"])
    >>> found = with_dominance(Runs(table=table, settings=pd.DataFrame(index=table.index)))
    >>> found["dominated_by"].to_list()
    ['', 'a', '']
    """
    chosen = dict(CRITERIA if criteria is None else criteria)
    strange = sorted(set(chosen) - set(KEYS))
    if strange or not chosen or not set(chosen.values()) <= {1, -1}:
        raise InputError(
            f"criteria {chosen}: give measures ({', '.join(KEYS)}) with 1 where more is better, "
            "-1 where less is."
        )
    table = runs.table.copy()
    frontier = pd.Series(pd.NA, table.index, dtype="boolean")
    beaten_by = pd.Series("", table.index, dtype=object)
    for _, group in table.groupby("digest", sort=True):
        known = [key for key in chosen if group[key].notna().any()]
        values = group[known].to_numpy(float).round(_DECIMALS)
        signed = values * np.array([chosen[key] for key in known])
        whole = np.isfinite(signed).all(axis=1)
        order = sorted(range(len(group)), key=lambda i: str(group.index[i]))
        for place, name in enumerate(group.index):
            if not whole[place] or not known:
                continue
            at_least = (signed >= signed[place]).all(axis=1) & whole
            better = at_least & (signed > signed[place]).any(axis=1)
            frontier[name] = not better.any()
            beaten_by[name] = next((str(group.index[i]) for i in order if better[i]), "")
    return table.assign(frontier=frontier, dominated_by=beaten_by)


def drivers(runs: Runs) -> pd.DataFrame:
    """Return how much of the differences between runs each setting drives, by measure.

    Each run is held against the mean of its own territory, so that territories of any size stand
    side by side.

    Parameters
    ----------
    runs
        Plans on disk.

    Returns
    -------
    DataFrame
        Columns setting, values (how many), measure, share (eta², 0 to 1; NaN where a measure does
        not vary), lowest and highest (means of the measure over the values of the setting, as
        differences from the mean), at_lowest and at_highest (these values); by measure, the largest
        share first.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"digest": "d", **dict.fromkeys(KEYS, 0.0), "users": [1.0, 3.0, 11.0, 13.0]},
    ...     index=list("abcd"))
    >>> settings = pd.DataFrame({"mesh_min": [8, 8, 10, 10], "mini_seats": [2, 3, 2, 3]},
    ...                         index=table.index)
    >>> found = drivers(Runs(table=table, settings=settings))
    >>> found[found.measure == "users"][["setting", "share"]].round(3).values.tolist()
    [['mesh_min', 0.962], ['mini_seats', 0.038]]
    """
    rows = []
    for key in KEYS:
        value = runs.table[key] - runs.table.groupby("digest")[key].transform("mean")
        value = value[value.notna()].round(_DECIMALS)
        total = float((value**2).sum())
        for setting in runs.settings:
            group = runs.settings[setting].reindex(value.index).map(_label)
            if group.nunique() < 2:  # noqa: PLR2004 - nothing to tell apart
                continue
            means = value.groupby(group).mean()
            between = float((value.groupby(group).size() * means**2).sum())
            low, high = _end(means, lowest=True), _end(means, lowest=False)
            rows.append(
                {
                    "setting": setting,
                    "values": int(group.nunique()),
                    "measure": key,
                    "share": round(between / total, 9) if total > 0 else np.nan,
                    "lowest": float(means[low]),
                    "highest": float(means[high]),
                    "at_lowest": low,
                    "at_highest": high,
                }
            )
    columns = (
        "setting", "values", "measure", "share", "lowest", "highest", "at_lowest", "at_highest",
    )  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    place = {key: i for i, key in enumerate(KEYS)}
    frame["_order"] = frame["measure"].map(place)
    frame = frame.sort_values(
        ["_order", "share", "setting"], ascending=[True, False, True], na_position="last"
    )
    return frame.drop(columns="_order").reset_index(drop=True)


def _label(value: object) -> str:
    return "" if value is None or value is pd.NA else str(value)


def _end(means: pd.Series, *, lowest: bool) -> str:
    """Return the value with the lowest or the highest mean, the first of several by name."""
    rounded = means.round(_DECIMALS)
    edge = rounded.min() if lowest else rounded.max()
    return str(min(rounded.index[rounded == edge]))
