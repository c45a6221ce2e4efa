"""Every default the planner uses, with where it comes from, and how to change one.

A figure is ``sourced`` (published), ``derived`` (arithmetic on published figures) or an
``assumption`` (ours, to be argued about). Outputs print the status beside the figure, so that an
assumption is never read as a fact. The figures themselves are a table, `assets/assumptions.csv`.
"""

import csv
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import pandas as pd

from planner._errors import InputError

Status = Literal["sourced", "derived", "assumption"]
Level = Literal["low", "value", "high"]
STATUS_WORDS: Mapping[str, str] = MappingProxyType(
    {"sourced": "sourcé", "derived": "calculé", "assumption": "hypothèse"}
)
_COLUMNS = (
    "clé", "libellé", "valeur", "bas", "haut", "unité", "année", "source", "adresse", "statut",
)  # fmt: skip


@dataclass(frozen=True)
class Assumption:
    """One default.

    Attributes
    ----------
    key
        Its name, with the unit in it.
    label
        What it is, in French.
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
    label: str
    value: float
    low: float
    high: float
    unit: str
    year: int
    source: str
    url: str
    status: Status


def _shipped() -> dict[str, Assumption]:
    text = (files("planner") / "assets" / "assumptions.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {
        row["key"]: Assumption(
            row["key"], row["label"], float(row["value"]), float(row["low"]), float(row["high"]),
            row["unit"], int(row["year"]), row["source"], row["url"], _status(row["status"]),
        )
        for row in rows
    }  # fmt: skip


def _status(text: str) -> Status:
    known: tuple[Status, ...] = ("sourced", "derived", "assumption")
    return next(status for status in known if status == text)


DEFAULTS: Mapping[str, Assumption] = MappingProxyType(_shipped())


def table() -> pd.DataFrame:
    """Return every default as a table, one row a key.

    Examples
    --------
    >>> table().loc["mesh_min", ["unit", "status"]].tolist()
    ['min', 'sourced']
    """
    return pd.DataFrame([vars(row) for row in DEFAULTS.values()]).set_index("key")


def values(
    changes: Mapping[str, float] | None = None, *, level: Level = "value"
) -> Mapping[str, float]:
    """Return the figures by key, some of them changed.

    Parameters
    ----------
    changes
        Figures by key that take the place of the default at every level.
    level
        ``value`` for the defaults, ``low`` and ``high`` for the ends of their ranges.

    Returns
    -------
    Mapping[str, float]
        Read-only.

    Raises
    ------
    InputError
        When a key is unknown (the nearest is named), or a figure is no finite number, 0 or more.

    Examples
    --------
    >>> values({"co2_kg_km": 0.1})["co2_kg_km"], values(level="high")["peak_factor"]
    (0.1, 1.5)
    """
    changes = dict(changes or {})
    faults = [
        unknown_key(key) if key not in DEFAULTS else f"{key}={value!r}: a number, 0 or more"
        for key, value in changes.items()
        if key not in DEFAULTS or not 0 <= value < math.inf
    ]
    if faults:
        raise InputError(f"assumptions: {'; '.join(faults)}.")
    found = {key: float(getattr(row, level)) for key, row in DEFAULTS.items()}
    return MappingProxyType(found | {key: float(value) for key, value in changes.items()})


def used(keys: Iterable[str], changes: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return the figures that an output leans on, as its readers see them.

    Parameters
    ----------
    keys
        Of the figures.
    changes
        Figures that the user changed; they are the user's, whatever the default's status was.

    Returns
    -------
    DataFrame
        The columns of the sheet `Hypothèses`, in the order of the defaults, without the keys.
    """
    asked, changes = set(keys), dict(changes or {})
    rows = [
        (
            row.key, row.label, changes.get(row.key, row.value), row.low, row.high, row.unit,
            row.year, row.source, row.url,
            "modifié" if changes.get(row.key, row.value) != row.value else STATUS_WORDS[row.status],
        )
        for row in DEFAULTS.values()
        if row.key in asked
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def unknown_key(key: str) -> str:
    """Return what to say of a key that is none, with the nearest that is.

    Parameters
    ----------
    key
        As it was given.
    """
    near = difflib.get_close_matches(key, DEFAULTS, n=1, cutoff=0.5)
    return f"unknown key {key!r}" + (f"; did you mean {near[0]}?" if near else "")
