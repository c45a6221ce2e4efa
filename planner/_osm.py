"""The one place where an OpenStreetMap file is opened, so that a bad one is refused by name."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import osmium

from planner._errors import InputError
from planner._files import existing_file

SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
# What libosmium's reader raises; ValueError is an id too long or a text that is not UTF-8.
_DAMAGE = (RuntimeError, OSError, ValueError, osmium.InvalidLocationError)


def checked_path(path: Path | str) -> Path:
    """Return the path of an OpenStreetMap file that exists and has a suffix we read."""
    path = existing_file(path, what="OpenStreetMap file")
    if not path.name.endswith(SUFFIXES):  # libosmium, too, reads the format from the name
        raise InputError(
            f"{path}: not a name we read as OpenStreetMap data; expected one of "
            f"{', '.join(SUFFIXES)}."
        )
    return path


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what pyosmium raises on a damaged file into one InputError that names it."""
    try:
        yield
    except _DAMAGE as error:
        cause = re.sub(r"\s+", " ", str(error)).strip()
        raise InputError(
            f"{path}: truncated, or not OpenStreetMap data ({cause}). Download it again."
        ) from error
