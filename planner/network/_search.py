"""The bounded search at the heart of all minutes, compiled once and kept on disk.

Dijkstra's algorithm (1959) with a bucket queue (Dial 1969): times are whole tenths of a second
and bounded by a cutoff, so the queue is an array of lists, one for every 16 tenths, and nothing is
compared. Inside a list the order is free: a node that is reached sooner later on is taken again.
On rows in Hilbert order the search runs near the speed of memory. Only nodes within the cutoff are
ever touched, and what is found comes out in the order of the targets where it is dense: to scan is
then cheaper than to sort.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numba as nb
import numpy as np

from planner.network._arrays import FAR, Ints

_Kernel: TypeAlias = Callable[..., Any]

_READ = nb.types.Array(nb.int32, 1, "C", readonly=True)
_WRITE = nb.types.Array(nb.int32, 1, "C")
_SIGNATURE = nb.types.UniTuple(nb.int64, 2)(  # type: ignore[no-untyped-call] # Numba has no types
    *(_READ,) * 2,  # adjacency: pointer; node and ds, side by side
    *(_READ,) * 2,  # seeds: node, ds; two a source
    *(_READ,) * 3,  # direct: pointer by source, target, ds
    *(_READ,) * 2,  # targets: pointer by node; target and ds, side by side
    nb.int64,  # cutoff_ds
    nb.int64,  # first source
    nb.int64,  # last source, not included
    *(_WRITE,) * 3,  # out: pairs by source, target, ds
    *(_WRITE,) * 6,  # workspace
)
_SLOT_BITS = 4  # a slot of the queue holds 16 tenths of a second
_DENSE = 16  # so many places per one found are scanned rather than sorted


def workspace(nodes: int, entries: int, targets: int, cutoff_ds: int) -> tuple[Ints, ...]:
    """Return the scratch arrays of one thread: all far, all empty."""
    return (
        np.full(nodes, FAR, np.int32),  # time to each node
        np.empty(nodes, np.int32),  # nodes touched
        np.full((cutoff_ds >> _SLOT_BITS) + 1, -1, np.int32),  # first entry of each slot
        np.empty(2 * entries, np.int32),  # node of each entry, and next entry in its slot
        np.full(targets, FAR, np.int32),  # time to each target
        np.empty(targets, np.int32),  # targets touched
    )


def _times_to_targets(  # type: ignore[no-untyped-def] # typed by its Numba signature
    pointer, edge,
    seed_node, seed_ds,
    direct_pointer, direct_target, direct_ds,
    target_pointer, target_edge,
    cutoff_ds, first, last,
    out_size, out_target, out_ds,
    time, touched, slots, entry, best, found,
):  # fmt: skip
    """Fill `out_*` with the targets within the cutoff of sources `first` to `last`.

    Stops early when the next source might not fit; returns the next source and the pairs written.
    """
    one, two = np.uint64(1), np.uint64(2)
    room = np.uint64(entry.size // 2)
    used = np.uint64(0)
    source = first
    while source < last and used + np.uint64(best.size) <= np.uint64(out_target.size):
        entries = touched_count = found_count = np.uint64(0)
        waiting = 0
        for k in range(2 * source, 2 * source + 2):
            u, d = np.uint64(seed_node[k]), seed_ds[k]
            if d <= cutoff_ds and d < time[u]:
                if time[u] == FAR:
                    touched[touched_count] = u
                    touched_count += one
                time[u] = d
                slot = np.uint64(d >> _SLOT_BITS)
                entry[two * entries] = u
                entry[two * entries + one] = slots[slot]
                slots[slot] = entries
                entries += one
                waiting += 1
        slot = np.uint64(0)
        while waiting > 0:
            top = slots[slot]
            if top < 0:
                slot += one
                continue
            at = two * np.uint64(top)
            u = np.uint64(entry[at])
            slots[slot] = entry[at + one]
            waiting -= 1
            now = time[u]
            if np.uint64(now >> _SLOT_BITS) != slot:
                continue  # reached sooner by another way
            begin, end = np.uint64(pointer[u]), np.uint64(pointer[u + one])
            if entries + end - begin > room:
                for k in range(touched_count):
                    time[np.uint64(touched[k])] = FAR
                slots[:] = -1
                return source, np.int64(used)
            for e in range(begin, end):
                d = now + edge[two * e + one]
                if d <= cutoff_ds:
                    v = np.uint64(edge[two * e])
                    was = time[v]
                    if d < was:
                        if was == FAR:
                            touched[touched_count] = v
                            touched_count += one
                        time[v] = d
                        s = np.uint64(d >> _SLOT_BITS)
                        entry[two * entries] = v
                        entry[two * entries + one] = slots[s]
                        slots[s] = entries
                        entries += one
                        waiting += 1
        low, high = np.int64(time.size), np.int64(-1)
        for k in range(touched_count):
            low = min(low, np.int64(touched[k]))
            high = max(high, np.int64(touched[k]))
        ordered = high - low < np.int64(_DENSE // 2) * np.int64(touched_count)
        steps = high + 1 - low if ordered else np.int64(touched_count)
        for k in range(steps):
            u = np.uint64(low + k) if ordered else np.uint64(touched[np.uint64(k)])
            now = time[u]
            if now == FAR:
                continue
            time[u] = FAR
            for e in range(np.uint64(target_pointer[u]), np.uint64(target_pointer[u + one])):
                d = now + target_edge[two * e + one]
                if d <= cutoff_ds:
                    t = np.uint64(target_edge[two * e])
                    was = best[t]
                    if d < was:
                        best[t] = d
                        if was == FAR:
                            found[found_count] = t
                            found_count += one
        for e in range(direct_pointer[source], direct_pointer[source + 1]):
            d, t = direct_ds[e], np.uint64(direct_target[e])
            if d <= cutoff_ds and d < best[t]:
                if best[t] == FAR:
                    found[found_count] = t
                    found_count += one
                best[t] = d
        low, high = np.int64(best.size), np.int64(-1)
        for k in range(found_count):
            low = min(low, np.int64(found[k]))
            high = max(high, np.int64(found[k]))
        ordered = high - low < np.int64(_DENSE) * np.int64(found_count)
        steps = high + 1 - low if ordered else np.int64(found_count)
        for k in range(steps):
            t = np.uint64(low + k) if ordered else np.uint64(found[np.uint64(k)])
            d = best[t]
            if d != FAR:
                out_target[used] = t
                out_ds[used] = d
                best[t] = FAR
                used += one
        out_size[source] = found_count
        source += 1
    return source, np.int64(used)


_BY_NODE = nb.types.void(*(_READ,) * 4, nb.int64, *(_WRITE,) * 2)


def _targets_by_node(  # type: ignore[no-untyped-def] # typed by its Numba signature
    start, end, start_ds, end_ds, cutoff_ds, pointer, pairs,
):  # fmt: skip
    """Fill rows, one a node, with the targets next to it and the times: a counting sort."""
    count = start.size
    for t in range(count):
        if start_ds[t] <= cutoff_ds:
            pointer[start[t] + 2] += 1
        if end_ds[t] <= cutoff_ds:
            pointer[end[t] + 2] += 1
    for k in range(2, pointer.size):
        pointer[k] += pointer[k - 1]
    for t in range(count):
        if start_ds[t] <= cutoff_ds:
            at = pointer[start[t] + 1]
            pairs[2 * at], pairs[2 * at + 1] = t, start_ds[t]
            pointer[start[t] + 1] = at + 1
        if end_ds[t] <= cutoff_ds:
            at = pointer[end[t] + 1]
            pairs[2 * at], pairs[2 * at + 1] = t, end_ds[t]
            pointer[end[t] + 1] = at + 1


def _compiled(function: _Kernel, signature: object) -> _Kernel:
    """Compile a kernel, and keep it on disk where there is a place to keep it."""
    try:
        return nb.njit(signature, nogil=True, cache=True)(function)
    except RuntimeError:  # a read-only installation and no home: compile in every process
        return nb.njit(signature, nogil=True)(function)


times_to_targets = _compiled(_times_to_targets, _SIGNATURE)
targets_by_node = _compiled(_targets_by_node, _BY_NODE)
