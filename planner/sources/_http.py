"""The one downloader: polite to servers, and whole files or nothing.

A server that is overloaded is asked again after the pause it names, or longer and longer ones;
tries, time and size are bounded. A page of HTML (a proxy's log-in, a portal's apology), an empty
answer and one cut on the way are never taken for data. `cached` keeps each file beside a note of
where it came from, when, and its SHA-256: a file that no longer matches is set aside and fetched
again, and one put there by hand, without a note, is taken once it has passed the same check.
"""

import hashlib
import json
import logging
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple

import requests

from planner._errors import InputError, NetworkError, PlannerError
from planner._files import digest, replacing

AGENT = "planner (rural coworking site planner)"

_log = logging.getLogger(__name__)
_RETRIED = frozenset((429, 500, 502, 503, 504))
_CHUNK = 1 << 18
_HTML = (b"<!doctype html", b"<html")
_DAY = 10  # characters of a date, as 2026-11-25

Check = Callable[[Path], None]
"""Raises a PlannerError on a file that is not the data asked for."""

Progress = Callable[[int, int], None]
"""Told the bytes received and those expected (0 when the server does not say)."""


@dataclass(frozen=True, kw_only=True)
class Polite:
    """How patient to be with a server.

    Attributes
    ----------
    tries
        Requests at most for one file; those refused for load or cut on the way are made again.
    timeout_s
        Seconds without a byte after which a request is given up.
    pause_s
        Seconds before the second request; each pause is twice the one before, or what the server
        asks for if that is longer.
    total_s
        Seconds in all for one file, pauses included.
    max_bytes
        Largest file accepted, in bytes.
    sleep, clock
        How to wait, and how to tell the time.
    """

    tries: int = 4
    timeout_s: float = 60.0
    pause_s: float = 5.0
    total_s: float = 1800.0
    max_bytes: int = 4_000_000_000
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


POLITE = Polite()


class Request(NamedTuple):
    """What to ask for.

    Attributes
    ----------
    url
        Address, with its query.
    by_hand
        How to get the same file without us: the end of every message.
    data
        Fields of a form to post; None for a plain GET.
    """

    url: str
    by_hand: str
    data: Mapping[str, str] | None = None


class SourceError(NetworkError):
    """A source that did not give its file: `reason` says why, the message also how to go on."""

    def __init__(self, request: Request, reason: str) -> None:
        super().__init__(f"{request.url}: {reason}. {request.by_hand}".removeprefix(": "))
        self.reason = reason


class Receipt(NamedTuple):
    """Where a file came from.

    Attributes
    ----------
    path
        The file.
    url
        Address it was asked from; "" when it was put there by hand.
    sha256
        Of its bytes, in hexadecimal.
    date
        The day the server says it answered, as 2026-11-25; "" when it does not.
    """

    path: Path
    url: str
    sha256: str
    date: str


class _AgainError(Exception):
    """A failure worth another try, and the seconds the server asks to wait before it."""

    def __init__(self, said: str, wait_s: float = 0.0) -> None:
        super().__init__(said)
        self.wait_s = wait_s


def download(
    request: Request,
    path: Path | str,
    *,
    check: Check,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Download a file; what lay at `path` is replaced only by a whole and checked one.

    Parameters
    ----------
    request
        What to ask for.
    path
        Where to store it.
    check
        Refuses what is not the data asked for.
    polite
        How patient to be.
    progress
        Told how much has come.

    Returns
    -------
    Receipt
        Where the file came from.

    Raises
    ------
    NetworkError
        When the server refused or failed for good, or sent something else; the message says what,
        and how to go on by hand.
    """
    with replacing(path) as temporary:
        receipt = _fetched(request, temporary, polite=polite, progress=progress)
        _checked(temporary, request, check)
    return receipt._replace(path=Path(path))


def cached(
    request: Request,
    path: Path | str,
    *,
    check: Check,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Return a file of the cache, downloaded if it is not there, or not what was stored.

    The note beside the file is written first, so that at any moment the pair is whole or is seen
    not to be. Parameters, result and errors are those of `download`.
    """
    path = Path(path)
    kept = _kept(path, check)
    if kept is not None:
        return kept
    with replacing(path) as temporary:
        receipt = _fetched(request, temporary, polite=polite, progress=progress)
        _checked(temporary, request, check)
        receipt = receipt._replace(path=path)
        _write_note(receipt)
    return receipt


def kept_or_made(path: Path, make: Callable[[Path], object], *, origin: str) -> Receipt:
    """Return a file of the cache that is worked out from another, made if it is not sound.

    Parameters
    ----------
    path
        The file; its name should tell what it was made of.
    make
        Writes it where it is told.
    origin
        What it is made of, for the note.

    Returns
    -------
    Receipt
        Where it is; `url` is the origin.
    """

    def refuse(_: Path) -> None:
        raise InputError("it has no note")

    kept = _kept(path, refuse)
    if kept is not None:
        return kept
    with replacing(path) as temporary:
        make(temporary)
        receipt = Receipt(path, origin, digest(temporary), "")
        _write_note(receipt)
    return receipt


def note_path(path: Path) -> Path:
    """Return where the note of a file of the cache is.

    Examples
    --------
    >>> note_path(Path("cache/communes.json")).as_posix()
    'cache/communes.json.source.toml'
    """
    return path.with_name(f"{path.name}.source.toml")


def _kept(path: Path, check: Check) -> Receipt | None:
    """Return the receipt of a sound file of the cache; set an unsound one aside."""
    if not path.is_file():
        return None
    found = digest(path)
    note = _read_note(path)
    if note is not None and note.sha256 == found:
        return note
    fault = "is not the file that was stored"
    if note is None and not note_path(path).exists():
        try:
            check(path)
        except PlannerError as error:
            fault = f"was put there by hand and is not usable ({error})"
        else:
            return Receipt(path, "", found, "")
    aside = path.with_name(f"{path.name}.corrupt")
    path.replace(aside)
    note_path(path).unlink(missing_ok=True)
    _log.warning("%s %s: set aside as %s", path, fault, aside.name)
    return None


def _read_note(path: Path) -> Receipt | None:
    try:
        table = tomllib.loads(note_path(path).read_text(encoding="utf-8"))
        return Receipt(path, *(str(table[key]) for key in ("url", "sha256", "date")))
    except (OSError, ValueError, KeyError):
        return None


def _write_note(receipt: Receipt) -> None:
    fields = {"url": receipt.url, "sha256": receipt.sha256, "date": receipt.date}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())
    with replacing(note_path(receipt.path)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _fetched(request: Request, path: Path, *, polite: Polite, progress: Progress | None) -> Receipt:
    """Ask until the file has come whole, within the bounds."""
    if polite.tries < 1:
        raise InputError(f"tries={polite.tries!r}: give 1 or more.")
    end = polite.clock() + polite.total_s
    said = ""
    for number in range(polite.tries):
        try:
            return _one_try(request, path, polite=polite, end=end, progress=progress)
        except _AgainError as again:
            said = str(again)
            pause = max(again.wait_s, polite.pause_s * 2**number)
        if number + 1 == polite.tries:
            break
        if polite.clock() + pause > end:
            said += f", and the next try would pass the {polite.total_s:.0f} s allowed"
            break
        _log.info("%s: %s, asked again in %.0f s", request.url, said, pause)
        polite.sleep(pause)
    raise SourceError(request, f"no answer ({said})")


def _one_try(
    request: Request, path: Path, *, polite: Polite, end: float, progress: Progress | None
) -> Receipt:
    method = "GET" if request.data is None else "POST"
    try:
        with requests.request(
            method,
            request.url,
            data=request.data,
            timeout=polite.timeout_s,
            headers={"User-Agent": AGENT},
            stream=True,
        ) as reply:
            _refuse_status(reply, request)
            sha256 = _stored(reply, request, path, polite=polite, end=end, progress=progress)
            day = _http_date(reply.headers.get("Date", ""))
    except requests.RequestException as error:
        raise _AgainError(type(error).__name__) from error
    return Receipt(path, request.url, sha256, day.date().isoformat()[:_DAY] if day else "")


def _refuse_status(reply: requests.Response, request: Request) -> None:
    if reply.status_code == requests.codes.ok:
        return
    said = f"HTTP {reply.status_code}"
    if reply.status_code in _RETRIED:
        raise _AgainError(said, _retry_after(reply))
    raise SourceError(request, f"no answer ({said})")


def _stored(
    reply: requests.Response,
    request: Request,
    path: Path,
    *,
    polite: Polite,
    end: float,
    progress: Progress | None,
) -> str:
    """Write the body of a reply, and return its SHA-256; refuse what is no whole file."""
    length = reply.headers.get("Content-Length", "")
    expected = int(length) if length.isascii() and length.isdigit() else 0
    if expected > polite.max_bytes:
        raise _too_large(request, expected, polite)
    hashed, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in reply.iter_content(_CHUNK):
            if not size:
                _refuse_html(chunk, reply, request)
            size += len(chunk)
            if size > polite.max_bytes:
                raise _too_large(request, size, polite)
            if polite.clock() > end:
                raise SourceError(request, f"not finished after {polite.total_s:.0f} s")
            hashed.update(chunk)
            file.write(chunk)
            if progress is not None:
                progress(size, expected)
    if expected and reply.raw.tell() != expected:
        raise _AgainError(f"cut after {reply.raw.tell():,} bytes of {expected:,}")
    if not size:
        raise SourceError(request, "the answer is empty")
    return hashed.hexdigest()


def _refuse_html(start: bytes, reply: requests.Response, request: Request) -> None:
    declared = "text/html" in reply.headers.get("Content-Type", "").lower()
    if declared or start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_HTML):
        raise SourceError(
            request,
            "the answer is a web page, not data: a proxy's log-in, or a service that moved",
        )


def _too_large(request: Request, size: int, polite: Polite) -> SourceError:
    return SourceError(request, f"{size:,} bytes, above the {polite.max_bytes:,} accepted")


def _checked(path: Path, request: Request, check: Check) -> None:
    """Run a check, and tell its complaint as one about the server."""
    try:
        check(path)
    except PlannerError as error:
        said = str(error).replace(str(path), "the answer").rstrip()
        raise SourceError(request, said.removesuffix(".")) from error


def _retry_after(reply: requests.Response) -> float:
    """Return the seconds a server asks to wait, or 0."""
    text = reply.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = _http_date(text)
    if until is None:
        return 0.0
    now = _http_date(reply.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
