# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
# The kernels are typed by their Numba signatures, and Numba has no types.
"""Compiled kernels of the covering models: Lagrangian bounds, and plans by greedy choice and swaps.

An instance is a matrix of costs, by row and by column. A row is a demand point, or several that the
same sites serve; its cost is that of its cheapest chosen site, or its `cap` if none is cheaper.
Rows hold their sites in order of cost. `lin` is what a site saves by itself. All costs are whole
numbers, and multipliers lie on a grid so coarse that every sum is exact: no bound is rounded.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numba as nb
import numpy as np

Kernel: TypeAlias = Callable[..., Any]

I4 = nb.types.Array(nb.int32, 1, "C")
I8 = nb.types.Array(nb.int64, 1, "C")
F8 = nb.types.Array(nb.float64, 1, "C")
B1 = nb.types.Array(nb.int8, 1, "C")
F82 = nb.types.Array(nb.float64, 2, "C")
B2 = nb.types.Array(nb.int8, 2, "C")
NEVER = -1e300  # what a site saves that must stay out
int64, float64, void = nb.int64, nb.float64, nb.types.void
INSTANCE = (
    *(I4, I4, F8),  # rows: pointer, site, cost
    F8,  # cap
    *(I4, I4, F8),  # columns: pointer, row, cost
    F8,  # lin
)


def compiled(signature: object) -> Callable[[Kernel], Kernel]:
    """Compile a kernel, and keep it on disk where there is a place to keep it."""

    def compile_it(function: Kernel) -> Kernel:
        try:
            return nb.njit(signature, nogil=True, cache=True)(function)
        except RuntimeError:  # a read-only installation and no home: compile in every process
            return nb.njit(signature, nogil=True)(function)

    return compile_it


@compiled(float64(F8, F8, int64, int64))
def kth_largest(values, work, size, k):
    """Return the k-th largest of the first `size` values (k from 1)."""
    for j in range(size):
        work[j] = values[j]
    low, high, want = 0, size - 1, k - 1
    while low < high:
        pivot = work[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while work[i] > pivot:
                i += 1
            while work[j] < pivot:
                j -= 1
            if i <= j:
                work[i], work[j] = work[j], work[i]
                i += 1
                j -= 1
        if want <= j:
            high = j
        elif want >= i:
            low = i
        else:
            break
    return work[want]


@compiled(void(*INSTANCE, F8, F8, nb.boolean))
def reduced_gains(row_ptr, row_col, row_cost, cap, col_ptr, col_row, col_cost, lin, u, rho, flat):
    """Fill `rho` with what each site saves at the multipliers `u`; `flat`: all costs are zero."""
    if flat:
        for j in range(lin.size):
            a, b = lin[j], 0.0
            begin, end = col_ptr[j], col_ptr[j + 1]
            for e in range(begin, end - 1, 2):
                a += u[np.uint32(col_row[e])]
                b += u[np.uint32(col_row[e + 1])]
            if (end - begin) & 1:
                a += u[np.uint32(col_row[end - 1])]
            rho[j] = a + b
        return
    rho[:] = lin
    for i in range(u.size):
        ui = u[i]
        for e in range(row_ptr[i], row_ptr[i + 1]):
            c = row_cost[e]
            if c >= ui:
                break
            rho[row_col[e]] += ui - c


@compiled(
    nb.types.UniTuple(float64, 2)(
        *INSTANCE, float64, int64, F8, float64, float64, int64, float64, float64, F8, F8, B1
    )
)
def ascend(
    row_ptr,
    row_col,
    row_cost,
    cap,
    col_ptr,
    col_row,
    col_cost,
    lin,
    const,
    p,
    u,
    target,
    enough,
    steps,
    theta,
    magic,
    rho_best,
    mean,
    chosen,
):
    """Raise the Lagrangian bound by deflected subgradient steps from the multipliers `u`.

    Leaves the best multipliers in `u`, what each site saves at them in `rho_best`, the running mean
    of the choices in `mean`, the best plan met in `chosen`; returns the best bound and the value of
    that plan. Stops as soon as the bound is above `enough`.
    """
    n, m = cap.size, lin.size
    p = min(p, m)
    flat = True
    for e in range(row_cost.size):
        if row_cost[e] != 0.0:
            flat = False
            break
    now = u.copy()
    scale = np.sqrt(cap)
    rho = np.empty(m)
    work = np.empty(m)
    count = np.empty(n, np.int32)
    cheapest = np.empty(n)
    direction = np.zeros(n)
    picked = np.empty(max(p, 1), np.int32)
    best, plan_value = -np.inf, np.inf
    since = 0
    for step in range(steps):
        total = const
        for i in range(n):
            total += now[i]
        reduced_gains(
            row_ptr, row_col, row_cost, cap, col_ptr, col_row, col_cost, lin, now, rho, flat
        )
        bound = total
        size = 0
        if p > 0:
            least = kth_largest(rho, work, m, p)
            for j in range(m):
                if rho[j] > least:
                    picked[size] = j
                    size += 1
            for j in range(m):
                if size == p:
                    break
                if rho[j] == least:
                    picked[size] = j
                    size += 1
        for i in range(n):
            count[i] = 0
            cheapest[i] = cap[i]
        value = const
        share = 1.0 if step == 0 else 0.1
        for j in range(m):
            mean[j] *= 1.0 - share
        for k in range(size):
            j = picked[k]
            bound -= rho[j]
            value -= lin[j]
            mean[j] += share
            for e in range(col_ptr[j], col_ptr[j + 1]):
                i = col_row[e]
                c = col_cost[e]
                count[i] += c < now[i]
                cheapest[i] = min(cheapest[i], c)
        for i in range(n):
            value += cheapest[i]
        if value < plan_value:
            plan_value = value
            chosen[:] = 0
            for k in range(size):
                chosen[picked[k]] = 1
            target = min(target, value)
        if bound > best:
            if bound > best + 0.003 * (target - best):
                since = 0
            best = bound
            u[:] = now
            rho_best[:] = rho
        else:
            since += 1
            if since >= 10:
                since = 0
                theta *= 0.6
        if best > enough or best >= target or step == steps - 1:
            break
        norm = 0.0
        for i in range(n):
            d = 0.1 * (1 - count[i]) + 0.9 * direction[i]
            if (d > 0 and now[i] >= cap[i]) or (d < 0 and now[i] <= 0):
                d = 0.0
            direction[i] = d
            norm += d * d * scale[i]
        if norm < 1e-9:
            continue
        length = theta * (target - bound) / norm
        for i in range(n):
            x = now[i] + length * direction[i] * scale[i]
            x = (x + magic) - magic
            now[i] = min(max(x, 0.0), cap[i])
    return best, plan_value


@compiled(nb.types.UniTuple(float64, 2)(*INSTANCE, float64, int64, B1, int64))
def improve(
    row_ptr, row_col, row_cost, cap, col_ptr, col_row, col_cost, lin, const, p, chosen, seed
):
    """Fill up `chosen` to `p` sites greedily, then swap site for site while that helps.

    Returns the value and the number of entries read. With a seed above 0, a few sites drawn from it
    are thrown out first.
    """
    n, m = cap.size, lin.size
    p = min(p, m)
    slot = np.full(m, -1, np.int32)
    member = np.empty(max(p, 1), np.int32)
    size = 0
    for j in range(m):
        if chosen[j]:
            slot[j], member[size] = size, j
            size += 1
    state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x2545F4914F6CDD1D)
    if seed > 0:
        for _ in range(min(size, 2 + seed % 3)):
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            k = np.int64(state % np.uint64(size))
            j = member[k]
            size -= 1
            chosen[j], slot[j] = 0, -1
            if k < size:
                member[k] = member[size]
                slot[member[k]] = k
    gain, loss = np.empty(m), np.empty(max(p, 1))
    extra = np.empty((m, max(p, 1)))
    read = 0
    value = 0.0
    while True:
        value = const
        for k in range(size):
            value -= lin[member[k]]
            loss[k] = lin[member[k]]
        gain[:] = lin
        swaps = size == p
        if swaps:
            extra[:, :] = 0.0
        for i in range(n):
            a = b = cap[i]
            o = -1
            begin, end = row_ptr[i], row_ptr[i + 1]
            for e in range(begin, end):
                c = row_cost[e]
                if slot[row_col[e]] >= 0 and c < b:
                    if o < 0:
                        a, o = c, slot[row_col[e]]
                    else:
                        b = c
                        break
            value += a
            if o >= 0:
                loss[o] += b - a
            for e in range(begin, end):
                c = row_cost[e]
                read += 1
                if c >= b:
                    break
                j = row_col[e]
                if c < a:
                    gain[j] += a - c
                    if o >= 0 and swaps:
                        extra[j, o] += b - a
                elif o >= 0 and swaps:
                    extra[j, o] += b - c
        best, leave, enter = 0.0, -1, -1
        for j in range(m):
            if slot[j] >= 0:
                continue
            if not swaps:
                if enter < 0 or gain[j] > best:
                    best, enter = gain[j], j
                continue
            for k in range(p):
                d = gain[j] - loss[k] + extra[j, k]
                if d > best:
                    best, enter, leave = d, j, k
        if enter < 0:
            return value, np.float64(read)
        if swaps:
            chosen[member[leave]] = 0
            slot[member[leave]] = -1
            member[leave], slot[enter] = enter, leave
        else:
            member[size], slot[enter] = enter, size
            size += 1
        chosen[enter] = 1


@compiled(int64(F8, int64, float64, B1))
def settle(rho, p, room, state):
    """Mark the sites whose reduced gain shows them in (1) or out (2) of every better plan.

    `room` is how far the bound may still rise. Returns how many sites were marked.
    """
    m = rho.size
    p = min(p, m)
    work = np.empty(m)
    inside = kth_largest(rho, work, m, p) if p > 0 else np.inf
    outside = kth_largest(rho, work, m, p + 1) if p < m else 0.0
    count = 0
    for j in range(m):
        state[j] = 0
        if rho[j] <= outside and inside - rho[j] > room:
            state[j] = 2
        elif rho[j] >= inside and rho[j] - outside > room:
            state[j] = 1
        count += state[j] != 0
    return count


@compiled(F8(I4, I4, F8, F8, B1))
def first_multipliers(row_ptr, row_col, row_cost, cap, chosen):
    """Return multipliers half-way between the costs of the first and second chosen site."""
    u = np.empty(cap.size)
    for i in range(cap.size):
        a = b = cap[i]
        met = 0
        for e in range(row_ptr[i], row_ptr[i + 1]):
            if chosen[row_col[e]]:
                met += 1
                if met == 1:
                    a = min(a, row_cost[e])
                else:
                    b = min(b, row_cost[e])
                    break
        u[i] = np.floor(0.5 * (a + b))
    return u


@compiled(
    void(*INSTANCE, float64, int64, F8, I4, int64, float64, float64, int64, float64, float64,
         F82, F8, F8, B2)
)  # fmt: skip
def try_sites(
    row_ptr, row_col, row_cost, cap, col_ptr, col_row, col_cost, lin,
    const, p, u, sites, way, target, enough, steps, length, magic,
    out_u, out_bound, out_value, out_plan,
):  # fmt: skip
    """Raise the bound a little with each of some sites in (way 1) or out (2), one at a time."""
    rho, mean = np.empty(lin.size), np.empty(lin.size)
    for k in range(sites.size):
        j = sites[k]
        here, own, top = const, lin.copy(), cap.copy()
        own[j] = NEVER
        left = p
        now = out_u[k]
        now[:] = u
        if way == 1:
            left -= 1
            here -= lin[j]
            for e in range(col_ptr[j], col_ptr[j + 1]):
                i = col_row[e]
                top[i] = min(top[i], col_cost[e])
                now[i] = min(now[i], top[i])
        out_bound[k], out_value[k] = ascend(
            row_ptr, row_col, row_cost, top, col_ptr, col_row, col_cost, own,
            here, left, now, target, enough, steps, length, magic, rho, mean, out_plan[k],
        )  # fmt: skip
        if way == 1:
            out_plan[k, j] = 1
