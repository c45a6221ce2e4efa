"""Which premises could host which kind of site."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.assumptions import DEFAULTS
from planner.territory import Territory

TIERS = ("structuring", "mini", "corpoworking")

# A village shop: small, open most days, with a counter and a table or room for one.
SHOPS = frozenset(
    "convenience general bakery butcher newsagent tobacco kiosk farm_shop cafe bar pub "
    "restaurant".split()
)
PUBLIC = frozenset("townhall library post_office community_centre france_services".split())
UNCONFIRMED = "host_to_confirm"
ACTIVITY_ZONE = "activity_zone"
COWORKING = "coworking"

SEATS: Mapping[str, int] = MappingProxyType(
    {tier: int(DEFAULTS[f"{tier}_seats"].value) for tier in TIERS}
)


def sites(
    territory: Territory,
    *,
    forced: Collection[str] = (),
    forbidden: Collection[str] = (),
    bourg_min_population: float = DEFAULTS["bourg_min_population"].value,
    seats: Mapping[str, int] = SEATS,
) -> gpd.GeoDataFrame:
    """Return the candidate sites of a territory, and what each may become.

    - *structuring*: public facilities, and hosts to be confirmed, in the bourgs;
    - *mini*: village shops; in a commune without any, its public facilities or the host to be
      confirmed; and everywhere those that are forced, and coworkings;
    - *corpoworking*: activity zones.

    A coworking that exists stays open; it serves the mesh and counts in no tier's number.

    Parameters
    ----------
    territory
        The territory.
    forced, forbidden
        Ids of premises that must, or must not, become a site.
    bourg_min_population
        From this many inhabitants, a commune counts as a bourg.
    seats
        Seats by tier.

    Returns
    -------
    GeoDataFrame
        Index premises id, sorted; columns name, kind, commune, status (``existing``, ``forced`` or
        ``candidate``), one column of booleans a tier, seats_structuring, seats_mini,
        seats_corpoworking, geometry (points in the territory's CRS). Premises that may become
        nothing are left out.

    Raises
    ------
    InputError
        When a forced or forbidden id is unknown, in both lists, or may become nothing.
    """
    premises = territory.premises.sort_index()
    _check_ids(premises, forced, forbidden)
    population = territory.communes["population"].reindex(premises["commune"]).to_numpy()
    bourg = population >= bourg_min_population
    kind = premises["kind"]
    allowed = ~premises.index.isin(list(forbidden))
    shop = kind.isin(SHOPS).to_numpy() & allowed
    with_shop = premises["commune"].isin(set(premises.loc[shop, "commune"])).to_numpy()
    fallback = (kind.isin(PUBLIC) | (kind == UNCONFIRMED) | (kind == COWORKING)).to_numpy()
    result = premises[["name", "kind", "commune", "geometry"]].copy()
    result["status"] = _status(premises, forced)
    result["structuring"] = fallback & bourg
    kept = (result["status"] != "candidate").to_numpy() | (kind == COWORKING).to_numpy()
    result["mini"] = shop | (fallback & (~with_shop | kept))
    result["corpoworking"] = (kind == ACTIVITY_ZONE).to_numpy()
    for tier in TIERS:
        result[f"seats_{tier}"] = seats[tier]
    useful = result[list(TIERS)].any(axis=1) & allowed
    lost = sorted(set(forced) - set(result.index[useful]))
    if lost:
        raise InputError(
            f"forced sites that can host no tier: {', '.join(lost)}. Their kind is "
            f"{', '.join(sorted(set(kind[lost])))}; remove them, or give them another kind."
        )
    return result[useful]


def _status(premises: gpd.GeoDataFrame, forced: Collection[str]) -> pd.Series:
    existing = (premises["kind"] == COWORKING) & (premises["status"] == "existing")
    status = np.where(premises.index.isin(list(forced)), "forced", "candidate")
    return pd.Series(np.where(existing, "existing", status), index=premises.index)


def _check_ids(
    premises: gpd.GeoDataFrame, forced: Collection[str], forbidden: Collection[str]
) -> None:
    unknown = sorted((set(forced) | set(forbidden)) - set(premises.index))
    both = sorted(set(forced) & set(forbidden))
    faults = []
    if unknown:
        faults.append(f"unknown premises {', '.join(unknown)}")
    if both:
        faults.append(f"both forced and forbidden: {', '.join(both)}")
    if faults:
        raise InputError("scenario sites: " + "; ".join(faults) + ". Use ids of the premises.")
