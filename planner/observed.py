"""Rural places that were seen to work, elsewhere: what expected users are held against."""

import io
from importlib.resources import files

import pandas as pd


def observed_places() -> pd.DataFrame:
    """Return the rural places that others have seen work, the benchmark of expected users.

    Returns
    -------
    DataFrame
        Index place, in the order of the table; departement (text), year, territory (French),
        territory_residents, area_m2, seats, users, occupancy (0-1), price_half_day_eur,
        price_day_eur, price_month_eur (NaN where nobody said), users_per_1000 (users over
        territory_residents), note and source (French).

    Examples
    --------
    >>> observed_places()["users_per_1000"].dropna().to_dict()
    {'La Cordée, Morez': 3.0, 'La Caale, Marans': 0.5}
    """
    text = (files("planner") / "assets" / "observed-places.csv").read_text("utf-8")
    texts = dict.fromkeys(("place", "departement", "territory", "note", "source"), str)
    table = pd.read_csv(io.StringIO(text), dtype=texts).set_index("place")
    table = table.fillna(dict.fromkeys([name for name in texts if name in table], ""))
    rate = 1000 * table["users"] / table["territory_residents"]
    table.insert(list(table.columns).index("users") + 1, "users_per_1000", rate)
    return table


def observed_at(per_1000: float) -> str:
    """Return the observed place with so many users per 1,000 inhabitants; "" where none has.

    Examples
    --------
    >>> observed_at(0.5), observed_at(0.7)
    ('La Caale, Marans', '')
    """
    rates = observed_places()["users_per_1000"]
    return next((str(place) for place, rate in rates.items() if rate == per_1000), "")
