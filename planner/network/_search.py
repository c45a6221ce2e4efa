"""The bounded search at the heart of all minutes, compiled once and kept on disk.

Dijkstra's algorithm (1959) with a bucket queue (Dial 1969): times are whole tenths of a second
and bounded by a cutoff, so the queue is an array with one list a tenth, and no comparison is
made. On rows in Hilbert order the search runs near the speed of memory. Only nodes within the
cutoff are ever touched: the cost of a source does not grow with the graph.
"""

from typing import TYPE_CHECKING

import numba as nb
import numpy as np

from planner.network._arrays import FAR, Ints

if TYPE_CHECKING:
    from collections.abc import Callable

_READ = nb.types.Array(nb.int32, 1, "C", readonly=True)
_WRITE = nb.types.Array(nb.int32, 1, "C")
_SIGNATURE = nb.types.UniTuple(nb.int64, 2)(  # type: ignore[no-untyped-call] # Numba has no types
    *(_READ,) * 3,  # adjacency: pointer, node, ds
    *(_READ,) * 2,  # seeds: node, ds; two a source
    *(_READ,) * 3,  # direct: pointer by source, target, ds
    *(_READ,) * 3,  # targets: pointer by node, target, ds
    nb.int64,  # cutoff_ds
    nb.int64,  # first source
    nb.int64,  # last source, not included
    *(_WRITE,) * 3,  # out: pairs by source, target, ds
    *(_WRITE,) * 7,  # workspace
)


def workspace(nodes: int, edges: int, targets: int, cutoff_ds: int) -> tuple[Ints, ...]:
    """Return the scratch arrays of one thread: all far, all empty."""
    return (
        np.full(nodes, FAR, np.int32),  # time to each node
        np.empty(nodes, np.int32),  # nodes touched
        np.full(cutoff_ds + 1, -1, np.int32),  # first entry of each bucket
        np.empty(edges + 2, np.int32),  # node of each entry
        np.empty(edges + 2, np.int32),  # next entry in its bucket
        np.full(targets, FAR, np.int32),  # time to each target
        np.empty(targets, np.int32),  # targets touched
    )


def _times_to_targets(  # type: ignore[no-untyped-def] # typed by its Numba signature
    pointer, node, ds,
    seed_node, seed_ds,
    direct_pointer, direct_target, direct_ds,
    target_pointer, target_id, target_ds,
    cutoff_ds, first, last,
    out_size, out_target, out_ds,
    time, touched, bucket, entry_node, entry_next, best, found,
):  # fmt: skip
    """Fill `out_*` with the targets within the cutoff of sources `first` to `last`.

    Stops early when the next source might not fit; returns the next source and the pairs written.
    """
    used = 0
    source = first
    while source < last and used + best.size <= out_target.size:
        entries = touched_count = found_count = 0
        waiting = 0
        for k in range(2 * source, 2 * source + 2):
            u, d = seed_node[k], seed_ds[k]
            if d <= cutoff_ds and d < time[u]:
                if time[u] == FAR:
                    touched[touched_count] = u
                    touched_count += 1
                time[u] = d
                entry_node[entries] = u
                entry_next[entries] = bucket[d]
                bucket[d] = entries
                entries += 1
                waiting += 1
        now = 0
        while waiting > 0:
            entry = bucket[now]
            if entry < 0:
                now += 1
                continue
            bucket[now] = entry_next[entry]
            waiting -= 1
            u = entry_node[entry]
            if time[u] != now:
                continue  # reached sooner by another way
            for e in range(pointer[u], pointer[u + 1]):
                d = now + ds[e]
                v = node[e]
                if d <= cutoff_ds and d < time[v]:
                    if time[v] == FAR:
                        touched[touched_count] = v
                        touched_count += 1
                    time[v] = d
                    entry_node[entries] = v
                    entry_next[entries] = bucket[d]
                    bucket[d] = entries
                    entries += 1
                    waiting += 1
        for k in range(touched_count):
            u = touched[k]
            for e in range(target_pointer[u], target_pointer[u + 1]):
                d = time[u] + target_ds[e]
                t = target_id[e]
                if d <= cutoff_ds and d < best[t]:
                    if best[t] == FAR:
                        found[found_count] = t
                        found_count += 1
                    best[t] = d
            time[u] = FAR
        for e in range(direct_pointer[source], direct_pointer[source + 1]):
            d = direct_ds[e]
            t = direct_target[e]
            if d <= cutoff_ds and d < best[t]:
                if best[t] == FAR:
                    found[found_count] = t
                    found_count += 1
                best[t] = d
        for k in range(found_count):
            t = found[k]
            out_target[used] = t
            out_ds[used] = best[t]
            best[t] = FAR
            used += 1
        out_size[source] = found_count
        source += 1
    return source, used


def _compiled() -> "Callable[..., tuple[int, int]]":
    """Compile the search, and keep it on disk where there is a place to keep it."""
    try:
        return nb.njit(_SIGNATURE, nogil=True, cache=True)(_times_to_targets)
    except RuntimeError:  # a read-only installation and no home: compile in every process
        return nb.njit(_SIGNATURE, nogil=True)(_times_to_targets)


times_to_targets = _compiled()
