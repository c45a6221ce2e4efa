"""Jobs and workers of each commune, from INSEE's census (base-cc-emploi-pop-active)."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from planner._errors import InputError
from planner._tables import listed
from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, cached
from planner.sources._national import checked, chunks, numbers, tables_of

URL = "https://www.insee.fr/fr/statistiques/fichier/6454652/base-ccc-emploi-pop-active-2019.zip"
SOURCE = "Insee, recensement de la population, emploi et population active"
LICENCE = "Licence Ouverte 2.0"

_YEARS = range(40, 5, -1)  # the newest of the file first
_COLUMNS = {
    "code": ("codgeo",),
    "jobs": tuple(f"p{year:02d}_emplt" for year in _YEARS),
    "workers": tuple(f"p{year:02d}_actocc" for year in _YEARS),
}
_WHAT = "table of jobs by commune (CODGEO, P.._EMPLT, P.._ACTOCC)"


def fetch(
    folder: Path | str,
    *,
    url: str = URL,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Fetch the jobs of the whole country into a cache.

    Parameters and result are those of `planner.sources.filosofi.fetch`.
    """
    path = Path(folder) / f"jobs-{url.rsplit('/', 1)[-1]}"
    by_hand = (
        "Download it by hand (insee.fr, “Emploi - Activité”, base communale) and save it as "
        f"{path}, or give it as --file jobs=FILE."
    )
    return cached(Request(url, by_hand), path, check=check, polite=polite, progress=progress)


def check(path: Path) -> None:
    """Refuse a file that is no table of jobs, by its headers."""
    checked(path, what=_WHAT, columns=_COLUMNS)


def read(path: Path | str, codes: Collection[str], *, around: Collection[str] = ()) -> pd.DataFrame:
    """Read the jobs of some communes, and their residents who have one.

    Parameters
    ----------
    path
        CSV or Parquet of INSEE, plain or packed.
    codes
        Codes of the communes.
    around
        Codes of others, read where the file has them.

    Returns
    -------
    DataFrame
        Columns code, jobs, workers, sorted by code.

    Raises
    ------
    InputError
        When the file is damaged, is no such table, or lacks a commune.
    """
    parts = []
    with tables_of(path, what=_WHAT, columns=_COLUMNS) as tables:
        for table in tables:
            for chunk in chunks(table):
                kept = chunk[chunk["code"].isin({*codes, *around})]
                counts = {name: numbers(kept, name, table) for name in ("jobs", "workers")}
                parts.append(kept[["code"]].assign(**counts))
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=["code", "jobs", "workers"])
    missing = sorted(set(codes) - set(frame["code"]))
    twice = sorted(set(frame.loc[frame["code"].duplicated(), "code"]))
    if missing or twice:
        fault = (
            f"no row for communes {listed(missing)}. Do the years of the files agree?"
            if missing
            else f"communes on several rows: {listed(twice)}. Keep one."
        )
        raise InputError(f"{path}: {fault}")
    return frame.sort_values("code", ignore_index=True)
