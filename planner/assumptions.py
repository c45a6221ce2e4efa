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
    Assumption(
        "decay_half_min", 12.0, 9.0, 18.0, "min", 2026,
        "plus de la moitié des coworkers wallons à moins de 15 min en voiture", "", "assumption",
    ),
    Assumption(
        "decay_slope_min", 3.0, 2.0, 5.0, "min", 2026, "forme de la courbe", "", "assumption"
    ),
    Assumption(
        "use_until_min", 25.0, 20.0, 30.0, "min", 2026, "au-delà, moins de 2 % viendraient", "",
        "assumption",
    ),
    Assumption(
        "users_per_1000", 2.5, 0.94, 11.6, "usagers pour 1 000 habitants", 2026,
        "2 % des télétravailleurs (1 à 11 %) ; lieux ruraux observés : 0,5 à 3", "", "derived",
    ),
    Assumption(
        "user_days_a_week", 1.0, 0.4, 2.5, "jours par semaine", 2019,
        "usagers ruraux : quelques jours par mois (leçons de Wallonie, RTBF)", "", "assumption",
    ),
    Assumption(
        "peak_factor", 1.25, 1.0, 1.5, "jour de pointe / jour moyen", 2026, "mardi et jeudi", "",
        "assumption",
    ),
    Assumption(
        "seat_m2", 12.0, 6.0, 20.0, "m² par place", 2021,
        "Lamure 6, Gorges 18, La Caale 20 ; parties communes comprises", "", "derived",
    ),
    Assumption(
        "fit_out_eur_m2", 550.0, 400.0, 3000.0, "€ HT/m²", 2021,
        "aménagement léger, plans d'affaires publiés ; lourd : La Caale, 1,2 M€ pour 400 m²", "",
        "derived",
    ),
    Assumption(
        "new_fit_out_eur_m2", 1500.0, 550.0, 3000.0, "€ HT/m²", 2026,
        "aménagement moyen, local à créer", "", "assumption",
    ),
    Assumption("seat_equipment_eur", 1200.0, 600.0, 2250.0, "€ HT par place", 2021,
        "mobilier et informatique", "", "derived"),
    Assumption("mini_seat_eur", 2000.0, 1000.0, 5000.0, "€ HT par place", 2026,
        "aucun compte publié", "", "assumption"),
    Assumption("mini_place_eur", 1000.0, 500.0, 3000.0, "€ HT par lieu", 2026,
        "aucun compte publié", "", "assumption"),
    Assumption("mini_fee_eur_month", 60.0, 0.0, 150.0, "€/mois au commerçant", 2026,
        "indemnité fixe", "", "assumption"),
    Assumption("animation_fte", 0.5, 0.25, 1.0, "ETP par site structurant", 2019,
        "La Cordée, Lamure-sur-Azergues", "", "sourced"),
    Assumption("fte_eur_year", 42000.0, 36000.0, 50000.0, "€/an, chargé", 2026, "un ETP", "",
        "assumption"),
    Assumption("fluids_eur_m2_year", 90.0, 60.0, 240.0, "€ HT/m²/an", 2021,
        "fluides, ménage, fibre, assurance", "", "derived"),
    Assumption("discount_rate", 0.032, 0.0, 0.045, "par an", 2021,
        "taux d'actualisation public, hors prime de risque", "", "assumption"),
    Assumption("ramp_year_1", 0.35, 0.2, 0.6, "part de la fréquentation", 2026,
        "montée en charge", "", "assumption"),
    Assumption("ramp_year_2", 0.70, 0.5, 0.9, "part de la fréquentation", 2026,
        "montée en charge", "", "assumption"),
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
