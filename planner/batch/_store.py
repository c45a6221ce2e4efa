"""Where runs are written: a folder, or a place that fsspec knows (s3://, gs://, memory://…)."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from planner._errors import InputError
from planner._files import replacing

RECORD = "run.json"
"""The last file of a run: a run without it, or whose files are not those it names, is not done."""

FORMAT = "planner-run-1"
_STAGING = ".encours"


class Store(Protocol):
    """A place that holds runs, each in a folder of its own."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""

    def put(self, run: str, files: Mapping[str, bytes]) -> None:
        """Write the files of a run; :data:`RECORD` comes last."""

    def tidy(self) -> None:
        """Remove what interrupted runs left half written."""


def open_store(where: str | Path) -> Store:
    """Return the store at a path or a URL.

    Parameters
    ----------
    where
        A folder, made when missing; or a URL, for which fsspec and what it needs are installed.

    Raises
    ------
    InputError
        When it is a file, or a URL that cannot be reached.
    """
    if "://" in str(where):
        return _Remote(str(where))
    folder = Path(where)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give the name of a folder with --out.")
    return _Folder(folder)


def is_done(store: Store, run: str, *, digest: str) -> bool:
    """Return whether a run is there, whole: asked the same, and every file as it was written.

    Parameters
    ----------
    store
        Where it would be.
    run
        Its name.
    digest
        Of what is asked.
    """
    content = record(store, run)
    if content is None or content.get("digest") != digest:
        return False
    files = content.get("files")
    if not isinstance(files, dict) or not files:
        return False
    return all(_is(store.read(f"{run}/{name}"), sha) for name, sha in files.items())


def record(store: Store, run: str) -> dict[str, Any] | None:
    """Return what the record of a run says, None where there is none that can be read.

    Parameters
    ----------
    store
        Where it would be.
    run
        Its name.
    """
    try:
        content = json.loads(store.read(f"{run}/{RECORD}") or b"null")
    except (ValueError, RecursionError):
        return None
    sound = isinstance(content, dict) and content.get("format") == FORMAT
    return content if sound else None


def sealed(files: Mapping[str, bytes], about: Mapping[str, object]) -> dict[str, bytes]:
    """Return the files of a run with its record, the last of them.

    Parameters
    ----------
    files
        Contents by name.
    about
        What was asked.
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    told = {"format": FORMAT, **about, "files": dict(sorted(digests.items()))}
    text = json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return {**files, RECORD: text.encode()}


def _is(content: bytes | None, sha256: object) -> bool:
    return content is not None and hashlib.sha256(content).hexdigest() == sha256


class _Folder:
    """A folder of this machine, or one that all workers see."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        path = self._folder / name
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        with replacing(self._folder / name) as temporary:
            temporary.write_bytes(content)

    def put(self, run: str, files: Mapping[str, bytes]) -> None:
        """Write beside, then rename: a run folder is there whole, or not at all."""
        staging = self._folder / _STAGING
        staging.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=staging, prefix=f"{run}-"))
        try:
            whole = fresh / "run"
            whole.mkdir()  # with the rights of any folder; mkdtemp gives those of its owner alone
            for name, content in files.items():
                (whole / name).write_bytes(content)
            old = self._folder / run
            if old.exists():
                old.rename(fresh / "old")
            whole.rename(old)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def tidy(self) -> None:
        shutil.rmtree(self._folder / _STAGING, ignore_errors=True)


class _Remote:
    """A place that fsspec knows: no renaming there, so the record comes last."""

    def __init__(self, url: str) -> None:
        try:
            url_to_fs: Callable[[str], tuple[Any, str]] = import_module("fsspec.core").url_to_fs
            self._files, self._root = url_to_fs(url)
        except ImportError as error:
            raise InputError(
                f"{url}: {error}. Install what the URL needs: pip install 'planner[cluster]', and "
                "the library of its protocol (s3fs, gcsfs, adlfs…)."
            ) from error
        except ValueError as error:
            raise InputError(f"{url}: {error}.") from error

    def read(self, name: str) -> bytes | None:
        try:
            return bytes(self._files.cat_file(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, content)

    def put(self, run: str, files: Mapping[str, bytes]) -> None:
        path = f"{self._root}/{run}"
        if self._files.exists(path):
            self._files.rm(path, recursive=True)
        for name, content in files.items():
            self.write(f"{run}/{name}", content)

    def tidy(self) -> None:
        """Leave it: nothing is half written that is not written again."""
