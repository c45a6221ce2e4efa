"""The language of what readers see: French as it is written in the code, or a catalogue's words.

The French text is the key. Catalogues are PO files of :mod:`planner.assets`, read by Babel; a text
without a translation stays French, and a test refuses that there is one.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from typing import Literal, get_args

from babel.messages.pofile import read_po

from planner._errors import InputError

Language = Literal["fr", "en"]

_NOW: ContextVar[Language] = ContextVar("language", default="fr")


def current() -> Language:
    """Return the language that readers are now written to in."""
    return _NOW.get()


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Write to readers in a language, within this block and this thread alone.

    Parameters
    ----------
    language
        ``fr`` or ``en``.

    Raises
    ------
    InputError
        When there is no catalogue for it.

    Examples
    --------
    >>> with speaking("en"):
    ...     current(), say("Légende")
    ('en', 'Legend')
    """
    if language not in get_args(Language):
        raise InputError(f"language {language!r}: choose one of {', '.join(get_args(Language))}.")
    before = _NOW.set(language)
    try:
        yield
    finally:
        _NOW.reset(before)


def say(text: str) -> str:
    """Return a French text of this package in the reader's language.

    Parameters
    ----------
    text
        A literal, so that catalogues can be checked; numbers and names go into its ``{braces}``
        afterwards, by :meth:`str.format`.

    Examples
    --------
    >>> say("Légende")
    'Légende'
    """
    return text if _NOW.get() == "fr" else catalogue(_NOW.get()).get(text, text)


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """Return the words of a language by the French ones; nothing for French.

    Parameters
    ----------
    language
        ``fr`` or ``en``.
    """
    if language == "fr":
        return {}
    raw = resources.files("planner").joinpath("assets", f"{language}.po").read_bytes()
    return {
        str(message.id): str(message.string)
        for message in read_po(io.BytesIO(raw), locale=language)
        if message.id and message.string
    }
