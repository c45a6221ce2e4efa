"""Cooperatives and associations from INSEE's register of firms, SIRENE (Licence Ouverte).

Three files of the whole country, joined: the establishments (`StockEtablissement`: commune, open or
closed), the units they belong to (`StockUniteLegale`: legal category, name) and, if it is there,
the file of positions (Lambert-93). A SCOP has legal categories of its own and so have associations
(92..); a SCIC or a CAE has none, and is told by its name only: those whose name does not say so are
missed. The files are of several gigabytes: none is asked for unless an address is given.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import Transformer

from planner.sources import cog
from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, SourceError, cached
from planner.sources._national import checked, chunks, numbers, tables_of
from planner.sources._places import Premises, located, plain
from planner.sources.tables import is_metropolitan_france

URL = ""
"""None: the files are too large to be asked for unless somebody wants them."""

SOURCE = "Insee, Sirene"
LICENCE = "Licence Ouverte 2.0"

SCOP = frozenset(("5458", "5558", "5658"))
"""Legal categories of the workers' cooperatives."""

ASSOCIATION = "92"
"""What legal categories of associations begin with."""

_COMPANY = "5"
_NAMED = (
    ("cae", re.compile(r"\bCAE\b|coop[ée]rative d.activit[ée]s? et d.emplois?", re.IGNORECASE)),
    ("scic", re.compile(r"\bSCIC\b|coop[ée]rative d.int[ée]r[êe]t collectif", re.IGNORECASE)),
)
_HIDDEN = "[ND]"  # a name that its owner does not want published
_COLUMNS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "sirene": {
        "siret": ("siret",),
        "siren": ("siren",),
        "code": ("codecommuneetablissement",),
        "state": ("etatadministratifetablissement",),
        "sign": ("enseigne1etablissement",),
    },
    "sirene-units": {
        "siren": ("siren",),
        "category": ("categoriejuridiqueunitelegale",),
        "name": ("denominationunitelegale",),
    },
    "sirene-places": {"siret": ("siret",), "x": ("x",), "y": ("y",)},
}
_OPTIONAL = ("sign",)
_WHAT = {
    "sirene": "stock of establishments (StockEtablissement)",
    "sirene-units": "stock of legal units (StockUniteLegale)",
    "sirene-places": "list of positions of establishments (siret, x, y)",
}


def _fetch(
    name: str,
    folder: Path | str,
    *,
    url: str = URL,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Fetch one of the files of the whole country into a cache.

    Parameters and result are those of `planner.sources.filosofi.fetch`; without an address, only
    a file already in the cache is taken.
    """
    path = Path(folder) / f"{name}-{url.rsplit('/', 1)[-1] or 'stock.csv'}"
    by_hand = (
        f"Download the {_WHAT[name]} by hand (data.gouv.fr, “Base Sirene”) and give it as "
        f"--file {name}=FILE."
    )
    request = Request(url, by_hand)
    if not url and not path.is_file():
        raise SourceError(request, "several gigabytes, not asked for without an address")
    check = partial(checked, what=_WHAT[name], columns=_COLUMNS[name], optional=_OPTIONAL)
    return cached(request, path, check=check, polite=polite, progress=progress)


fetch = partial(_fetch, "sirene")
"""Fetch the establishments."""

fetch_units = partial(_fetch, "sirene-units")
"""Fetch the legal units."""

fetch_places = partial(_fetch, "sirene-places")
"""Fetch the positions."""


def read(
    path: Path | str,
    communes: gpd.GeoDataFrame,
    *,
    units: Path | str,
    places: Path | str | None = None,
) -> Premises:
    """Read the cooperatives and associations of the communes that are open.

    Parameters
    ----------
    path
        Establishments: CSV or Parquet of INSEE, plain or packed.
    communes
        Communes with their contours and their centre (lon, lat), indexed by code.
    units
        Legal units, likewise.
    places
        Positions, likewise; metropolitan France only. An establishment without any stands at the
        centre of its commune, and the note says how many do.

    Returns
    -------
    Premises
        Kinds as :func:`kind_of`; ids are SIRET numbers; status empty.

    Raises
    ------
    InputError
        When a file is damaged or is another table, or a position is no number.
    """
    rows = _kept("sirene", path, "code", communes.index)
    rows = rows[rows["state"] == "A"].drop_duplicates("siret").set_index("siret")
    named = _kept("sirene-units", units, "siren", set(rows["siren"]))
    named = named.drop_duplicates("siren").set_index("siren").reindex(rows["siren"]).fillna("")
    names = [
        plain(name if name not in {"", _HIDDEN} else sign).replace(_HIDDEN, "")
        for name, sign in zip(named["name"], rows.get("sign", named["name"]), strict=True)
    ]
    kinds = [kind_of(c, n) for c, n in zip(named["category"], names, strict=True)]
    rows = rows.assign(name=names, kind=kinds)
    rows = rows[rows["kind"] != ""]
    x, y = _positions(rows.index, places, communes)
    lost = np.isnan(x)
    centre = communes[["lon", "lat"]].reindex(rows["code"])
    table = pd.DataFrame(
        {
            "id": rows.index,
            "name": rows["name"].to_numpy(),
            "kind": rows["kind"].to_numpy(),
            "code": rows["code"].to_numpy(),
            "x": np.where(lost, centre["lon"], x).astype(float),
            "y": np.where(lost, centre["lat"], y).astype(float),
            "status": "",
            "source": np.where(lost, f"{SOURCE} (centre de la commune)", SOURCE).astype(object),
        }
    )
    found = located(table, communes, where=str(path))
    missed = "SCIC et CAE reconnues par leur nom seulement."
    at_centre = (
        f" {lost.sum()} sans position, placés au centre de leur commune." if lost.any() else ""
    )
    return Premises(found.frame, f"{found.note}{at_centre} {missed}")


def kind_of(category: str, name: str) -> str:
    """Return what an establishment is to a community, or "" when it is none of ours.

    Parameters
    ----------
    category
        Legal category of its unit, four digits.
    name
        Of its unit.

    Returns
    -------
    str
        ``cae``, ``scic`` (by the name of a company), ``scop``, ``association``, or "".

    Examples
    --------
    >>> kind_of("5710", "SCIC Le Relais"), kind_of("5458", "Menuiserie du Col")
    ('scic', 'scop')
    >>> kind_of("9220", "Amis de la SCIC"), kind_of("5499", "Garage du Col")
    ('association', '')
    """
    if category.startswith(_COMPANY):
        by_name = next((kind for kind, said in _NAMED if said.search(name)), "")
        return by_name or ("scop" if category in SCOP else "")
    return "association" if category.startswith(ASSOCIATION) else ""


def _kept(name: str, path: Path | str, key: str, wanted: Collection[str]) -> pd.DataFrame:
    """Return the rows of a file whose key is wanted."""
    columns, what = _COLUMNS[name], _WHAT[name]
    parts = []
    with tables_of(path, what=what, columns=columns, optional=_OPTIONAL) as tables:
        for table in tables:
            for chunk in chunks(table):
                keys = cog.today(chunk[key]) if key == "code" else chunk[key]
                kept = chunk.assign(**{key: keys})[keys.isin(wanted)]
                if name == "sirene-places":
                    at = {axis: numbers(kept, axis, table, empty=True) for axis in ("x", "y")}
                    kept = kept.assign(**at)
                parts.append(kept)
    return pd.concat(parts) if parts else pd.DataFrame(columns=list(columns))


def _positions(
    sirets: pd.Index, places: Path | str | None, communes: gpd.GeoDataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude and latitude of establishments, NaN where they are not known."""
    if places is None or not is_metropolitan_france(communes.index):
        return np.full(len(sirets), np.nan), np.full(len(sirets), np.nan)
    found = _kept("sirene-places", places, "siret", set(sirets)).drop_duplicates("siret")
    found = found.set_index("siret")[["x", "y"]].astype(float).reindex(sirets)
    move = Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)
    lon, lat = move.transform(found["x"].to_numpy(), found["y"].to_numpy())
    known = np.isfinite(lon) & np.isfinite(lat) & found.notna().all(axis=1).to_numpy()
    return np.where(known, lon, np.nan), np.where(known, lat, np.nan)
