r"""What is left to a site that seats no more than so many users.

With prices :math:`\lambda_i` of the points and any price :math:`\kappa \in [0, 1]` of its
:math:`K` seats, a site whose users are :math:`g_i`, at most, is left no more than

.. math::

    K \kappa + \sum_i \max\bigl(0, g_i (1 - \kappa) - \lambda_i\bigr)

(Current and Storbeck 1988). The best price is where the points that still gain fill the seats. It
is looked for in floating point, made a whole number, and what it gives is computed exactly.
"""

import numpy as np

from planner.certificate._space import Layer, Longs, Space

_FINE = 20  # prices of seats are whole multiples of 2**-20


def left_where_seated(space: Space, layer: Layer, price: Longs, shift: int) -> list[int]:
    """Return what is left to each option, over ``2 ** shift``, at prices of the points.

    Parameters
    ----------
    space
        Options and their seats.
    layer
        Users, by point and site.
    price
        Of each point, over ``2 ** shift``.
    shift
        As much as leaves the sums room in 64 bits.
    """
    order = np.argsort(layer.site, kind="stable")
    edges = np.searchsorted(layer.site[order], np.arange(len(space.candidates) + 1))
    gain = layer.gain[order]
    paid = np.repeat(price, layer.sizes)[order]
    found = []
    for site, tier in zip(space.site.tolist(), space.tier.tolist(), strict=True):
        here = slice(int(edges[site]), int(edges[site + 1]))
        found.append(left_of_one(gain[here], paid[here], int(space.seats[site, tier]), shift))
    return found


def left_of_one(gain: Longs, price: Longs, seats: int, shift: int) -> int:
    """Return what is left to one option: gains of its points, whole; their prices; its seats."""
    free = np.maximum((gain << shift) - price, 0)
    wanted = int(gain[free > 0].sum())
    if wanted <= seats:
        return int(free.sum())
    share = price / np.ldexp(gain.astype(float), shift)  # the first to come gain most
    first = np.argsort(share, kind="stable")
    last = int(np.searchsorted(np.cumsum(gain[first]), seats, side="right"))
    fine = min(_FINE, shift)
    one = 1 << fine
    kappa = min(max(round((1.0 - float(share[first[last]])) * one), 0), one)
    left = np.maximum(((gain * (one - kappa)) << (shift - fine)) - price, 0)
    return (seats * kappa << (shift - fine)) + int(left.sum())
