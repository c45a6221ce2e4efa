"""Which premises could host which kind of site."""

import math
from collections.abc import Collection, Mapping
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.assumptions import DEFAULTS, values
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


NO_COSTS: Mapping[str, Mapping[str, int | None]] = MappingProxyType({})


FIT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "light": "fit_out_eur_m2",
        "medium": "new_fit_out_eur_m2",
        "heavy": "heavy_fit_out_eur_m2",
    }
)
"""Keys of the assumptions on fit-out, by the state of the room."""


def site_costs(
    tier: str,
    *,
    seats: int,
    figures: Mapping[str, float] | None = None,
    state: str = "",
    area_m2: float = math.inf,
) -> dict[str, int]:
    """Return what a site of a tier costs, from its seats and the default assumptions.

    A structuring site is fitted out lightly in a public facility, a corpoworking site is built,
    unless the state of the room is known; no more is fitted out than it has. Both have a host.
    A mini-cowork is equipment and a fee to the shopkeeper.

    Parameters
    ----------
    tier
        One of the tiers.
    seats
        Of the site.
    figures
        Assumptions by key; the defaults when left out.
    state
        ``light``, ``medium`` or ``heavy``: the works that the room needs; "" when not known.
    area_m2
        Of the room, in square metres; infinite or NaN when not known.

    Returns
    -------
    dict[str, int]
        ``invest_eur``, and ``running_eur`` a year; whole euros, without VAT.

    Examples
    --------
    >>> site_costs("mini", seats=3)
    {'invest_eur': 7000, 'running_eur': 720}
    >>> site_costs("structuring", seats=15, state="heavy", area_m2=100)["invest_eur"]
    318000
    """
    value = values() if figures is None else figures
    if tier == "mini":
        invest = seats * value["mini_seat_eur"] + value["mini_place_eur"]
        return {"invest_eur": round(invest), "running_eur": round(12 * value["mini_fee_eur_month"])}
    area = seats * value["seat_m2"]
    usual = "light" if tier == "structuring" else "medium"
    fitted = area if math.isnan(area_m2) else min(area, area_m2)
    invest = fitted * value[FIT_OUT[state or usual]] + seats * value["seat_equipment_eur"]
    running = value["animation_fte"] * value["fte_eur_year"] + area * value["fluids_eur_m2_year"]
    return {"invest_eur": round(invest), "running_eur": round(running)}


def sites(
    territory: Territory,
    *,
    forced: Collection[str] = (),
    forbidden: Collection[str] = (),
    bourg_min_population: float = DEFAULTS["bourg_min_population"].value,
    seats: Mapping[str, int] = SEATS,
    inaccessible: Collection[str] = (),
    costs: Mapping[str, Mapping[str, int | None]] = NO_COSTS,
    figures: Mapping[str, float] | None = None,
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
    inaccessible
        Ids of premises that cannot be had, or entered.
    costs
        By tier, investment and running cost a year where they are not to be worked out from seats.
    figures
        Assumptions by key that costs are worked out from; the defaults when left out.

    Returns
    -------
    GeoDataFrame
        Index premises id, sorted; columns name, kind, commune, status (``existing``, ``forced`` or
        ``candidate``), accessible (False also where the territory says so), state (of the room, or
        ""), area_m2, available_year (NaN when not known), one column of booleans a tier, and by
        tier seats_<tier>, invest_eur_<tier>, running_eur_<tier> (whole euros), geometry
        (points in the territory's CRS). Premises that may become nothing are left out.

    Raises
    ------
    InputError
        When a forced or forbidden id is unknown, in both lists, or may become nothing.
    """
    premises = territory.premises.sort_index()
    _check_ids(premises, forced, forbidden, inaccessible)
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
    result["accessible"] = ~premises.index.isin(list(inaccessible)) & ~_said(premises, "no")
    result[["state", "area_m2", "available_year"]] = _facts(premises)
    for tier in TIERS:
        said = costs.get(tier, {})
        result[f"seats_{tier}"] = seats[tier]
        rooms = zip(result["state"], result["area_m2"], strict=True)
        usual = [
            site_costs(tier, seats=seats[tier], figures=figures, state=state, area_m2=area)
            for state, area in rooms
        ]
        for name in ("invest_eur", "running_eur"):
            told = said.get(name)
            result[f"{name}_{tier}"] = [one[name] if told is None else told for one in usual]
    useful = result[list(TIERS)].any(axis=1) & allowed
    lost = sorted(set(forced) - set(result.index[useful]))
    if lost:
        raise InputError(
            f"forced sites that can host no tier: {', '.join(lost)}. Their kind is "
            f"{', '.join(sorted(set(kind[lost])))}; remove them, or give them another kind."
        )
    return result[useful]


def _said(premises: gpd.GeoDataFrame, word: str) -> np.ndarray:
    if "accessible" not in premises:
        return np.zeros(len(premises), bool)
    return np.asarray(premises["accessible"] == word, bool)


def _facts(premises: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return what is known of the rooms, filled where it is not."""
    nothing = pd.Series(np.nan, premises.index)
    numbers = {name: premises.get(name, nothing) for name in ("area_m2", "available_year")}
    state = premises.get("state", pd.Series("", premises.index, dtype=object))
    return pd.DataFrame({"state": state.astype(object), **numbers})


def _status(premises: gpd.GeoDataFrame, forced: Collection[str]) -> pd.Series:
    existing = (premises["kind"] == COWORKING) & (premises["status"] == "existing")
    status = np.where(premises.index.isin(list(forced)), "forced", "candidate")
    return pd.Series(np.where(existing, "existing", status), index=premises.index)


def _check_ids(
    premises: gpd.GeoDataFrame,
    forced: Collection[str],
    forbidden: Collection[str],
    inaccessible: Collection[str],
) -> None:
    unknown = sorted((set(forced) | set(forbidden) | set(inaccessible)) - set(premises.index))
    both = sorted(set(forced) & set(forbidden))
    faults = []
    if unknown:
        faults.append(f"unknown premises {', '.join(unknown)}")
    if both:
        faults.append(f"both forced and forbidden: {', '.join(both)}")
    if faults:
        raise InputError("scenario sites: " + "; ".join(faults) + ". Use ids of the premises.")
