"""From ways as they were read to a routable network: cut at nodes, measured, ordered, timed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from planner._errors import InputError
from planner.network._arrays import (
    Bools,
    Ints,
    Longs,
    gather_ranges,
    great_circle_m,
    hilbert_order,
)
from planner.network._rules import BACKWARD, FORWARD, WayRule
from planner.network._turns import forced_turns
from planner.network.graph import TIMED_COLUMNS, RoadNetwork, segment_times
from planner.network.profiles import Profile

Column: TypeAlias = np.ndarray[tuple[int], np.dtype[np.generic]]

_UNITS_A_DEGREE = 1e7  # OpenStreetMap's own grid
_FARTHEST = (180 * 10**7, 90 * 10**7)  # beyond is nowhere: what a missing node gives, or a typo


@dataclass
class RawWays:
    """What one pass over a file gathers: open ways, their vertices, the nodes that stop or hold.

    Attributes
    ----------
    way, rule, name
        Id, rule and name of each open way.
    size
        Number of vertices of each way.
    ref, x, y
        Node id and position, in 1e-7 degrees, of every vertex, way after way.
    barriers, signals
        Ids of nodes that stop the mode, and of traffic signals.
    assumed
        Counts of assumptions.
    """

    way: list[int] = field(default_factory=list)
    rule: list[WayRule] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    ref: list[int] = field(default_factory=list)
    x: list[int] = field(default_factory=list)
    y: list[int] = field(default_factory=list)
    barriers: list[int] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)
    assumed: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, times: int = 1) -> None:
        """Count an assumption."""
        self.assumed[what] = self.assumed.get(what, 0) + times


@dataclass(frozen=True)
class _Vertices:
    """Vertices of all runs: pieces of ways whose nodes are all there and open."""

    way: Longs  # position of the way
    ref: Longs
    x: Longs
    y: Longs
    run_end: Bools  # last vertex of its run


def assemble(raw: RawWays, *, profile: Profile, source: str) -> RoadNetwork:
    """Make a network of what was read.

    Parameters
    ----------
    raw
        The open ways of a file.
    profile
        The speeds.
    source
        Where the ways come from, for messages.

    Returns
    -------
    RoadNetwork
        Nodes in Hilbert order, segments sorted by their nodes.

    Raises
    ------
    InputError
        When no segment is left.
    """
    vertices = _runs(raw)
    first, last, vertices = _cut(vertices)
    if first.size == 0:
        raise InputError(
            f"{source}: no road open to {profile.mode} in it. Is it a road extract, "
            "and complete (nodes and ways)?"
        )
    node_ref, node_at = np.unique(
        np.concatenate((vertices.ref[first], vertices.ref[last])), return_index=True
    )
    at = np.concatenate((first, last))[node_at]
    lon, lat = vertices.x[at] / _UNITS_A_DEGREE, vertices.y[at] / _UNITS_A_DEGREE
    order = hilbert_order(lon, lat, node_ref)
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size)
    start = rank[np.searchsorted(node_ref, vertices.ref[first])]
    end = rank[np.searchsorted(node_ref, vertices.ref[last])]
    sort = np.lexsort((first, np.asarray(raw.way)[vertices.way[first]], end, start))
    first, last = first[sort], last[sort]
    columns = _columns(raw, vertices, first, last)
    columns |= {"start": start[sort], "end": end[sort]}
    columns["signal_node"] = np.isin(node_ref[order], np.asarray(raw.signals, np.int64))
    columns |= {"node_id": node_ref[order], "lon": lon[order], "lat": lat[order]}
    names = [raw.name[way] for way in vertices.way[first]]
    return finished(profile, columns, names=names, assumed=raw.assumed)


def finished(
    profile: Profile,
    columns: Mapping[str, Column],
    *,
    names: Sequence[str],
    assumed: Mapping[str, int],
    times: tuple[Ints, Ints] | None = None,
) -> RoadNetwork:
    """Complete a segment table with forced turns and times, and make it a network.

    Parameters
    ----------
    profile
        The speeds.
    columns
        Every column of :class:`RoadNetwork` but turns, times and names; and ``directions``, the
        bits of the directions that are open.
    names
        Name of each segment.
    assumed
        Counts of assumptions.
    times
        Forward and backward times that are known already, tenths of a second.

    Returns
    -------
    RoadNetwork
        The network.
    """
    fields = dict(columns)
    directions = fields.pop("directions").astype(np.int32)
    fields["turn_start"], fields["turn_end"] = forced_turns(
        fields["start"].astype(np.int32),
        fields["end"].astype(np.int32),
        vertex=fields["vertex"].astype(np.int64),
        lon=fields["vertex_lon"].astype(float),
        lat=fields["vertex_lat"].astype(float),
    )
    fields["forward_ds"], fields["backward_ds"] = times or segment_times(
        profile,
        table={key: fields[key] for key in TIMED_COLUMNS},
        is_open=((directions & FORWARD) > 0, (directions & BACKWARD) > 0),
    )
    distinct, fields["name"] = _coded(names)
    whole: dict[str, Any] = {**fields, "names": distinct, "assumed": dict(sorted(assumed.items()))}
    return RoadNetwork(profile=profile, **whole)


def _coded(names: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """Return the distinct names, the empty one first, and the position of each."""
    distinct = ("", *sorted(set(names) - {""}))
    position = {name: code for code, name in enumerate(distinct)}
    return distinct, np.array([position[name] for name in names], np.int32)


def _runs(raw: RawWays) -> _Vertices:
    """Drop vertices that are missing or repeated; double those where a barrier stands.

    A way with missing nodes goes on as the pieces that are there; a barrier becomes two nodes
    that nothing joins, one for each side.
    """
    way = np.repeat(np.arange(len(raw.way)), raw.size)
    ref = np.asarray(raw.ref, np.int64)
    x, y = np.asarray(raw.x, np.int64), np.asarray(raw.y, np.int64)
    there = (np.abs(x) <= _FARTHEST[0]) & (np.abs(y) <= _FARTHEST[1])
    raw_missing = np.unique(way[~there]).size
    if raw_missing:
        raw.count("way with missing nodes: cut there", raw_missing)
    run = way + np.cumsum(~there)  # a gap starts a new run
    way, ref, x, y, run = way[there], ref[there], x[there], y[there], run[there]
    again = np.zeros(ref.size, np.bool_)
    again[1:] = (ref[1:] == ref[:-1]) & (run[1:] == run[:-1])
    way, ref, x, y, run = way[~again], ref[~again], x[~again], y[~again], run[~again]
    barrier = np.isin(ref, np.asarray(raw.barriers, np.int64))
    if barrier.any():
        raw.count("barrier closed to the mode: road cut there", int(np.unique(ref[barrier]).size))
    copies = np.repeat(np.arange(ref.size), 1 + barrier)
    second = np.zeros(copies.size, np.bool_)
    second[1:] = copies[1:] == copies[:-1]
    run = run[copies] + np.cumsum(second)
    ref = np.where(barrier[copies], -1 - np.arange(copies.size), ref[copies])
    run_end = np.ones(copies.size, np.bool_)
    run_end[:-1] = run[1:] != run[:-1]
    return _Vertices(way[copies], ref, x[copies], y[copies], run_end)


def _cut(vertices: _Vertices) -> tuple[Longs, Longs, _Vertices]:
    """Return the first and last vertex of each segment: between nodes where ways meet or end."""
    _, inverse, count = np.unique(vertices.ref, return_inverse=True, return_counts=True)
    run_start = np.ones(vertices.ref.size, np.bool_)
    run_start[1:] = vertices.run_end[:-1]
    node = (count[inverse] > 1) | run_start | vertices.run_end
    at = np.flatnonzero(node)
    inside = ~vertices.run_end[at[:-1]] if at.size else np.zeros(0, np.bool_)
    return at[:-1][inside], at[1:][inside], vertices


def _columns(raw: RawWays, vertices: _Vertices, first: Longs, last: Longs) -> dict[str, Column]:
    """Measure the segments and look up their tags."""
    lon, lat = vertices.x / _UNITS_A_DEGREE, vertices.y / _UNITS_A_DEGREE
    rows = gather_ranges(first, last + 1)
    pointer = np.concatenate(([0], np.cumsum(last + 1 - first))).astype(np.int64)
    step = np.concatenate((great_circle_m(lon[:-1], lat[:-1], lon[1:], lat[1:]), [0.0]))
    step = np.where(np.isin(np.arange(rows.size), pointer[1:] - 1), 0.0, step[rows])
    signal = np.isin(vertices.ref[rows], np.asarray(raw.signals, np.int64))
    signal[pointer[:-1]] = signal[pointer[1:] - 1] = False  # those belong to the nodes
    way_position = vertices.way[first]
    table: Mapping[str, Column] = {
        key: np.asarray([getattr(rule, key) for rule in raw.rule])[way_position]
        for key in WayRule._fields
        if key != "assumed"
    }
    return {
        **table,
        "way": np.asarray(raw.way, np.int64)[way_position],
        "length_m": np.add.reduceat(step, pointer[:-1]),
        "signals": np.add.reduceat(signal.astype(np.int32), pointer[:-1]),
        "vertex": pointer,
        "vertex_lon": lon[rows],
        "vertex_lat": lat[rows],
    }
