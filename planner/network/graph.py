"""The road network as a frozen value of arrays.

Nodes are places where roads meet or end; a segment is the piece of one OpenStreetMap way between
two nodes, with up to two directions. Times are whole tenths of a second (``ds``), here and
everywhere after: sums are exact, equal paths compare equal, and the same network gives the same
minutes on any machine.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
import shapely
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from planner._errors import InputError
from planner.network._arrays import (
    EARTH_M,
    Bools,
    Floats,
    Ints,
    Longs,
    gather_ranges,
    row_pointers,
)
from planner.network._speeds import NEVER, drive_ds
from planner.network.profiles import Profile, profile_named

if TYPE_CHECKING:
    import networkx as nx

DS_A_MINUTE = 600
_JUNCTION_DEGREE = 3


class Adjacency(NamedTuple):
    """Compressed sparse rows of one direction of travel.

    Row `i` of `node`, `ds` and `segment` lies between `pointer[i]` and `pointer[i + 1]`: the
    neighbours of node `i`, the time to each, and the segment that leads there. `pairs` holds node
    and ds once more, side by side, as the search reads them.
    """

    pointer: Ints
    node: Ints
    ds: Ints
    segment: Ints
    pairs: Ints


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """Roads as arrays; see the module docstring for what nodes, segments and times are.

    Attributes
    ----------
    profile
        The speeds behind the times.
    node_id
        OpenStreetMap id of each node; negative for the two sides of a closed barrier.
    lon, lat
        Degrees, EPSG:4326.
    start, end
        Nodes of each segment, as positions.
    way
        OpenStreetMap id of the way a segment is part of.
    name
        Position of the segment's name in `names`; 0 is the empty name.
    road_class, surface, built_up
        Codes, see ``planner.network._rules``.
    roadside
        Whether a place can be reached from the segment (not from motorways and tunnels).
    kph_forward, kph_backward
        Posted limit, km/h, NaN where none.
    length_m
        Great-circle metres along the geometry.
    turn_start, turn_end
        Degrees of the turn that every driver makes at the node, 0 where a way goes straight on.
    signals
        Traffic signals inside the segment.
    signal_node
        Whether a traffic signal stands at the node.
    forward_ds, backward_ds
        Time from start to end, and back, in tenths of a second; -1 where closed.
    vertex
        Where each segment's vertices start in `vertex_lon` and `vertex_lat`; one entry more than
        segments.
    vertex_lon, vertex_lat
        Geometry of all segments, end to end, degrees.
    names
        Road names.
    assumed
        How often each assumption was made in reading the tags.
    """

    profile: Profile
    node_id: Longs
    lon: Floats
    lat: Floats
    start: Ints
    end: Ints
    way: Longs
    name: Ints
    road_class: Ints
    surface: Ints
    built_up: Ints
    roadside: Bools
    kph_forward: Floats
    kph_backward: Floats
    length_m: Floats
    turn_start: Floats
    turn_end: Floats
    signals: Ints
    signal_node: Bools
    forward_ds: Ints
    backward_ds: Ints
    vertex: Longs
    vertex_lon: Floats
    vertex_lat: Floats
    names: tuple[str, ...]
    assumed: Mapping[str, int]

    def __post_init__(self) -> None:
        """Freeze the arrays: a network is a value that many stages share."""
        for array in vars(self).values():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    def __repr__(self) -> str:
        """Say how large the network is and at which speeds it is driven."""
        return (
            f"RoadNetwork({self.node_id.size} nodes, {self.start.size} segments, "
            f"{self.length_m.sum() / 1000:.1f} km, profile {self.profile.name!r})"
        )

    @cached_property
    def out(self) -> Adjacency:
        """Neighbours reached by leaving each node."""
        return self._adjacency(forwards=True)

    @cached_property
    def into(self) -> Adjacency:
        """Neighbours from which each node is reached: the network with every arrow turned."""
        return self._adjacency(forwards=False)

    def _adjacency(self, *, forwards: bool) -> Adjacency:
        segment = np.arange(self.start.size, dtype=np.int32)
        ahead, back = self.forward_ds != NEVER, self.backward_ds != NEVER
        tail = np.concatenate((self.start[ahead], self.end[back]))
        head = np.concatenate((self.end[ahead], self.start[back]))
        ds = np.concatenate((self.forward_ds[ahead], self.backward_ds[back]))
        which = np.concatenate((segment[ahead], segment[back]))
        if not forwards:
            tail, head = head, tail
        order = np.lexsort((which, head, tail))
        pointer = row_pointers(tail, self.node_id.size)
        pairs = np.stack((head[order], ds[order]), axis=1).ravel()
        return Adjacency(pointer, head[order], ds[order], which[order], pairs)

    @cached_property
    def component(self) -> Ints:
        """Strongly connected component of each node; 0 is the largest, ties by first node."""
        n = self.node_id.size
        out = self.out
        parts = (np.ones(out.node.size), out.node.copy(), out.pointer.copy())
        matrix = sp.csr_array(parts, shape=(n, n))
        matrix.sum_duplicates()  # SciPy's search never ends on parallel edges (1.17)
        count, label = connected_components(matrix, directed=True, connection="strong")
        size = np.bincount(label, minlength=count)
        first = np.full(count, n, np.int64)
        np.minimum.at(first, label, np.arange(n))
        rank = np.empty(count, np.int32)
        rank[np.lexsort((first, -size))] = np.arange(count)
        return np.asarray(rank[label], np.int32)

    @cached_property
    def usable(self) -> Bools:
        """Segments a place may be snapped to: in the largest component, with a roadside."""
        inside = (self.component[self.start] == 0) & (self.component[self.end] == 0)
        open_way = (self.forward_ds != NEVER) | (self.backward_ds != NEVER)
        return np.asarray(inside & open_way & self.roadside, np.bool_)

    @cached_property
    def plane_scale(self) -> tuple[float, float]:
        """Metres a degree of longitude, and of latitude, in the middle of the network.

        The median, so that one node far away by mistake does not bend the plane of all others.
        """
        degree_m = np.radians(1.0) * EARTH_M
        middle = np.median(self.lat[self.component == 0])
        return float(degree_m * np.cos(np.radians(middle))), float(degree_m)

    @cached_property
    def segment_tree(self) -> tuple[shapely.STRtree, Ints, NDArray[np.object_]]:
        """Index of the usable segments, their positions, and their lines in plane metres."""
        usable = np.flatnonzero(self.usable).astype(np.int32)
        coordinates, index = self.lines(usable)
        lines = shapely.linestrings(coordinates * np.array(self.plane_scale), indices=index)
        return shapely.STRtree(lines), usable, np.asarray(lines, dtype=object)

    def with_profile(self, profile: Profile | str) -> "RoadNetwork":
        """Return the same roads at other speeds; the tags are not read again.

        Raises
        ------
        InputError
            When the profile is for another mode: other roads would be open to it.
        """
        profile = profile_named(profile) if isinstance(profile, str) else profile
        if profile.mode != self.profile.mode:
            raise InputError(
                f"profile {profile.name!r} is for {profile.mode}, these roads were read for "
                f"{self.profile.mode}; read the file again with profile={profile.name!r}."
            )
        forward, backward = segment_times(
            profile,
            table={key: getattr(self, key) for key in TIMED_COLUMNS},
            is_open=(self.forward_ds != NEVER, self.backward_ds != NEVER),
        )
        roads = replace(self, profile=profile, forward_ds=forward, backward_ds=backward)
        same = all(
            ((new == NEVER) == (old == NEVER)).all()
            for new, old in ((forward, self.forward_ds), (backward, self.backward_ds))
        )
        if same:  # what is open decides these, not how fast it is
            kept = ("component", "usable", "plane_scale", "segment_tree")
            vars(roads).update({name: vars(self)[name] for name in kept if name in vars(self)})
        return roads

    def lines(self, segments: Ints | None = None) -> tuple[Floats, Longs]:
        """Return coordinates (vertices × lon, lat) of segments and the segment of each vertex.

        The pair is what ``shapely.linestrings(coordinates, indices=…)`` takes.
        """
        if segments is None:
            segments = np.arange(self.start.size, dtype=np.int32)
        first, last = self.vertex[segments], self.vertex[segments + 1]
        rows = gather_ranges(first, last)
        index = np.repeat(np.arange(segments.size), last - first)
        return np.column_stack((self.vertex_lon[rows], self.vertex_lat[rows])), index

    def to_osmnx(self) -> "nx.MultiDiGraph[int]":
        """Return the network as a networkx graph with OSMnx's attributes.

        See :func:`planner.network.to_osmnx`.
        """
        from planner.network._exchange import to_osmnx  # noqa: PLC0415 - it stands further on

        return to_osmnx(self)

    def assumptions(self) -> pd.DataFrame:
        """Return how often each rule had to assume something (columns rule, ways)."""
        rows = sorted(self.assumed.items(), key=lambda item: (-item[1], item[0]))
        return pd.DataFrame(rows, columns=["rule", "ways"])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every array: two networks with one digest give the same minutes."""
        total = hashlib.sha256(self.profile.name.encode())
        for name in sorted(field.name for field in fields(self)):  # not what was derived since
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                total.update(name.encode())
                total.update(np.ascontiguousarray(value).tobytes())
        return total.hexdigest()


TIMED_COLUMNS = (
    "start",
    "end",
    "road_class",
    "surface",
    "built_up",
    "kph_forward",
    "kph_backward",
    "length_m",
    "turn_start",
    "turn_end",
    "signals",
    "signal_node",
)


def segment_times(
    profile: Profile,
    *,
    table: Mapping[str, np.ndarray[tuple[int], np.dtype[np.generic]]],
    is_open: tuple[Bools, Bools],
) -> tuple[Ints, Ints]:
    """Return the times of all segments, forward and backward, in tenths of a second.

    A junction or a signal at the head of a segment is paid on that segment, in its direction.

    Parameters
    ----------
    profile
        The speeds.
    table
        The columns named in :data:`TIMED_COLUMNS`.
    is_open
        Whether each segment may be driven forward, and backward.

    Returns
    -------
    tuple[Ints, Ints]
        Times; -1 where closed.
    """
    start, end = table["start"].astype(np.int32), table["end"].astype(np.int32)
    signal = table["signal_node"].astype(np.bool_)
    degree = np.bincount(np.concatenate((start, end)), minlength=signal.size)
    junction = profile.junction_s * (degree >= _JUNCTION_DEGREE)
    at_node = np.where(signal, profile.signal_s, junction)
    inside = table["signals"].astype(float) * profile.signal_s
    inside += profile.turn_cost_s(table["turn_start"].astype(float))
    inside += profile.turn_cost_s(table["turn_end"].astype(float))
    times: list[Ints] = []
    for head, limit, allowed in zip((end, start), ("forward", "backward"), is_open, strict=True):
        ds = drive_ds(
            profile,
            road_class=table["road_class"].astype(np.int32),
            surface=table["surface"].astype(np.int32),
            built_up=table["built_up"].astype(np.int32),
            limit_kph=table[f"kph_{limit}"].astype(float),
            length_m=table["length_m"].astype(float),
            stop_s=inside + at_node[head],
        )
        times.append(np.where(allowed, ds, NEVER).astype(np.int32))
    return times[0], times[1]
