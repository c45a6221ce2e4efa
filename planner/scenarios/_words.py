"""What every key of a scenario means, in French, and values as readers write them.

The file that `planner scenario new` writes and the schema that editors read both take their words
from a table, `assets/scenario-keys.csv`: one sentence a key, its unit, and an example of TOML where
the default says nothing.
"""

import csv
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from planner import _format
from planner.assumptions import STATUS_WORDS, Assumption


class Word(NamedTuple):
    """What a key means.

    Attributes
    ----------
    section
        Where it stands among the others.
    key
        Of the scenario.
    unit
        Of its value; "" where it has none.
    example
        A value as TOML has it, or a line of a table; "" where the default is example enough.
    sentence
        In French.
    """

    section: str
    key: str
    unit: str
    example: str
    sentence: str


def _shipped() -> dict[str, Word]:
    text = (files("planner") / "assets" / "scenario-keys.csv").read_text("utf-8")
    return {row["key"]: Word(**row) for row in csv.DictReader(text.splitlines())}


WORDS: Mapping[str, Word] = MappingProxyType(_shipped())
"""By key, in the order of the sections."""

SEVERAL: Mapping[str, str] = MappingProxyType(
    {
        "scenario": "Chaque [[scenario]] est ce qui précède, avec un nom et des clés changées.",
        "sweep": "Une grille : chaque scénario, avec toutes les combinaisons de ces valeurs.",
    }
)
"""The tables that make a file hold several scenarios."""


def value_in_words(value: object) -> str:
    """Return a value of a scenario as a French reader writes it.

    Parameters
    ----------
    value
        Of any key.

    Examples
    --------
    >>> value_in_words(8.5), value_in_words(True), value_in_words(()), value_in_words((8, 10))
    ('8,5', 'oui', 'rien', '8 ; 10')
    """
    if value is None or value in ((), []):
        return "rien"
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, int | float):
        decimals = next((n for n in range(7) if round(value, n) == value), 6)
        return _format.number(value, decimals=decimals)
    if isinstance(value, tuple | list):
        return " ; ".join(value_in_words(item) for item in value)
    return str(value)


def origin(row: Assumption) -> str:
    """Return the range that an assumption is argued in, its status and its source, in words.

    Parameters
    ----------
    row
        Of :data:`planner.assumptions.DEFAULTS`.

    Examples
    --------
    >>> from planner.assumptions import DEFAULTS
    >>> origin(DEFAULTS["structuring_min"])
    'de 15 à 25 (sourcé : pré-étude Coop-connect, 2019)'
    """
    low, high = value_in_words(row.low), value_in_words(row.high)
    span = f"de {low} à {high}" if row.low < row.high else f"toujours {low}"
    return f"{span} ({STATUS_WORDS[row.status]} : {row.source}, {row.year})"
