"""Roads from an Overpass server, whole or not at all.

Overpass says ``200 OK`` when it ran out of time or memory and puts a remark beside the part it
managed; proxies say ``200 OK`` with a page of HTML. Neither is ever taken for a road network, and
nothing partial or empty is stored: what lies on disk afterwards is the whole answer, or what lay
there before.
"""

import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import requests

from planner._errors import InputError, NetworkError
from planner._files import replacing

SERVER = "https://overpass-api.de/api/interpreter"
AGENT = "planner (rural coworking site planner)"
_RETRIED = frozenset((429, 500, 502, 503, 504))
_EAST, _NORTH = 180, 90  # degrees
_BY_HAND = (
    "Download an extract by hand (Geofabrik, or the Overpass site) and give it to "
    "`planner build --pbf`."
)

Box = tuple[float, float, float, float]


def fetch_roads(
    box: Box,
    path: Path | str,
    *,
    server: str = SERVER,
    tries: int = 4,
    timeout_s: float = 180.0,
    pause_s: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch the roads of a box and store them as an ``.osm`` file.

    Parameters
    ----------
    box
        West, south, east, north, degrees.
    path
        Where to store them; replaced only by a whole answer.
    server
        Address of the interpreter.
    tries
        Requests at most; those refused for load are made again.
    timeout_s
        Seconds for one request.
    pause_s
        Seconds before the second request; each pause is twice the one before.
    sleep
        How to wait.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        When the box is no box in degrees.
    NetworkError
        When the server refused, failed, answered in part, or with something that is no road; the
        message says what it said, and how to go on without it.
    """
    west, south, east, north = box
    if not (-_EAST <= west < east <= _EAST and -_NORTH <= south < north <= _NORTH):
        raise InputError(f"box {box}: give west, south, east, north in degrees, in this order.")
    if tries < 1:
        raise InputError(f"tries={tries!r}: give 1 or more.")
    query = (
        f"[out:xml][timeout:{int(timeout_s)}];"
        f"(way[highway]({south},{west},{north},{east});>;);out meta qt;"
    )
    pauses = [pause_s * 2**number for number in range(tries - 1)]
    answer = _asked(server, query, timeout_s=timeout_s, pauses=pauses, sleep=sleep)
    _check(answer, server)
    with replacing(path) as temporary:
        temporary.write_bytes(answer)
    return Path(path)


def _asked(
    server: str,
    query: str,
    *,
    timeout_s: float,
    pauses: list[float],
    sleep: Callable[[float], None],
) -> bytes:
    """Return the body of the first answer that is ``200 OK``."""
    said = ""
    for pause in [*pauses, None]:
        try:
            reply = requests.post(
                server, data={"data": query}, timeout=timeout_s, headers={"User-Agent": AGENT}
            )
        except requests.RequestException as error:
            said = f"{type(error).__name__}"
        else:
            if reply.status_code == requests.codes.ok:
                return reply.content
            said = f"HTTP {reply.status_code}"
            if reply.status_code not in _RETRIED:
                break
        if pause is not None:
            sleep(pause)
    raise NetworkError(f"{server}: no answer ({said}). {_BY_HAND}")


def _check(answer: bytes, server: str) -> None:
    """Refuse an answer that is not a whole network."""
    if b"<!ENTITY" in answer:  # no answer of Overpass declares one; a bomb would
        raise NetworkError(f"{server}: the answer is not OpenStreetMap data. {_BY_HAND}")
    try:
        root = ET.fromstring(answer)  # noqa: S314 - entities were refused above
    except ET.ParseError as error:
        raise NetworkError(
            f"{server}: the answer is cut, or is no OpenStreetMap data ({error}). {_BY_HAND}"
        ) from error
    if root.tag != "osm":
        raise NetworkError(f"{server}: the answer is not OpenStreetMap data. {_BY_HAND}")
    remark = root.findtext("remark")
    if remark is not None:
        raise NetworkError(f"{server}: answered in part: {remark.strip()}. {_BY_HAND}")
    if root.find("way") is None:
        raise NetworkError(f"{server}: no road in this box. Is it the right one? {_BY_HAND}")
