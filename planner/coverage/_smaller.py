# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
# The kernels are typed by their Numba signatures, and Numba has no types.
"""Compiled kernels that arrange an instance of `_gains` and make it smaller, its optimum kept."""

import numba as nb
import numpy as np

from planner.coverage._gains import B1, F8, I4, INSTANCE, compiled, float64, int64


@compiled(int64(I4, I4, F8, F8, I4, I4, F8, F8, B1))
def dominated(row_ptr, row_col, row_cost, cap, col_ptr, col_row, col_cost, lin, state):
    """Mark (2) each free site that another serves as cheaply everywhere; return how many.

    Of two that serve alike the first stays. A site that saves something by itself is kept.
    """
    m = lin.size
    stamp = np.full(m, -1, np.int64)
    alive = np.empty(m, np.int32)
    count, mark = 0, 0
    for a in range(m):
        begin, end = col_ptr[a], col_ptr[a + 1]
        if state[a] != 0 or lin[a] > 0:
            continue
        if begin == end:
            state[a] = 2
            count += 1
            continue
        shortest = begin
        for e in range(begin, end):
            i, s = col_row[e], col_row[shortest]
            if row_ptr[i + 1] - row_ptr[i] < row_ptr[s + 1] - row_ptr[s]:
                shortest = e
        size = 0
        i, c = col_row[shortest], col_cost[shortest]
        for f in range(row_ptr[i], row_ptr[i + 1]):
            if row_cost[f] > c:
                break
            b = row_col[f]
            if b != a and state[b] != 2:
                alive[size] = b
                size += 1
        for e in range(begin, end):
            if size == 0:
                break
            i, c = col_row[e], col_cost[e]
            mark += 1
            for f in range(row_ptr[i], row_ptr[i + 1]):
                if row_cost[f] > c:
                    break
                stamp[row_col[f]] = mark
            kept = 0
            for k in range(size):
                if stamp[alive[k]] == mark:
                    alive[kept] = alive[k]
                    kept += 1
            size = kept
        for k in range(size):
            b = alive[k]
            alike = b > a and col_ptr[b + 1] - col_ptr[b] == end - begin and lin[b] == 0
            if alike:
                same = True
                for e in range(end - begin):
                    if (
                        col_row[begin + e] != col_row[col_ptr[b] + e]
                        or col_cost[begin + e] != col_cost[col_ptr[b] + e]
                    ):
                        same = False
                        break
                alike = same
            if not alike:
                state[a] = 2
                count += 1
                break
    return count


@compiled(nb.types.Tuple((*INSTANCE, F8, I4, float64))(*INSTANCE, float64, F8, B1, float64))
def shrink(
    row_ptr, row_col, row_cost, cap, col_ptr, col_row, col_cost, lin, const, u, state, slack
):
    """Return the instance once sites are in (state 1) or out (2), equal rows merged.

    A cost above its multiplier plus `slack` is in no plan worth finding and goes. Returns the
    arrays, the multipliers that fit them, which sites remain, and the constant cost.
    """
    n, m = cap.size, lin.size
    top = cap.copy()
    place = np.full(m, -1, np.int32)
    kept = np.empty(m, np.int32)
    sites = 0
    for j in range(m):
        if state[j] == 1:
            const -= lin[j]
            for e in range(col_ptr[j], col_ptr[j + 1]):
                top[col_row[e]] = min(top[col_row[e]], col_cost[e])
        elif state[j] == 0:
            place[j], kept[sites] = sites, j
            sites += 1
    new_lin = np.empty(sites)
    for k in range(sites):
        new_lin[k] = lin[kept[k]]
    new_ptr = np.empty(n + 1, np.int32)
    new_col = np.empty(row_col.size, np.int32)
    new_cost = np.empty(row_col.size)
    new_cap, new_u = np.empty(n), np.empty(n)
    bits = 4
    while (1 << bits) < 2 * n:
        bits += 1
    table = np.full(1 << bits, -1, np.int32)
    last = np.uint64((1 << bits) - 1)
    rows, used = 0, 0
    new_ptr[0] = 0
    for i in range(n):
        begin = used
        flat = True
        hashed = np.uint64(0x9E3779B97F4A7C15)
        limit = min(top[i], u[i] + slack + 1.0)
        for e in range(row_ptr[i], row_ptr[i + 1]):
            c = row_cost[e]
            if c >= limit:
                break
            k = place[row_col[e]]
            if k >= 0:
                new_col[used], new_cost[used] = k, c
                flat = flat and c == new_cost[begin]
                hashed = (hashed ^ np.uint64(k)) * np.uint64(0xD6E8FEB86659FD93)
                hashed ^= hashed >> np.uint64(29)
                used += 1
        size = used - begin
        if size == 0:
            const += top[i]
            continue
        base = new_cost[begin]
        if size == 1:
            const += top[i]
            new_lin[new_col[begin]] += top[i] - base
            used = begin
            continue
        const += base
        for e in range(begin, used):
            new_cost[e] -= base
        ui = min(max(u[i] - base, 0.0), top[i] - base)
        if flat:
            at = hashed & last
            while table[at] >= 0:
                r = table[at]
                same = new_ptr[r + 1] - new_ptr[r] == size
                if same:
                    for e in range(size):
                        if new_col[new_ptr[r] + e] != new_col[begin + e]:
                            same = False
                            break
                if same:
                    break
                at = (at + np.uint64(1)) & last
            r = table[at]
            if r >= 0:
                new_cap[r] += top[i] - base
                new_u[r] += ui
                used = begin
                continue
            table[at] = rows
        new_cap[rows], new_u[rows] = top[i] - base, ui
        rows += 1
        new_ptr[rows] = used
    ptr, col, cost = new_ptr[: rows + 1].copy(), new_col[:used].copy(), new_cost[:used].copy()
    by_ptr = np.zeros(sites + 1, np.int32)
    by_row, by_cost = np.empty(used, np.int32), np.empty(used)
    for e in range(used):
        by_ptr[col[e] + 1] += 1
    for k in range(sites):
        by_ptr[k + 1] += by_ptr[k]
    fill = by_ptr[:sites].copy()
    for i in range(rows):
        for e in range(ptr[i], ptr[i + 1]):
            k = col[e]
            by_row[fill[k]], by_cost[fill[k]] = i, cost[e]
            fill[k] += 1
    return (
        ptr,
        col,
        cost,
        new_cap[:rows].copy(),
        by_ptr,
        by_row,
        by_cost,
        new_lin,
        new_u[:rows].copy(),
        kept[:sites].copy(),
        const,
    )


@compiled(nb.types.Tuple((*INSTANCE,))(I4, I4, F8, F8, int64))
def arranged(row_ptr, row_col, row_cost, cap, sites):
    """Return the instance of these rows: sites in order of cost in each, and columns."""
    used = row_col.size
    col, cost = np.empty(used, np.int32), np.empty(used)
    by_ptr = np.zeros(sites + 1, np.int32)
    for i in range(cap.size):
        begin, end = row_ptr[i], row_ptr[i + 1]
        order = np.argsort(row_cost[begin:end], kind="mergesort")
        for k in range(end - begin):
            col[begin + k] = row_col[begin + order[k]]
            cost[begin + k] = row_cost[begin + order[k]]
            by_ptr[col[begin + k] + 1] += 1
    for k in range(sites):
        by_ptr[k + 1] += by_ptr[k]
    by_row, by_cost = np.empty(used, np.int32), np.empty(used)
    fill = by_ptr[:sites].copy()
    for i in range(cap.size):
        for e in range(row_ptr[i], row_ptr[i + 1]):
            k = col[e]
            by_row[fill[k]], by_cost[fill[k]] = i, cost[e]
            fill[k] += 1
    return row_ptr.copy(), col, cost, cap.copy(), by_ptr, by_row, by_cost, np.zeros(sites)
