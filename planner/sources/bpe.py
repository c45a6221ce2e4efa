"""Shops and services from INSEE's base permanente des équipements, BPE (Licence Ouverte).

One row an establishment, with a code of its type and, since the open editions with positions,
where it is. Codes change between editions: the list of codes that ships in the archive says what
each means, by its label; without that list, a code is believed only in the editions where it is
known to mean what we think. There is no code for a café or a tabac alone.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import Transformer

from planner._errors import InputError
from planner.sources import cog
from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, cached
from planner.sources._national import OtherTableError, Table, checked, chunks, numbers, tables_of
from planner.sources._places import Premises, located, plain
from planner.sources.tables import is_metropolitan_france

URL = "https://www.insee.fr/fr/statistiques/fichier/8217525/BPE24.zip"
SOURCE = "Insee, base permanente des équipements"
LICENCE = "Licence Ouverte 2.0"

LABELS: tuple[tuple[str, str], ...] = (
    (r"^(supermarche|hypermarche)(?!.*multi-?commerce)", "supermarket"),
    (r"multi-?commerce", "general"),
    (r"^(superette|epicerie)", "convenience"),
    (r"^boulangerie", "bakery"),
    (r"^boucherie", "butcher"),
    (r"journaux|^presse|point de vente de presse", "newsagent"),
    (r"\btabac", "tobacco"),
    (r"^restaurant", "restaurant"),
    (r"bureau de poste|relais poste|agence postale|point poste|relais commercant", "post_office"),
    (r"france services", "france_services"),
    (r"^mairie", "townhall"),
    (r"^(bibliotheque|mediatheque)", "library"),
)
"""Kind of premises by label, in lower case without accents; the first that matches counts."""

CODES: Mapping[str, tuple[str, int, int]] = MappingProxyType(
    {
        "A128": ("france_services", 2021, 2025),
        "A129": ("townhall", 2021, 2025),
        "A206": ("post_office", 2013, 2025),
        "A207": ("post_office", 2013, 2025),
        "A208": ("post_office", 2013, 2025),
        "A504": ("restaurant", 2013, 2025),
        "B105": ("general", 2021, 2025),
        "B201": ("convenience", 2013, 2025),
        "B202": ("convenience", 2013, 2025),
        "B203": ("bakery", 2013, 2020),
        "B204": ("butcher", 2013, 2025),
        "B207": ("bakery", 2021, 2025),
        "B325": ("newsagent", 2021, 2025),
        "F307": ("library", 2019, 2025),
    }
)
"""Kind by code, and the first and last editions where it means that."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "supermarket": "Supermarché",
        "general": "Multi-commerce",
        "convenience": "Épicerie",
        "bakery": "Boulangerie",
        "butcher": "Boucherie",
        "newsagent": "Presse",
        "tobacco": "Tabac",
        "restaurant": "Restaurant",
        "post_office": "Point de contact postal",
        "france_services": "France services",
        "townhall": "Mairie",
        "library": "Bibliothèque",
    }
)
"""What a premises is called in editions without names."""

_COLUMNS = {
    "code": ("depcom", "com", "codgeo"),
    "type": ("typequ",),
    "edition": ("an", "annee"),
    "lon": ("longitude",),
    "lat": ("latitude",),
    "x": ("lambert_x",),
    "y": ("lambert_y",),
    "name": ("nomrs",),
    "quality": ("qualite_xy", "qualite_geoloc"),
}
_OPTIONAL = ("edition", "lon", "lat", "x", "y", "name", "quality")
_LIST = {
    "code": ("cod_mod", "typequ", "code"),
    "label": ("lib_mod", "libelle_typequ", "lib_typequ", "libelle"),
    "variable": ("cod_var",),
}
_WHAT = "BPE table"
_TYPE = re.compile(r"[A-G]\d{3}")


def fetch(
    folder: Path | str,
    *,
    url: str = URL,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Fetch the establishments of the whole country into a cache.

    Parameters and result are those of `planner.sources.filosofi.fetch`.
    """
    path = Path(folder) / f"bpe-{url.rsplit('/', 1)[-1]}"
    by_hand = (
        f"Download the BPE by hand (insee.fr, “Base permanente des équipements”) and save it as "
        f"{path}, or give it as --file bpe=FILE."
    )
    return cached(Request(url, by_hand), path, check=check, polite=polite, progress=progress)


def check(path: Path) -> None:
    """Refuse a file that is no BPE, by the headers of its tables."""
    checked(path, what=_WHAT, columns=_COLUMNS, optional=_OPTIONAL)


def read(path: Path | str, communes: gpd.GeoDataFrame) -> Premises:
    """Read the shops and services of the communes that could host a site.

    Parameters
    ----------
    path
        CSV or Parquet of INSEE, plain or packed.
    communes
        Communes with their contours, indexed by code.

    Returns
    -------
    Premises
        Kinds as `LABELS` and `CODES` say; status ``candidate``; ids made of the type's code and
        of the position.

    Raises
    ------
    InputError
        When the file is damaged or is no such table, or a position is no number.
    """
    with tables_of(path, what=_WHAT, columns=_COLUMNS, optional=_OPTIONAL) as tables:
        labels = _labels(path)
        parts = [rows for table in tables for rows in _rows(table, communes, labels)]
    columns = ["id", "name", "kind", "code", "x", "y", "status", "source"]
    rows = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    return located(rows.astype({"x": float, "y": float}), communes, where=str(path))


def kind_of(code: str, *, edition: int, labels: Mapping[str, str]) -> str:
    """Return the kind of premises that a code means, or "" when it is none of ours.

    Parameters
    ----------
    code
        The type's code, as ``B201``.
    edition
        The year of the file; 0 when it does not say.
    labels
        Labels of the codes, as the archive lists them; may be empty.

    Examples
    --------
    >>> kind_of("B203", edition=2020, labels={}), kind_of("B203", edition=2024, labels={})
    ('bakery', '')
    >>> kind_of("B207", edition=2030, labels={"B207": "Boulangerie-pâtisserie"})
    'bakery'
    """
    if code in labels:
        folded = unicodedata.normalize("NFKD", labels[code]).encode("ascii", "ignore").decode()
        text = folded.casefold().strip()
        return next((kind for pattern, kind in LABELS if re.search(pattern, text)), "")
    kind, first, last = CODES.get(code, ("", 0, 0))
    return kind if first <= edition <= last else ""


def _labels(path: Path | str) -> dict[str, str]:
    """Return the labels of the list of codes that ships in the archive; none if it has none."""
    labels: dict[str, str] = {}
    try:
        with tables_of(path, what=_WHAT, columns=_LIST, optional=["variable"]) as tables:
            for table in tables:
                for chunk in chunks(table):
                    ours = chunk["code"].map(lambda code: bool(_TYPE.fullmatch(code)))
                    if "variable" in chunk:
                        ours &= chunk["variable"].str.upper() == "TYPEQU"
                    labels |= dict(zip(chunk["code"][ours], chunk["label"][ours], strict=True))
    except OtherTableError:
        return {}
    return labels


def _rows(
    table: Table, communes: gpd.GeoDataFrame, labels: Mapping[str, str]
) -> Iterator[pd.DataFrame]:
    if not ({"lon", "lat"} <= set(table.names) or {"x", "y"} <= set(table.names)):
        raise InputError(
            f"{table.where}: no position. Columns wanted: LONGITUDE and LATITUDE, or LAMBERT_X "
            "and LAMBERT_Y. Take the edition with geolocated establishments (“ensemble_xy”)."
        )
    for chunk in chunks(table):
        code = cog.today(chunk["code"].str.upper())
        rows = chunk.assign(code=code)[code.isin(communes.index)]
        if rows.empty:
            continue
        years = rows["edition"] if "edition" in rows else pd.Series("", index=rows.index)
        rows["kind"] = [
            kind_of(code, edition=int(year) if year.isdigit() else 0, labels=labels)
            for code, year in zip(rows["type"], years, strict=True)
        ]
        rows["year"] = years
        rows = rows[rows["kind"] != ""]
        if not rows.empty:
            yield _positioned(rows, table, communes)


def _positioned(rows: pd.DataFrame, table: Table, communes: gpd.GeoDataFrame) -> pd.DataFrame:
    degrees = {"lon", "lat"} <= set(table.names)
    x, y = (
        numbers(rows, name, table, low=-180.0, empty=True).to_numpy()
        for name in (("lon", "lat") if degrees else ("x", "y"))
    )
    if not degrees:
        if not is_metropolitan_france(communes.index):
            raise InputError(
                f"{table.where}: Lambert-93 is for metropolitan France. Take an edition with "
                "LONGITUDE and LATITUDE."
            )
        move = Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)
        x, y = move.transform(x, y)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(known, x, np.nan), np.where(known, y, np.nan)
    names = rows["name"] if "name" in rows else pd.Series("", index=rows.index)
    quality = rows["quality"] if "quality" in rows else pd.Series("", index=rows.index)
    zipped = zip(rows["type"], x, y, strict=True)
    return pd.DataFrame(
        {
            "id": [f"bpe-{code}-{lon:.5f}-{lat:.5f}" for code, lon, lat in zipped],
            "name": [plain(n) or NAMES[kind] for n, kind in zip(names, rows["kind"], strict=True)],
            "kind": rows["kind"].to_numpy(),
            "code": rows["code"].to_numpy(),
            "x": x,
            "y": y,
            "status": "candidate",
            "source": [
                plain(f"Insee, BPE {year}") + (f" (position : {q})" if q else "")
                for year, q in zip(rows["year"], quality, strict=True)
            ],
        }
    )
