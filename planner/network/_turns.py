"""How sharply a driver must turn at each end of a segment, where roads meet.

The network has no turns of its own: a search over turns costs several times more and changes
times by less than one per cent. But where a segment has no straight continuation, as the stem of
a T has none, every driver turns there; that cost belongs to the segment and is kept on it.
"""

import numpy as np

from planner.network._arrays import EARTH_M, Floats, Ints, Longs

_LOOK_M = 15.0  # headings are taken this far from the node, past the kerb's own curve
_JUNCTION_ENDS = 3
_MOST_ENDS = 16  # more meet at no real place, and pairs grow with their square


def forced_turns(
    start: Ints, end: Ints, *, vertex: Longs, lon: Floats, lat: Floats
) -> tuple[Floats, Floats]:
    """Return the deflection of the straightest way on, at the start and the end of segments.

    Parameters
    ----------
    start, end
        Nodes of each segment.
    vertex
        Where each segment's vertices start in `lon` and `lat`; one entry more than segments.
    lon, lat
        Degrees.

    Returns
    -------
    tuple[Floats, Floats]
        Degrees, 0 where the road goes straight on, where fewer than three ends meet or more than
        sixteen, and at dead ends.
    """
    heading = _headings(vertex, lon, lat)
    node = np.concatenate((start, end)).astype(np.int64)
    order = np.argsort(node, kind="stable")
    ends = np.bincount(node)
    first = np.concatenate(([0], np.cumsum(ends)[:-1]))
    junction = (ends >= _JUNCTION_ENDS) & (ends <= _MOST_ENDS)
    # Every pair of ends (a, b) that meet at a junction, a ≠ b.
    here = order[junction[node[order]]]
    count = ends[node[here]]
    a = np.repeat(here, count)
    shift = np.arange(a.size) - np.repeat(np.cumsum(count) - count, count)
    b = order[first[node[a]] + shift]
    apart = np.abs((heading[b] - heading[a] + 180.0) % 360.0 - 180.0)
    deflection = np.where(a == b, 180.0, 180.0 - apart)
    least = np.zeros(node.size)
    least[here] = 180.0
    np.minimum.at(least, a, deflection)
    return least[: start.size], least[start.size :]


def _headings(vertex: Longs, lon: Floats, lat: Floats) -> Floats:
    """Return the direction, degrees, in which each segment leaves its start, then its end."""
    east = np.diff(lon) * np.cos(np.radians(lat[:-1]))
    step = np.hypot(east, np.diff(lat)) * np.radians(1.0) * EARTH_M
    step[vertex[1:-1] - 1] = 0.0  # from one segment to the next
    along = np.concatenate(([0.0], np.cumsum(step)))
    first, last = vertex[:-1], vertex[1:] - 1
    reach = np.minimum(_LOOK_M, along[last] - along[first])
    headings = []
    for node, at in ((first, along[first] + reach), (last, along[last] - reach)):
        # The piece of its own segment that holds the point, and how far along it lies.
        piece = np.clip(np.searchsorted(along, at, side="right") - 1, first, last - 1)
        share = np.clip((at - along[piece]) / np.where(step[piece] > 0, step[piece], 1.0), 0, 1)
        x = lon[piece] + share * (lon[piece + 1] - lon[piece])
        y = lat[piece] + share * (lat[piece + 1] - lat[piece])
        dx = (x - lon[node]) * np.cos(np.radians(lat[node]))
        headings.append(np.degrees(np.arctan2(dx, y - lat[node])))
    return np.concatenate(headings)
