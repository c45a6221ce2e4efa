r"""Prices of seats at any openings, and the plane they give; compiled.

At prices :math:`\kappa \in [0, 1]^J` a user of option :math:`j` is worth
:math:`h_{ij} = g_{ij} (1 - \kappa_j)` a unit, and a point fills up with the openings that are worth
most to it. What that gives, and the seats at their prices, is a bound that is convex in the prices:

.. math::

    D(\kappa) = \sum_j K_j y_j \kappa_j + \sum_i \max \Bigl\{\sum_j h_{ij} x_{ij} :
    \sum_j x_{ij} \le 1, \; 0 \le x_{ij} \le y_j\Bigr\}

Its slope along :math:`\kappa_j` is the seats there are less those that are asked for. Each price
follows the sign of its slope, by a step of its own that grows while the sign lasts and shrinks when
it turns (Riedmiller and Braun 1993): the best prices met are kept.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numba as nb
import numpy as np

_Kernel: TypeAlias = Callable[..., Any]
_EMPTY = 1e-9  # room in a point that is none, to the tolerance of the solver
_FASTER, _SLOWER, _LONGEST = 1.3, 0.5, 0.2  # of the steps
_HALVINGS = 14  # of the price of an option that is closed

_LONGS = nb.types.Array(nb.int64, 1, "C", readonly=True)
_INTS = nb.types.Array(nb.int32, 1, "C", readonly=True)
_REALS = nb.types.Array(nb.float64, 1, "C", readonly=True)
_OUT = nb.types.Array(nb.float64, 1, "C")
_OUT_INTS = nb.types.Array(nb.int32, 1, "C")


def _inner(function: _Kernel) -> _Kernel:
    kernel: _Kernel = nb.njit(cache=True, nogil=True)(function)
    return kernel


def _compiled(function: _Kernel, *signature: object) -> _Kernel:
    kernel: _Kernel = nb.njit(nb.void(*signature), cache=True, nogil=True)(function)
    return kernel


@_inner
def _sort(first, last, kappa, pairs):  # type: ignore[no-untyped-def] # typed by its callers
    """Put a row in the order of what its options are worth at these prices."""
    option, gain, worth = pairs
    for k in range(first, last):
        o, g = option[k], gain[k]
        h = g * (1.0 - kappa[o])
        at = k
        while at > first and worth[at - 1] < h:
            worth[at], gain[at], option[at] = worth[at - 1], gain[at - 1], option[at - 1]
            at -= 1
        worth[at], gain[at], option[at] = h, g, o


@_inner
def _fill(first, last, opened, pairs, load):  # type: ignore[no-untyped-def] # typed by its callers
    """Fill a row, best first; return its worth and the price of what fills it."""
    option, gain, worth = pairs
    room, value = 1.0, 0.0
    for k in range(first, last):
        if worth[k] <= 0.0:
            break
        o = option[k]
        share = min(opened[o], room)
        value += worth[k] * share
        load[o] += gain[k] * share
        room -= share
        if room <= _EMPTY:
            return value, worth[k]
    return value, 0.0


@_inner
def _step(load, seats, kappa, step, sign, least):  # type: ignore[no-untyped-def] # typed by its callers
    """Move each price by the sign of its slope; return the largest move."""
    largest = 0.0
    for o in range(kappa.size):
        over = load[o] - seats[o]
        way = 1.0 if over > 0.0 else (-1.0 if over < 0.0 and kappa[o] > 0.0 else 0.0)
        if way * sign[o] > 0.0:
            step[o] = min(step[o] * _FASTER, _LONGEST)
        elif way * sign[o] < 0.0:
            step[o] = max(step[o] * _SLOWER, least)
        if way != 0.0:
            sign[o] = way
        new = min(1.0, max(0.0, kappa[o] + way * step[o]))
        largest = max(largest, abs(new - kappa[o]))
        kappa[o] = new
    return largest


def _settle(pointer, option, gain, opened, seats, rounds, steps, kappa, price):  # type: ignore[no-untyped-def] # typed by its Numba signature
    """Improve prices, here `kappa`; write the best met, and the price of each row there."""
    pairs = (option, gain, np.zeros(gain.size))
    size = opened.size
    load, step, sign = np.zeros(size), np.full(size, steps[0]), np.zeros(size)
    now, charge = kappa.copy(), np.zeros(price.size)
    least = np.inf
    for _ in range(rounds):
        load[:] = 0.0
        value = 0.0
        for row in range(price.size):
            first, last = pointer[row], pointer[row + 1]
            _sort(first, last, now, pairs)
            worth, charge[row] = _fill(first, last, opened, pairs, load)
            value += worth
        for o in range(size):
            if now[o] > 0.0:
                value += seats[o] * now[o]
        if value < least:
            least = value
            kappa[:] = now
            price[:] = charge
        if _step(load, seats, now, step, sign, steps[1]) <= steps[1]:
            break


@_inner
def _asked(first, last, row, gain, price, kappa):  # type: ignore[no-untyped-def] # typed by its callers
    """Return the seats an option would be asked for, by the rows it is better for."""
    total = 0.0
    for k in range(first, last):
        if gain[k] * (1.0 - kappa) > price[row[k]]:
            total += gain[k]
    return total


def _lift(pointer, row, gain, price, seats, kappa):  # type: ignore[no-untyped-def] # typed by its Numba signature
    """Price the seats of options that have no price yet, so that opening them promises least."""
    for o in range(kappa.size):
        first, last = pointer[o], pointer[o + 1]
        if kappa[o] >= 0.0:
            continue
        kappa[o] = 0.0
        if _asked(first, last, row, gain, price, 0.0) <= seats[o]:
            continue
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            half = (low + high) / 2
            if _asked(first, last, row, gain, price, half) > seats[o]:
                low = half
            else:
                high = half
        kappa[o] = high


def _slope(pointer, row, gain, price, seats, kappa, slope):  # type: ignore[no-untyped-def] # typed by its Numba signature
    """Write what the plane promises for opening each option."""
    for o in range(kappa.size):
        total = seats[o] * kappa[o] if kappa[o] > 0.0 else 0.0
        for k in range(pointer[o], pointer[o + 1]):
            total += max(0.0, gain[k] * (1.0 - kappa[o]) - price[row[k]])
        slope[o] = total


settle = _compiled(
    _settle, _LONGS, _OUT_INTS, _OUT, _REALS, _REALS, nb.int64,
    nb.types.UniTuple(nb.float64, 2),  # type: ignore[no-untyped-call] # Numba has no types
    _OUT, _OUT,
)  # fmt: skip
lift = _compiled(_lift, _LONGS, _INTS, _REALS, _REALS, _REALS, _OUT)
slope = _compiled(_slope, _LONGS, _INTS, _REALS, _REALS, _REALS, _REALS, _OUT)
