"""Jobs, workers and their occupations by commune, from INSEE's census (base-cc-emploi-pop-active).

Occupations are of those aged 15 to 64, counted on a part of the forms: not whole numbers.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from planner._errors import InputError
from planner._tables import listed
from planner.sources import cog
from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, cached
from planner.sources._national import checked, chunks, numbers, tables_of
from planner.sources.tables import OCCUPATIONS

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
_GROUPS = {"farmers": 1, "craft": 2, "cadres": 3, "intermediate": 4, "clerks": 5, "workers": 6}
_OCCUPATIONS = {"code": _COLUMNS["code"]} | {
    name: tuple(f"c{year:02d}_actocc1564_cs{group}" for year in _YEARS)
    for name, group in _GROUPS.items()
}


class Jobs(NamedTuple):
    """The jobs of communes, or those who have one by occupation.

    Attributes
    ----------
    frame
        Column code, sorted, and one a number.
    note
        How many rows were of communes merged since, in French; "" where none were.
    """

    frame: pd.DataFrame
    note: str


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


def read(path: Path | str, codes: Collection[str], *, around: Collection[str] = ()) -> Jobs:
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
    Jobs
        One row a commune of now: those of the communes it was made of are summed.

    Raises
    ------
    InputError
        When the file is damaged, is no such table, or lacks a commune.
    """
    return _counted(path, codes, what=_WHAT, columns=_COLUMNS, around=around)


def read_occupations(path: Path | str, codes: Collection[str]) -> Jobs:
    """Read the residents of some communes who have a job, by occupation.

    Parameters
    ----------
    path
        The same file as `read`; its columns C.._ACTOCC1564_CS1 to CS6.
    codes
        Codes of the communes.

    Returns
    -------
    Jobs
        Columns code and `planner.sources.tables.OCCUPATIONS`, sorted by code: people.

    Raises
    ------
    InputError
        When the file is damaged, lacks these columns (`planner.sources._national.OtherTableError`)
        or lacks a commune.
    """
    what = "table of occupations by commune (CODGEO, C.._ACTOCC1564_CS1 to CS6)"
    found = _counted(path, codes, what=what, columns=_OCCUPATIONS)
    return found._replace(frame=found.frame[["code", *OCCUPATIONS]])


def _counted(
    path: Path | str,
    codes: Collection[str],
    *,
    what: str,
    columns: Mapping[str, Sequence[str]],
    around: Collection[str] = (),
) -> Jobs:
    """Return the code and the numbers of some communes, each on one row, sorted by code."""
    parts = []
    counted = [name for name in columns if name != "code"]
    with tables_of(path, what=what, columns=columns) as tables:
        for table in tables:
            for chunk in chunks(table):
                now = chunk.assign(own=chunk["code"], code=cog.today(chunk["code"]))
                kept = now[now["code"].isin({*codes, *around})]
                counts = {name: numbers(kept, name, table) for name in counted}
                parts.append(kept[["code", "own"]].assign(**counts))
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=["code", "own", *counted])
    missing = sorted(set(codes) - set(frame["code"]))
    twice = sorted(set(frame.loc[frame["own"].duplicated(), "own"]))
    if missing or twice:
        fault = (
            f"no row for communes {listed(missing)}. Do the years of the files agree?"
            if missing
            else f"communes on several rows: {listed(twice)}. Keep one."
        )
        raise InputError(f"{path}: {fault}")
    sums: pd.DataFrame = frame.groupby("code")[counted].agg(math.fsum).reset_index()
    return Jobs(sums, cog.moved_note(frame["own"]))
