"""France services, the State's one-stop offices: list of the ANCT (Licence Ouverte)."""

from pathlib import Path

import geopandas as gpd
import pandas as pd

from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, cached
from planner.sources._national import checked, chunks, numbers, tables_of
from planner.sources._places import Premises, located, plain

URL = "https://www.data.gouv.fr/fr/datasets/r/afc3f97f-0ef5-429b-bf16-7b7876d27cd4"
SOURCE = "ANCT, liste des structures France services"
LICENCE = "Licence Ouverte 2.0"

_COLUMNS = {
    "id": ("id_fs",),
    "name": ("lib_fs",),
    "code": ("insee_com", "code_insee"),
    "lat": ("latitude",),
    "lon": ("longitude",),
}
_WHAT = "list of France services"


def fetch(
    folder: Path | str,
    *,
    url: str = URL,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Fetch the list of the whole country into a cache.

    Parameters and result are those of `planner.sources.filosofi.fetch`.
    """
    path = Path(folder) / "france-services.csv"
    by_hand = (
        "Download the list by hand (data.gouv.fr, “Liste des structures France services”) and save "
        f"it as {path}, or give it as --file france-services=FILE."
    )
    return cached(Request(url, by_hand), path, check=check, polite=polite, progress=progress)


def check(path: Path) -> None:
    """Refuse a file that is no list of France services, by its header."""
    checked(path, what=_WHAT, columns=_COLUMNS)


def read(path: Path | str, communes: gpd.GeoDataFrame) -> Premises:
    """Read the France services of the communes.

    Parameters
    ----------
    path
        CSV, plain or packed.
    communes
        Communes with their contours, indexed by code.

    Returns
    -------
    Premises
        Kind ``france_services``; status ``candidate``; ids ``fs-<id_fs>``.

    Raises
    ------
    InputError
        When the file is damaged or is no such list.
    """
    parts = []
    with tables_of(path, what=_WHAT, columns=_COLUMNS) as tables:
        for table in tables:
            for chunk in chunks(table):
                x, y = (
                    numbers(chunk, name, table, low=-180.0, empty=True) for name in ("lon", "lat")
                )
                rows = pd.DataFrame({"id": "fs-" + chunk["id"], "code": chunk["code"]})
                rows["name"] = [plain(name) for name in chunk["name"]]
                parts.append(rows.assign(kind="france_services", x=x, y=y))
    columns = ["id", "name", "kind", "code", "x", "y"]
    rows = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    rows = rows.assign(status="candidate", source=SOURCE)
    return located(rows.astype({"x": float, "y": float}), communes, where=str(path))
