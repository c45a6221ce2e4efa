"""Numbers as a reader writes them: `12 345,6`, `87,4 %`, `1 234 567 €`, or `12,345.6` in English.

Every number shown to a reader passes here, so that a browser's own language never decides.
Thousands are parted by a narrow no-break space (U+202F); `%`, `€` and units follow a no-break
space (U+00A0). What is missing or infinite reads "n. d." (non disponible).
"""

import datetime as dt
import math
from typing import NamedTuple

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from planner._language import current, say

UNKNOWN = "n.\N{NO-BREAK SPACE}d."
_LOCALES = {"fr": "fr", "en": "en_GB"}
_PERCENTS = {"fr": "\N{NO-BREAK SPACE}%", "en": "%"}
_EUROS = {"fr": "#,##0\N{NO-BREAK SPACE}¤", "en": "¤#,##0"}


class Figure(NamedTuple):
    """A headline figure as a reader sees it, and how far it may be off, in words."""

    label: str
    value: str
    doubt: str = ""


def number(value: float, *, decimals: int = 0) -> str:
    """Return `value` with a decimal comma and parted thousands.

    Parameters
    ----------
    value
        The number; missing or infinite gives "n. d.".
    decimals
        Digits after the comma, always all of them.

    Returns
    -------
    str
        The text; a value that rounds to nothing has no minus sign.

    Examples
    --------
    >>> number(12345.64, decimals=1).replace("\N{NARROW NO-BREAK SPACE}", " ")
    '12 345,6'
    >>> number(-0.2)
    '0'
    """
    value = float(value)
    if not math.isfinite(value):
        return say(UNKNOWN)
    rounded = round(value, decimals) + 0.0  # -0.0 + 0.0 is 0.0
    return format_decimal(rounded, format=_pattern(decimals), locale=_LOCALES[current()])


def signed(value: float, *, decimals: int = 0) -> str:
    """Return a difference with its sign, and none where it rounds to nothing.

    Examples
    --------
    >>> signed(1.26, decimals=1), signed(-3.0), signed(0.2)
    ('+1,3', '-3', '0')
    """
    text = number(value, decimals=decimals)
    return f"+{text}" if round(value, decimals) > 0 else text


def percent(share: float, *, decimals: int = 1) -> str:
    """Return a share as a percentage that never rounds up to all, nor down to none.

    Parameters
    ----------
    share
        Between 0 and 1, as a rule; missing gives "n. d.".
    decimals
        Digits after the comma.

    Returns
    -------
    str
        The text. 0,9999 reads `99,9 %`, as some are left out; only 1 reads `100 %`.

    Examples
    --------
    >>> [percent(share).replace("\N{NO-BREAK SPACE}", " ") for share in (0.874, 0.9999, 1, 0)]
    ['87,4 %', '99,9 %', '100 %', '0 %']
    """
    share = float(share)
    if not math.isfinite(share):
        return say(UNKNOWN)
    shown = _kept_apart(share, decimals)
    digits = 0 if shown in {0, 1} else decimals
    pattern = f"{_pattern(digits)}{_PERCENTS[current()]}"
    return format_percent(shown, format=pattern, locale=_LOCALES[current()])


def percentage(share: float, *, decimals: int = 1) -> str:
    """Return what :func:`percent` says for a cell whose heading has the `%`; missing is empty.

    Examples
    --------
    >>> [percentage(share) for share in (0.874, 0.9999, 1)]
    ['87,4', '99,9', '100,0']
    """
    share = float(share)
    if not math.isfinite(share):
        return ""
    return f"{100 * _kept_apart(share, decimals):.{decimals}f}".replace(".", ",")


def people(count: float) -> str:
    """Return a number of inhabitants in words that agree with it.

    Examples
    --------
    >>> [people(count).replace("\N{NO-BREAK SPACE}", " ") for count in (0, 0.4, 1.2, 2)]
    ['0 habitant', 'moins d’un habitant', '1 habitant', '2 habitants']
    """
    told = headcount(count)
    if 0 < count < 1 or not math.isfinite(count):
        return told
    word = say("habitants") if round(count) > 1 else say("habitant")
    return f"{told}\N{NO-BREAK SPACE}{word}"


def headcount(count: float) -> str:
    """Return a number of inhabitants where the heading says what is counted.

    Examples
    --------
    >>> [headcount(count) for count in (0, 0.4, 12.4)]
    ['0', 'moins d’un habitant', '12']
    """
    return say("moins d’un habitant") if 0 < count < 1 else number(count)


def euros(value: float) -> str:
    """Return an amount in whole euros.

    Examples
    --------
    >>> euros(1234567).replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{NO-BREAK SPACE}", " ")
    '1 234 567 €'
    """
    if not math.isfinite(value):
        return say(UNKNOWN)
    return format_currency(
        round(value) + 0,
        "EUR",
        format=_EUROS[current()],
        locale=_LOCALES[current()],
        currency_digits=False,
    )


def minutes(value: float) -> str:
    """Return a time in minutes, with as many decimals as it needs and two at most.

    Examples
    --------
    >>> [minutes(value).replace("\N{NO-BREAK SPACE}", " ") for value in (10.0, 12.5, 10.04)]
    ['10 min', '12,5 min', '10,04 min']
    """
    value = round(float(value), 2)
    if not math.isfinite(value):
        return say(UNKNOWN)
    decimals = next(n for n in (0, 1, 2) if round(value, n) == value)
    return f"{number(value, decimals=decimals)}\N{NO-BREAK SPACE}min"


def day(value: dt.date) -> str:
    """Return a date in words.

    Examples
    --------
    >>> day(dt.date(2026, 3, 1))
    '1 mars 2026'
    """
    return format_date(value, format="d MMMM y", locale=_LOCALES[current()])


def _kept_apart(share: float, decimals: int) -> float:
    """Return a share rounded, but never up to all, nor down to none."""
    least = 10.0 ** -(decimals + 2)
    rounded = round(share, decimals + 2)
    return min(max(rounded, least), 1 - least) if 0 < share < 1 else rounded


def _pattern(decimals: int) -> str:
    return "#,##0" + ("." + "0" * decimals if decimals else "")
