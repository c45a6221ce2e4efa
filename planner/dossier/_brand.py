"""Whose dossier it is: the name, the colour and the logo that its pages carry."""

import base64
import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path

from planner._errors import InputError
from planner._files import existing_file

_CONTRAST_MIN = 4.5  # WCAG 2.1, AA: text of this colour on white, and white text on it
_LOGO_MOST_BYTES = 300_000
_IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True, kw_only=True)
class Brand:
    """Whose dossier it is.

    Attributes
    ----------
    name
        Of the EPCI, as its pages carry it; that of the territory when empty.
    colour
        ``#rrggbb``, dark enough to be read on white.
    logo
        A PNG or JPEG image, or None.
    date
        Of the commission, or None: outputs carry no other date than those of their sources.
    """

    name: str = ""
    colour: str = "#0b4f6c"
    logo: bytes | None = field(default=None, repr=False)
    date: dt.date | None = None

    def __post_init__(self) -> None:
        """Refuse a colour that cannot be read, and an image that is none."""
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise InputError(f"colour {self.colour!r}: write it #rrggbb, such as #0b4f6c.")
        ratio = contrast_with_white(self.colour)
        if ratio < _CONTRAST_MIN:
            raise InputError(
                f"colour {self.colour}: contrast with white {ratio:.2f}, {_CONTRAST_MIN} is the "
                "least that can be read. Choose a darker one."
            )
        if self.logo is not None:
            _ = self.logo_type

    @property
    def logo_type(self) -> str:
        """Media type of the logo."""
        for start, kind in _IMAGES.items():
            if self.logo is not None and self.logo.startswith(start):
                return kind
        raise InputError("logo: neither a PNG nor a JPEG image. Save it as PNG.")

    @property
    def logo_address(self) -> str:
        """The logo as a `data:` address; empty where there is none."""
        if self.logo is None:
            return ""
        return f"data:{self.logo_type};base64,{base64.b64encode(self.logo).decode()}"


def read_logo(path: Path | str) -> bytes:
    """Return the image of a file.

    Parameters
    ----------
    path
        A PNG or JPEG file.

    Returns
    -------
    bytes
        As :class:`Brand` takes it.

    Raises
    ------
    InputError
        When there is no such file, or it is too large for a page.
    """
    path = existing_file(path, what="logo")
    size = path.stat().st_size
    if size > _LOGO_MOST_BYTES:
        raise InputError(
            f"{path}: {size:,} bytes, more than {_LOGO_MOST_BYTES:,}; every page carries it. "
            "Save it smaller."
        )
    return path.read_bytes()


def contrast_with_white(colour: str) -> float:
    """Return the contrast of a colour with white, as WCAG 2.1 measures it: from 1 to 21.

    Parameters
    ----------
    colour
        ``#rrggbb``.

    Examples
    --------
    >>> round(contrast_with_white("#000000")), round(contrast_with_white("#0072B2"), 2)
    (21, 5.19)
    """
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        level / 12.92 if level <= 0.03928 else ((level + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
        for level in levels
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
