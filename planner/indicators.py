"""What a plan gives to whom: coverage by commune, by site, and the people left outside."""

import geopandas as gpd
import numpy as np
import pandas as pd

from planner.rules import Decay
from planner.travel import TravelTimes

_NOBODY = 0.005  # residents: half of what the tables show, so what sums of floats may leave
_COMMUNE_COLUMNS = ("name", "population", "centre_lon", "centre_lat")


def covered(
    minutes: TravelTimes, tier: pd.Series, *, cutoff_min: float, tiers: tuple[str, ...]
) -> pd.Series:
    """Return which demand points are within some minutes of an open site.

    Parameters
    ----------
    minutes
        From demand points to candidate sites.
    tier
        Tier of each open site, by id.
    cutoff_min
        Minutes.
    tiers
        The tiers that count.

    Returns
    -------
    Series
        True or False by demand point.
    """
    opened = minutes.destinations.isin(tier.index[tier.isin(tiers)])
    number = minutes.within(cutoff_min).astype(np.int32) @ opened.astype(np.int32)
    return pd.Series(number > 0, index=minutes.origins)


def by_site(
    minutes: TravelTimes, tier: pd.Series, residents: pd.Series, *, cutoff_min: float
) -> pd.Series:
    """Return the residents within some minutes of each open site; people may count for several.

    Parameters
    ----------
    minutes, tier
        As in :func:`covered`.
    residents
        People at each demand point.
    cutoff_min
        Minutes.

    Returns
    -------
    Series
        Residents by site, in the order of `tier`.
    """
    total = residents.to_numpy() @ minutes.within(cutoff_min).astype(np.float64)
    return pd.Series(total, index=minutes.destinations).reindex(tier.index).round(2)


def users(minutes: TravelTimes, tier: pd.Series, expected: pd.Series, *, decay: Decay) -> float:
    """Return the users of a network, were there a seat for each.

    Parameters
    ----------
    minutes, tier
        As in :func:`covered`.
    expected
        Users at each demand point, were a site at the door.
    decay
        How use fades with the minutes to the nearest open site.

    Returns
    -------
    float
        Users.
    """
    nearest, _ = nearest_site(minutes, tier)
    return float(expected.to_numpy() @ decay.share(nearest))


def users_by_site(
    minutes: TravelTimes, tier: pd.Series, expected: pd.Series, *, decay: Decay
) -> pd.Series:
    """Return the users of each open site, everyone going to the nearest.

    Parameters
    ----------
    minutes, tier, expected, decay
        As in :func:`users`; the sum over the sites is what it returns.

    Returns
    -------
    Series
        Users by site, in the order of `tier`.
    """
    nearest, site = nearest_site(minutes, tier)
    come = expected.to_numpy(float) * decay.share(nearest)
    some = site >= 0
    found = np.bincount(site[some], come[some], len(minutes.destinations))
    return pd.Series(found, index=minutes.destinations).reindex(tier.index)


def nearest_site(minutes: TravelTimes, tier: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return minutes to the nearest open site, and which it is.

    Parameters
    ----------
    minutes, tier
        As in :func:`covered`.

    Returns
    -------
    tuple[ndarray, ndarray]
        By demand point: minutes, infinite where none is reached; position of the site among the
        destinations, -1 where none is. Among sites as near, the first by id.
    """
    nearest = np.full(len(minutes.origins), np.inf)
    site = np.full(len(minutes.origins), -1)
    opened = minutes.destinations.isin(tier.index)
    pairs = minutes.minutes.tocoo()  # row by row, as they are kept
    kept = opened[pairs.coords[1]]
    row, column, time = pairs.coords[0][kept], pairs.coords[1][kept], pairs.data[kept]
    if not row.size:
        return nearest, site
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    best = np.minimum.reduceat(time, starts)
    by_id = np.argsort(minutes.destinations.to_numpy().astype(str), kind="stable")
    rank = np.argsort(by_id)
    tied = time == np.repeat(best, np.diff(starts, append=row.size))
    first = np.minimum.reduceat(np.where(tied, rank[column], rank.size), starts)
    nearest[row[starts]], site[row[starts]] = best, by_id[first]
    return nearest, site


def by_commune(
    demand: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, *, layers: dict[str, pd.Series]
) -> gpd.GeoDataFrame:
    """Return the coverage of each commune.

    Parameters
    ----------
    demand
        Demand points: commune, residents.
    communes
        Index code; name, population, geometry, and centre_lon, centre_lat where known.
    layers
        By name, which demand points are covered.

    Returns
    -------
    GeoDataFrame
        Index code, sorted; name, population, centre_lon and centre_lat where given, residents (on
        demand points), and per layer ``covered_<name>`` (people) and ``share_<name>`` (0-1, exactly
        1 where all are covered, NaN where nobody lives), geometry.
    """
    kept = [name for name in _COMMUNE_COLUMNS if name in communes]
    table = communes.sort_index()[[*kept, "geometry"]].copy()
    people = demand["residents"].groupby(demand["commune"]).sum().reindex(table.index).fillna(0.0)
    table["residents"] = people.round(2)
    for name, inside in layers.items():
        served = demand["residents"].where(inside.reindex(demand.index), 0.0)
        total = served.groupby(demand["commune"]).sum().reindex(table.index).fillna(0.0)
        everyone = people - total < _NOBODY
        reached = total.round(2).where(~everyone, table["residents"])
        table[f"covered_{name}"] = reached
        table[f"share_{name}"] = reached / table["residents"].where(table["residents"] > 0)
    return table
