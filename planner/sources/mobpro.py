"""Commuting from INSEE's census, the detail file MOBPRO (Licence Ouverte).

One row a person with a job, 8 million of them: the commune of home, that of work, and a weight
whose every decimal counts. The file is read in chunks, as text, and summed by pair. INSEE warns
that flows under 200 workers are imprecise: the note says how many workers they hold.
"""

import math
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.sources import cog
from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, cached
from planner.sources._national import checked, chunks, numbers, tables_of

URL = "https://www.insee.fr/fr/statistiques/fichier/6456056/RP2019_mobpro_csv.zip"
SOURCE = "Insee, recensement de la population, MOBPRO"
LICENCE = "Licence Ouverte 2.0"

IMPRECISE = 200.0
"""Flows of fewer workers are imprecise, says INSEE."""

ABROAD = "99999"
"""The commune of work of those who work abroad."""

_COLUMNS = {
    "home": ("commune",),
    "work": ("dclt",),
    "abroad": ("dcflt",),
    "weight": ("ipondi",),
}
_OPTIONAL = ("abroad",)
_WHAT = "MOBPRO table"
_CODE = r"\d{5}|\d[AB]\d{3}"


class Flows(NamedTuple):
    """Who lives where and works where.

    Attributes
    ----------
    frame
        Columns home, work (commune codes; work is `ABROAD` abroad), workers (float), sorted.
    note
        What was kept, and how much of it is imprecise, in French, for the register.
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
    """Fetch the commuters of the whole country into a cache.

    Parameters and result are those of `planner.sources.filosofi.fetch`.
    """
    path = Path(folder) / f"mobpro-{url.rsplit('/', 1)[-1]}"
    by_hand = (
        "Download it by hand (insee.fr, “Mobilités professionnelles”, fichier détail) and save it "
        f"as {path}, or give it as --file mobpro=FILE."
    )
    return cached(Request(url, by_hand), path, check=check, polite=polite, progress=progress)


def check(path: Path) -> None:
    """Refuse a file that is no MOBPRO, by the headers of its tables."""
    checked(path, what=_WHAT, columns=_COLUMNS, optional=_OPTIONAL)


def read(path: Path | str, codes: Collection[str]) -> Flows:
    """Read the commuters who live or work in some communes.

    Parameters
    ----------
    path
        CSV or Parquet of INSEE, plain or packed.
    codes
        Codes of the communes.

    Returns
    -------
    Flows
        One row a pair of communes.

    Raises
    ------
    InputError
        When the file is damaged, is no such table, holds a weight that is no number, or has
        nobody of these communes.
    """
    parts = []
    old: list[pd.Series] = []
    with tables_of(path, what=_WHAT, columns=_COLUMNS, optional=_OPTIONAL) as tables:
        for table in tables:
            for chunk in chunks(table):
                ends = {name: cog.today(chunk[name]) for name in ("home", "work")}
                now = chunk.assign(**ends, own_home=chunk["home"], own_work=chunk["work"])
                kept = now[now["home"].isin(codes) | now["work"].isin(codes)]
                strange = ~kept["home"].str.fullmatch(_CODE)
                if strange.any():
                    row, code = kept.loc[strange, ["row", "home"]].iloc[0]
                    raise InputError(
                        f"{table.where}: row {row}, column “{table.names['home']}”: “{code[:20]}” "
                        "is not a commune code. Codes are text, as 01001."
                    )
                rows = kept[["home", "work"]].assign(workers=numbers(kept, "weight", table))
                parts.append(_at_home(rows, kept))
                old += [kept["own_home"], kept["own_work"]]
    pairs = pd.concat(parts) if parts else pd.DataFrame(columns=["home", "work", "workers"])
    if pairs.empty:
        raise InputError(f"{path}: nobody lives or works in these communes. Do the years agree?")
    sums = pairs.groupby(["home", "work"])["workers"].agg(math.fsum)  # whatever the order of rows
    frame: pd.DataFrame = sums.reset_index()
    merged = cog.moved_note(pd.concat(old))
    return Flows(frame, f"{_note(frame, set(codes))} {merged}".strip())


def _at_home(rows: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose commune of work is a code: `ABROAD` for those who work abroad."""
    away = ~rows["work"].str.fullmatch(_CODE)
    if "abroad" in kept:
        away |= ~kept["abroad"].isin(["", ABROAD])
    return rows.assign(work=np.where(away, ABROAD, rows["work"]))


def _note(frame: pd.DataFrame, codes: set[str]) -> str:
    living = frame[frame["home"].isin(codes)]
    small = frame["workers"] < IMPRECISE
    share = frame.loc[small, "workers"].sum() / max(frame["workers"].sum(), 1e-9)
    inside = living.loc[living["work"].isin(codes), "workers"].sum()
    return (
        f"{living['workers'].sum():.0f} actifs résidents, dont {inside:.0f} travaillent dans le "
        f"territoire. {small.sum()} flux sur {len(frame)} comptent moins de {IMPRECISE:.0f} actifs "
        f"({100 * share:.0f} % des actifs) : imprécis selon l’Insee."
    )
