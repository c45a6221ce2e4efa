"""Opening what publishers pack: zip, 7z, and 7z inside zip, within bounds and never by name.

Sizes are read from the archive's list before anything is unpacked, and counted again while it is:
a bomb is refused either way. Members are written under names of our own, so that none can land
elsewhere.
"""

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from planner._errors import InputError
from planner._files import existing_file
from planner._tables import listed

MAX_BYTES = 8_000_000_000
"""Largest total unpacked, in bytes: the 200 m grid of France is about one milliard."""

MAX_MEMBERS = 1_000
"""Most members accepted in one archive."""

PACKED = (".zip", ".7z")
_ZIP, _7Z = (b"PK\x03\x04", b"PK\x05\x06"), b"7z\xbc\xaf\x27\x1c"
_CHUNK = 1 << 20
# All that zipfile and py7zr raise for an archive that is damaged, encrypted, or packed in a way
# that they do not read.
_DAMAGE = (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)


class NeedsPackageError(InputError):
    """The file may be sound: reading it takes a package that is not installed."""


class Member(NamedTuple):
    """One file unpacked: the name it had, and where it is now."""

    name: str
    path: Path


def is_packed(path: Path) -> bool:
    """Return whether a file is a zip or a 7z, by what it begins with."""
    return _begins(path, (*_ZIP, _7Z))


def _begins(path: Path, starts: tuple[bytes, ...]) -> bool:
    with path.open("rb") as file:
        return file.read(6).startswith(starts)


@contextlib.contextmanager
def opened(
    path: Path | str,
    *,
    suffixes: tuple[str, ...],
    what: str,
    max_bytes: int = MAX_BYTES,
) -> Iterator[list[Member]]:
    """Give the files of an archive that have a wanted suffix, unpacked for the time of the block.

    Parameters
    ----------
    path
        A zip, a 7z, a zip that holds 7z; or a plain file, given as it is.
    suffixes
        Wanted endings, in lower case, as ``.csv``.
    what
        What the file is to the user, for the messages.
    max_bytes
        Largest total unpacked, in bytes.

    Yields
    ------
    list of Member
        In the order of their names.

    Raises
    ------
    InputError
        When the archive is damaged, too large, or holds no file of that kind.
    """
    path = existing_file(path, what=what)
    if not is_packed(path):
        yield [Member(path.name, path)]
        return
    with tempfile.TemporaryDirectory(prefix="planner-") as folder:
        members = list(_unpacked(path, Path(folder), (*suffixes, *PACKED), max_bytes))
        packed = [m for m in members if m.name.lower().endswith(PACKED)]
        members = [m for m in members if m not in packed]
        for number, inner in enumerate(packed):
            inside = Path(folder) / f"inner-{number}"
            inside.mkdir()
            members += _unpacked(inner.path, inside, suffixes, max_bytes)
            inner.path.unlink()
        if not members:
            raise InputError(
                f"{path} ({what}): no file in it ends in {', '.join(suffixes)}. Is it the right "
                "archive?"
            )
        yield sorted(members)


def _unpacked(
    path: Path, folder: Path, suffixes: tuple[str, ...], max_bytes: int
) -> Iterator[Member]:
    unpack = _from_zip if _begins(path, _ZIP) else _from_7z
    try:
        yield from unpack(path, folder, suffixes, max_bytes)
    except InputError:
        raise
    except _DAMAGE as error:
        said = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}: damaged, or not an archive we can open ({said}). Download it again."
        ) from error


def _from_zip(
    path: Path, folder: Path, suffixes: tuple[str, ...], max_bytes: int
) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        entries = [(info.filename, info.file_size, info) for info in archive.infolist()]
        for number, (name, info) in enumerate(_wanted(path, entries, suffixes, max_bytes)):
            target = folder / f"{number}{Path(name).suffix.lower()}"
            with archive.open(info) as source, target.open("wb") as sink:
                _copy(source, sink, limit=info.file_size, path=path)
            yield Member(name, target)


def _from_7z(
    path: Path, folder: Path, suffixes: tuple[str, ...], max_bytes: int
) -> Iterator[Member]:
    try:
        import py7zr  # noqa: PLC0415 - an extra: only those with a 7z need it
    except ImportError as error:
        raise NeedsPackageError(
            f"{path}: reading 7z takes one more package: pip install 'planner[sevenzip]'. Or "
            "unpack it by hand, and give the file that was inside."
        ) from error
    try:
        with py7zr.SevenZipFile(path) as archive:
            entries = [
                (info.filename, info.uncompressed, info)
                for info in archive.list()
                if not info.is_directory
            ]
            wanted = _wanted(path, entries, suffixes, max_bytes)
            names = [name for name, _ in wanted]
            if any(Path(name).is_absolute() or ".." in Path(name).parts for name in names):
                raise InputError(f"{path}: a member's name leads outside the archive.")
            inside = folder / "7z"
            archive.extract(inside, targets=names)
    except py7zr.exceptions.ArchiveError as error:
        raise InputError(
            f"{path}: damaged, or not an archive we can open ({error}). Download it again."
        ) from error
    for number, name in enumerate(names):
        target = folder / f"{number}{Path(name).suffix.lower()}"
        shutil.move(inside / name, target)
        yield Member(name, target)


def _wanted(
    path: Path, entries: list[tuple[str, int, Any]], suffixes: tuple[str, ...], max_bytes: int
) -> list[tuple[str, Any]]:
    """Return the members to unpack, after counting all of them and measuring those."""
    if len(entries) > MAX_MEMBERS:
        raise InputError(f"{path}: {len(entries):,} members, above the {MAX_MEMBERS:,} accepted.")
    kept = [entry for entry in entries if entry[0].lower().endswith(suffixes)]
    total = sum(size for _, size, _ in kept)
    if total > max_bytes:
        names = listed([name for name, _, _ in kept])
        raise InputError(
            f"{path}: {total:,} bytes once unpacked ({names}), above the {max_bytes:,} accepted. "
            "Give only the file of the territory."
        )
    return [(name, info) for name, _, info in kept]


def _copy(source: IO[bytes], sink: IO[bytes], *, limit: int, path: Path) -> None:
    """Copy a member, and refuse it when it is larger than the archive's list says."""
    size = 0
    read: Callable[[int], bytes] = source.read
    while chunk := read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise InputError(f"{path}: a member is larger than the archive says. Damaged.")
        sink.write(chunk)
