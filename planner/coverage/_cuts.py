r"""The value of a layer of coverage at any openings, and the plane that bounds it; compiled.

A row :math:`i` has gains :math:`g_{i1} \ge g_{i2} \ge \dots` over the options that reach it. At
openings :math:`y \in [0, 1]^J` it is worth what it takes from the best options first, one opening
in all (Magnanti and Wong 1981). The price :math:`\lambda_i` is the gain of the option that fills
the row, 0 when nothing does, and for any other openings the row is worth at most
:math:`\lambda_i + \sum_j \max(0, g_{ij} - \lambda_i) y_j`.

A row with a second opening, worth a share :math:`\rho` of the first, has one gain for all its
options; with :math:`s = g - \lambda` the plane is
:math:`\max(0, g - s) + \max(0, \rho g - s) + s \sum_j y_j`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numba as nb

_Kernel: TypeAlias = Callable[..., Any]
_FULL = 1.0 - 1e-9  # an opening that is whole, to the tolerance of the solver

_LONGS = nb.types.Array(nb.int64, 1, "C", readonly=True)
_INTS = nb.types.Array(nb.int32, 1, "C", readonly=True)
_REALS = nb.types.Array(nb.float64, 1, "C", readonly=True)
_OUT = nb.types.Array(nb.float64, 1, "C")
_TABLE = nb.types.Array(nb.float64, 2, "C")
_ROWS = (_LONGS, _INTS, _REALS, _INTS)  # pointer, option, gain, block


def _values(pointer, option, gain, block, second, opened, value, price):  # type: ignore[no-untyped-def] # typed by its Numba signature
    """Add the worth of each row to its block's `value`, and write its price."""
    for row in range(pointer.size - 1):
        room = 1.0
        worth = 0.0
        charge = 0.0
        for k in range(pointer[row], pointer[row + 1]):
            share = opened[option[k]]
            if share <= 0.0:
                continue
            if share >= room - (1.0 - _FULL):
                worth += gain[k] * room
                charge = gain[k]
                room = 0.0
                break
            worth += gain[k] * share
            room -= share
        if second > 0.0 and room == 0.0:
            reach = 0.0
            top = gain[pointer[row]]
            for k in range(pointer[row], pointer[row + 1]):
                reach += opened[option[k]]
            more = min(max(reach - 1.0, 0.0), 1.0)
            worth += second * top * more
            charge = top * (1.0 - second) if more < _FULL else top
        value[block[row]] += worth
        price[row] = charge


def _slopes(pointer, option, gain, block, second, price, plane, intercept):  # type: ignore[no-untyped-def] # typed by its Numba signature
    """Add the plane of each row, at its price, to its block's."""
    for row in range(pointer.size - 1):
        charge = price[row]
        home = block[row]
        intercept[home] += charge
        if second > 0.0 and pointer[row] < pointer[row + 1]:
            top = gain[pointer[row]]
            intercept[home] += max(0.0, charge - (1.0 - second) * top)
        for k in range(pointer[row], pointer[row + 1]):
            if gain[k] <= charge:
                break
            plane[home, option[k]] += gain[k] - charge


def _compiled(function: _Kernel, *signature: object) -> _Kernel:
    kernel: _Kernel = nb.njit(nb.void(*signature), cache=True, nogil=True)(function)
    return kernel


values = _compiled(_values, *_ROWS, nb.float64, _REALS, _OUT, _OUT)
slopes = _compiled(_slopes, *_ROWS, nb.float64, _REALS, _TABLE, _OUT)
