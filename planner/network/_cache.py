"""Networks kept on disk, by the content of the file they were read from.

A kept network is a plain ``.npz`` of its arrays (no pickle): written whole, read back in
milliseconds, and named by the digest of the road file, the profile and the version of this
reader, so that it can never be mistaken for another. One that is damaged is set aside and the
roads are read again.
"""

import contextlib
import dataclasses
import hashlib
import logging
from pathlib import Path

import numpy as np

from planner import _osm
from planner._files import digest, replacing
from planner.network._read import read_osm
from planner.network._rules import CLASSES, SURFACES
from planner.network._speeds import NEVER
from planner.network.graph import RoadNetwork
from planner.network.profiles import Profile, profile_named

_READER = "2"  # raise it when the same file would be read differently
_LOG = logging.getLogger(__name__)


def read_cached(
    path: Path | str, *, folder: Path | str, profile: Profile | str = "car"
) -> RoadNetwork:
    """Read the roads of a file, or take them from a folder where they were kept before.

    Parameters
    ----------
    path
        As :func:`planner.network.read_osm`.
    folder
        Where networks are kept; made when missing. Several processes may share it. A folder that
        cannot be written is no error: the roads are then read each time.
    profile
        A speed profile or its name.

    Returns
    -------
    RoadNetwork
        The same as :func:`planner.network.read_osm` gives.

    Raises
    ------
    InputError
        As :func:`planner.network.read_osm`.
    """
    path = _osm.checked_path(path)
    profile = profile_named(profile) if isinstance(profile, str) else profile
    key = hashlib.sha256(f"{_READER} {digest(path)} {_speeds(profile)}".encode()).hexdigest()
    kept = Path(folder) / f"roads-{key[:32]}.npz"
    if kept.is_file():
        try:
            return load(kept, profile=profile)
        except Exception as error:  # noqa: BLE001 - NumPy and zipfile raise a dozen kinds
            _LOG.warning("%s is damaged (%s): set aside, the roads are read again", kept, error)
            with contextlib.suppress(OSError):
                kept.replace(kept.with_suffix(".damaged"))
    roads = read_osm(path, profile=profile)
    try:
        save(roads, kept)
    except OSError as error:
        _LOG.warning("%s cannot be written (%s): the roads are not kept", kept, error)
    return roads


def _speeds(profile: Profile) -> str:
    """Return every number of a profile as text."""
    values = dataclasses.asdict(dataclasses.replace(profile, kph={}, surface_cap_kph={})) | {
        "kph": sorted(profile.kph.items()),
        "cap": sorted(profile.surface_cap_kph.items()),
    }
    return repr(sorted(values.items()))


def save(roads: RoadNetwork, path: Path | str) -> None:
    """Write a network's arrays to an ``.npz``, whole or not at all."""
    arrays = {name: value for name, value in vars(roads).items() if name in _ARRAYS}
    with replacing(path) as temporary, temporary.open("xb") as file:
        np.savez(
            file,
            allow_pickle=False,
            **arrays,
            **_packed("names", list(roads.names)),
            **_packed("rules", list(roads.assumed)),
            counts=np.array(list(roads.assumed.values()), np.int64),
            digest=np.frombuffer(roads.digest.encode(), np.uint8),
        )


def load(path: Path | str, *, profile: Profile) -> RoadNetwork:
    """Read back what :func:`save` wrote, at the speeds it was timed with.

    Raises
    ------
    Exception
        When the file is damaged: every array carries a checksum. NumPy and zipfile raise many
        kinds.
    """
    with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as content:
        arrays = {name: content[name] for name in _ARRAYS}
        names = tuple(_unpacked("names", content))
        assumed = dict(zip(_unpacked("rules", content), content["counts"].tolist(), strict=True))
        sealed = content["digest"].tobytes().decode()
    _check(arrays, names=len(names))
    roads = RoadNetwork(profile=profile, names=names, assumed=assumed, **arrays)
    if roads.digest != sealed:
        raise ValueError("the arrays are not those that were written")
    return roads


def _check(arrays: dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]], *, names: int) -> None:
    """Refuse positions that point outside the arrays: the compiled search would follow them."""
    nodes, segments = arrays["node_id"].size, arrays["start"].size
    positions = {"start": nodes, "end": nodes, "name": names, "road_class": len(CLASSES)}
    positions["surface"] = len(SURFACES)
    for column, limit in positions.items():
        values = arrays[column].astype(np.int64)
        if not ((values >= 0) & (values < limit)).all():
            raise ValueError(f"{column} points outside the network")
    vertex = arrays["vertex"]
    whole = vertex.size == segments + 1 and vertex[0] == 0
    if not (whole and (np.diff(vertex) > 1).all() and vertex[-1] == arrays["vertex_lon"].size):
        raise ValueError("vertices do not match the segments")
    sizes = dict.fromkeys(_ARRAYS, segments) | dict.fromkeys(_BY_NODE, nodes)
    sizes |= {"vertex": segments + 1} | dict.fromkeys(("vertex_lon", "vertex_lat"), vertex[-1])
    if any(arrays[column].size != size for column, size in sizes.items()):
        raise ValueError("columns of different lengths")
    for column in ("forward_ds", "backward_ds"):
        ds = arrays[column].astype(np.int64)
        if not ((ds >= 1) | (ds == NEVER)).all():
            raise ValueError(f"{column} holds a time that is none")


_BY_NODE = ("node_id", "lon", "lat", "signal_node")
_OTHERS = {"profile", "names", "assumed"}
_ARRAYS = tuple(
    field.name for field in dataclasses.fields(RoadNetwork) if field.name not in _OTHERS
)


def _packed(name: str, texts: list[str]) -> dict[str, np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    """Return texts as UTF-8 bytes, parted by a character that no name holds."""
    joined = "\0".join(text.replace("\0", "") for text in texts).encode()
    return {name: np.frombuffer(joined, np.uint8)}


def _unpacked(name: str, content: "np.lib.npyio.NpzFile") -> list[str]:
    data = content[name].tobytes().decode()
    return data.split("\0") if data or name == "names" else []
