"""Communes that are part of another today: from a code of any year to the code of now.

The table is that of the Code officiel géographique as Etalab publishes it (Licence Ouverte 2.0):
every code a commune once had, its commune of 2026, and its name where it is still that of a
*commune déléguée* or *associée*. It says no year, and none is guessed: a code that is a commune's
own today is never moved.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

YEAR = 2026
"""The year whose communes are those of now."""


class Communes(NamedTuple):
    """The communes that others became part of.

    Attributes
    ----------
    heads
        Today's code, by each code that is no longer a commune's.
    names
        Today's name, by today's code.
    parts
        The name that a part has of its own, by its old code; also that of the part whose code is
        the whole's today, where it is another name.
    """

    heads: Mapping[str, str]
    names: Mapping[str, str]
    parts: Mapping[str, str]


@cache
def communes() -> Communes:
    """Return the table of communes that others became part of.

    Examples
    --------
    >>> found = communes()
    >>> found.heads["69211"], found.names["69019"], found.parts["69019"]
    ('69019', 'Belleville-en-Beaujolais', 'Belleville')
    """
    text = (files("planner") / "assets" / "merged-communes.csv").read_text("utf-8")
    heads, names, parts = {}, {}, {}
    for row in csv.DictReader(text.splitlines()):
        code, head, name = row["code"], row["head"], row["name"]
        if not head:
            names[code] = name
            continue
        if code != head:
            heads[code] = head
        if name:
            parts[code] = name
    return Communes(*map(MappingProxyType, (heads, names, parts)))


def moved_note(codes: pd.Series) -> str:
    """Return how many codes are of communes merged since, in French for the register; "" if none.

    Examples
    --------
    >>> moved_note(pd.Series(["69251", "69135"])), moved_note(pd.Series(["69135"]))
    ('1 code de commune regroupée depuis, remplacé par celui de la commune de 2026.', '')
    """
    count = int(codes.isin(communes().heads).sum())
    if not count:
        return ""
    s = "s" if count > 1 else ""
    return (
        f"{count} code{s} de commune{s} regroupée{s} depuis, remplacé{s} par celui de la commune "
        f"de {YEAR}."
    )


def today(codes: pd.Series) -> pd.Series:
    """Return the codes of now; those that are a commune's today, or no commune's, stay.

    Parameters
    ----------
    codes
        Codes of communes, text.

    Returns
    -------
    Series
        On the same index.

    Examples
    --------
    >>> today(pd.Series(["69251", "69135", "2A004", "r42", ""])).tolist()
    ['69135', '69135', '2A004', 'r42', '']
    """
    heads = communes().heads
    return codes.map(lambda code: heads.get(code, code))
