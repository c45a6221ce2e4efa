"""Roads and places from an Overpass server, whole or not at all.

Overpass says ``200 OK`` when it ran out of time or memory and puts a remark beside the part it
managed; proxies say ``200 OK`` with a page of HTML. Neither is ever taken for a road network, and
nothing partial or empty is stored: what lies on disk afterwards is the whole answer, or what lay
there before.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from planner._errors import InputError, NetworkError
from planner.sources import osm, osm_water
from planner.sources._http import POLITE, Polite, Progress, Receipt, Request, cached, download

SERVER = "https://overpass-api.de/api/interpreter"
_EAST, _NORTH = 180, 90  # degrees
_BY_HAND = (
    "Download an extract by hand (Geofabrik, or the Overpass site) and give it with --pbf to "
    "`planner fetch` or to `planner build --pbf`."
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
    query = f"[out:xml][timeout:{int(timeout_s)}];(way[highway]({_bounds(box)});>;);out meta qt;"
    polite = Polite(tries=tries, timeout_s=timeout_s, pause_s=pause_s, sleep=sleep)
    return download(_request(server, query), path, check=check_answer, polite=polite).path


def fetch_territory(
    inner: Box,
    outer: Box,
    folder: Path | str,
    *,
    buildings: bool = True,
    server: str = SERVER,
    timeout_s: float = 600.0,
    polite: Polite = POLITE,
    progress: Progress | None = None,
) -> Receipt:
    """Fetch what a territory takes from OpenStreetMap, and keep it in a cache.

    Parameters
    ----------
    inner
        Box of the communes, for premises, places and buildings: west, south, east, north.
    outer
        Box of the roads, wide enough for trips through the neighbours.
    folder
        The cache. The name of the file says which question it answers.
    buildings
        Whether buildings are wanted too, to place residents.
    server
        Address of the interpreter.
    timeout_s
        Seconds the server may work on the answer.
    polite
        How patient to be.
    progress
        Told how much has come.

    Returns
    -------
    Receipt
        Where the ``.osm`` file is, and came from.

    Raises
    ------
    InputError
        When a box is no box in degrees.
    NetworkError
        As `fetch_roads`.
    """
    query = territory_query(inner, outer, buildings=buildings, timeout_s=timeout_s)
    name = f"osm-{hashlib.sha256(query.encode()).hexdigest()[:12]}.osm"
    path = Path(folder) / name
    return cached(
        _request(server, query), path, check=check_answer, polite=polite, progress=progress
    )


def territory_query(inner: Box, outer: Box, *, buildings: bool, timeout_s: float) -> str:
    """Return the question `fetch_territory` asks: roads of one box, places of a smaller one.

    Rivers go with roads, lakes with places.

    Examples
    --------
    >>> box = (4.5, 46.0, 4.6, 46.1)
    >>> text = territory_query(box, box, buildings=False, timeout_s=60)
    >>> "way[highway](46.0,4.5,46.1,4.6);" in text, "building" in text
    (True, False)
    """
    places = _bounds(inner)
    kinds = [
        f'nwr[{key}~"^({"|".join(values)})$"]({places});'
        for key, values in osm.PREMISES.items()
        if key != "shop"
    ]
    land = "|".join(sorted(osm.WORK_LANDUSE))
    parts = [
        f"way[highway]({_bounds(outer)});",
        f'way[waterway~"^({"|".join(osm_water.LINES)})$"]({_bounds(outer)});',
        *(f"wr[{key}={value}]({places});" for key, value in osm_water.AREAS),
        f"nwr[shop]({places});",
        *kinds,
        f'wr[landuse~"^({land})$"]({places});',
        f'node[place~"^({"|".join(osm.PLACES)})$"]({places});',
        *([f"wr[building]({places});"] if buildings else []),
    ]
    head = f"[out:xml][timeout:{int(timeout_s)}][maxsize:2000000000];"
    return f"{head}({''.join(parts)});(._;>;);out meta qt;"


def check_answer(path: Path) -> None:
    """Refuse an answer that is not a whole network: read through once, in little memory.

    Parameters
    ----------
    path
        The answer, as stored.

    Raises
    ------
    NetworkError
        When it is cut, empty, partial (a remark), or no OpenStreetMap data.
    """
    seen: set[str] = set()
    remark: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        if not seen and name != "osm":
            foreign()
        seen.add(name)
        if name == "remark":
            parser.CharacterDataHandler = remark.append

    def end(name: str) -> None:
        if name == "remark":
            parser.CharacterDataHandler = None

    def foreign(*_: object) -> NoReturn:
        raise NetworkError("the answer is not OpenStreetMap data.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = foreign  # Overpass declares none; a bomb of entities would
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise NetworkError(f"the answer is cut, or is no OpenStreetMap data ({error}).") from error
    if "remark" in seen:
        raise NetworkError(f"answered in part: {''.join(remark).strip()}.")
    if "way" not in seen:
        raise NetworkError("no road in this box. Is it the right one?")


def _request(server: str, query: str) -> Request:
    return Request(server, _BY_HAND, {"data": query})


def checked_box(box: Box) -> Box:
    """Return a box in degrees, or refuse it.

    Examples
    --------
    >>> checked_box((4.5, 46.0, 4.6, 46.1))
    (4.5, 46.0, 4.6, 46.1)
    """
    west, south, east, north = box
    if not (-_EAST <= west < east <= _EAST and -_NORTH <= south < north <= _NORTH):
        raise InputError(f"box {box}: give west, south, east, north in degrees, in this order.")
    return box


def _bounds(box: Box) -> str:
    """Return a box as Overpass writes it: south, west, north, east."""
    west, south, east, north = checked_box(box)
    return f"{south},{west},{north},{east}"
