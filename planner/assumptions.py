"""Every default the planner uses, with where it comes from.

A figure is ``sourced`` (published), ``derived`` (arithmetic on published figures) or an
``assumption`` (ours, to be argued about). Outputs print the status beside the figure, so that an
assumption is never read as a fact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import pandas as pd

Status = Literal["sourced", "derived", "assumption"]


@dataclass(frozen=True)
class Assumption:
    """One default.

    Attributes
    ----------
    key
        Its name, with the unit in it.
    value, low, high
        The default and the range it is argued in.
    unit
        In words.
    year
        Of the source.
    source, url
        Where it comes from.
    status
        ``sourced``, ``derived`` or ``assumption``.
    """

    key: str
    value: float
    low: float
    high: float
    unit: str
    year: int
    source: str
    url: str
    status: Status


_STRATEGY = "stratégie de tiers-lieux de la CC Saône-Beaujolais"
_ROWS = (
    Assumption("mesh_min", 10.0, 8.0, 15.0, "min", 2022, _STRATEGY, "", "sourced"),
    Assumption(
        "structuring_min", 20.0, 15.0, 25.0, "min", 2019, "pré-étude Coop-connect", "", "sourced"
    ),
    Assumption("near_min", 5.0, 3.0, 8.0, "min", 2026, "moitié du maillage", "", "assumption"),
    Assumption("structuring_sites", 3, 1, 5, "sites", 2022, _STRATEGY, "", "sourced"),
    Assumption(
        "mini_sites_max", 12, 5, 35, "sites", 2026, "un pour trois communes environ", "",
        "assumption",
    ),
    Assumption("corpoworking_sites_max", 1, 0, 1, "sites", 2022, _STRATEGY, "", "sourced"),
    Assumption("structuring_seats", 15, 8, 30, "places", 2022, _STRATEGY, "", "sourced"),
    Assumption("mini_seats", 3, 2, 3, "places", 2022, _STRATEGY, "", "sourced"),
    Assumption("corpoworking_seats", 20, 10, 30, "places", 2022, _STRATEGY, "", "sourced"),
    Assumption(
        "bourg_min_population", 1900, 1500, 3000, "habitants", 2026,
        "seuil qui retient les bourgs de la CCSB", "", "assumption",
    ),
    Assumption("walk_kph", 4.5, 4.0, 5.0, "km/h", 2026, "vitesse usuelle à pied", "", "assumption"),
    Assumption(
        "max_snap_m", 1000.0, 300.0, 1500.0, "m", 2026, "écart à la route", "", "assumption"
    ),
    Assumption(
        "crow_kph", 47.0, 44.0, 50.0, "km/h", 2026,
        "mesuré sur les routes de Corse (OpenStreetMap)", "", "derived",
    ),
    Assumption(
        "crow_road_ratio", 1.35, 1.26, 1.42, "km de route par km à vol d'oiseau", 2026,
        "mesuré sur les routes de Corse (OpenStreetMap)", "", "derived",
    ),
)  # fmt: skip

DEFAULTS: Mapping[str, Assumption] = MappingProxyType({row.key: row for row in _ROWS})


def table() -> pd.DataFrame:
    """Return every default as a table, one row a key.

    Examples
    --------
    >>> table().loc["mesh_min", ["unit", "status"]].tolist()
    ['min', 'sourced']
    """
    return pd.DataFrame([vars(row) for row in _ROWS]).set_index("key")
