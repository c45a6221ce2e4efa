"""Third places: the export of France Tiers-Lieux, or the State's list of 2019 (Licence Ouverte).

A third place whose name or type says coworking is taken to be open; any other is a coworking to be
confirmed, since neither list says what there is to work at. Neither has an address that lasts: the
file is downloaded by hand, or its address given.
"""

import re
from pathlib import Path

import geopandas as gpd
import pandas as pd

from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, SourceError, cached
from planner.sources._national import checked, chunks, numbers, tables_of
from planner.sources._places import Premises, located, plain

URL = ""
"""None that lasts is known."""

SOURCE = "France Tiers-Lieux, recensement des tiers-lieux"
LICENCE = "Licence Ouverte 2.0"

_COLUMNS = {
    "name": ("name", "nom_tl", "nom"),
    "lat": ("geo.latitude", "lat", "latitude"),
    "lon": ("geo.longitude", "long", "longitude", "lon"),
    "code": ("inseecom", "insee_com", "code_insee"),
    "type": ("typo", "typologie"),
}
_OPTIONAL = ("code", "type")
_WHAT = "list of third places"
_COWORKING = re.compile(r"co-?work|bureaux? partagé", re.IGNORECASE)


def fetch(
    folder: Path | str,
    *,
    url: str = URL,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Fetch the third places of the whole country into a cache.

    Parameters and result are those of `planner.sources.filosofi.fetch`; without an address, only
    a file already in the cache is taken.
    """
    path = Path(folder) / "third-places.csv"
    by_hand = (
        "Download the list by hand (data.gouv.fr, “tiers-lieux”) and save it as "
        f"{path}, or give it as --file third-places=FILE."
    )
    request = Request(url, by_hand)
    if not url and not path.is_file():
        raise SourceError(request, "no address that lasts is known for this list")
    return cached(request, path, check=check, polite=polite, progress=progress)


def check(path: Path) -> None:
    """Refuse a file that is no list of third places, by its header."""
    checked(path, what=_WHAT, columns=_COLUMNS, optional=_OPTIONAL)


def read(path: Path | str, communes: gpd.GeoDataFrame) -> Premises:
    """Read the third places of the communes.

    Parameters
    ----------
    path
        CSV, plain or packed.
    communes
        Communes with their contours, indexed by code.

    Returns
    -------
    Premises
        Kind ``coworking``; status ``existing`` where it says coworking, else ``to confirm``.

    Raises
    ------
    InputError
        When the file is damaged or is no such list.
    """
    parts = []
    with tables_of(path, what=_WHAT, columns=_COLUMNS, optional=_OPTIONAL) as tables:
        for table in tables:
            for chunk in chunks(table):
                x, y = (
                    numbers(chunk, name, table, low=-180.0, empty=True) for name in ("lon", "lat")
                )
                names = [plain(name) for name in chunk["name"]]
                kinds = chunk["type"] if "type" in chunk else [""] * len(chunk)
                said = [f"{name} {kind}" for name, kind in zip(names, kinds, strict=True)]
                rows = pd.DataFrame({"name": names, "kind": "coworking", "x": x, "y": y})
                rows["code"] = chunk.get("code", "")
                rows["status"] = [
                    "existing" if _COWORKING.search(text) else "to confirm" for text in said
                ]
                rows["source"] = SOURCE
                rows["id"] = [f"tl-{a:.5f}-{b:.5f}" for a, b in zip(x, y, strict=True)]
                parts.append(rows)
    columns = ["id", "name", "kind", "code", "x", "y", "status", "source"]
    rows = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    return located(rows.astype({"x": float, "y": float}), communes, where=str(path))
