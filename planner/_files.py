"""Honest readers and whole writes: what every file passes through, in or out."""

import contextlib
import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pyogrio

from planner._errors import InputError

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_CLOCK = {"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"}
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10))}


def existing_file(path: Path | str, *, what: str) -> Path:
    """Return `path` as a Path, or refuse with a message that names it.

    Parameters
    ----------
    path
        Where the file should be.
    what
        What the file is to the user, for the message.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        When there is no such file, or it is empty.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{what} not found: {path}. Check the path and its spelling.")
    if path.stat().st_size == 0:
        raise InputError(f"{what} is empty: {path}. Download or export it again.")
    return path


def digest(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place only when the block succeeds.

    A reader never sees half a file: the rename is atomic, and on any error the temporary file
    is removed and the old one stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        temporary.unlink()  # some writers (GDAL) refuse a file that exists
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def fixed_clock() -> Iterator[None]:
    """Have GDAL write one date whatever the day, so that the same layers are the same bytes."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in _CLOCK}
    pyogrio.set_gdal_config_options(_CLOCK)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def slug(text: str, *, longest: int = 80) -> str:
    """Return a name that is safe as a file or folder name on every system.

    Examples
    --------
    >>> slug("Saône-Beaujolais / scénario n° 2")
    'saone-beaujolais-scenario-n-2'
    >>> slug("../CON")
    'con-1'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:longest].strip("-")
    if not name or name in _RESERVED:
        return f"{name or 'sans-nom'}-1"
    return name


def safe_cell(value: object) -> object:
    """Return a cell that a spreadsheet shows as text and never runs as a formula.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell(-3.5), safe_cell("Mâcon")
    ("'=1+1", -3.5, 'Mâcon')
    """
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
