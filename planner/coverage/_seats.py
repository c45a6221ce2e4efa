r"""Users who find a seat: a layer whose options have room for so many, and no more.

For demand points :math:`i` with gains :math:`g_{ij}` and options :math:`j` with :math:`K_j` seats
(in users), the worth of openings :math:`y` is that of the best way to send people, who may be split
among options (Current and Storbeck 1988; Pirkul and Schilling 1991):

.. math::

    \max \sum_{ij} g_{ij} x_{ij}, \quad \sum_j x_{ij} \le 1, \quad
    \sum_i g_{ij} x_{ij} \le K_j y_j, \quad 0 \le x_{ij} \le y_j

By duality any prices :math:`\lambda_i \ge 0` of the points and :math:`\kappa_j \in [0, 1]` of the
seats give a plane that holds for all openings:

.. math::

    \text{users}(y) \le \sum_i \lambda_i + \sum_j y_j \Bigl(K_j \kappa_j
    + \sum_i \max\bigl(0, g_{ij} (1 - \kappa_j) - \lambda_i\bigr)\Bigr)

At fractional openings the prices are found nearly (:mod:`planner.coverage._seat_prices`). At whole
ones they are exact: points that clearly prefer one option go there, a small linear program sends
the others, and its prices say whether the first were right; where not, they join the others.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from planner.coverage import _seat_prices
from planner.coverage._highs import Program
from planner.coverage._layers import Floats, Longs, Planes, Rows, Total

_SMALLEST = 0.01  # openings below are left out of the search for prices: the plane holds anyway
_ROUNDS, _MORE = 60, 200  # of the search for prices; for whole openings
_STEPS = (0.03, 1e-5)  # of prices: the first, the least
_CLEAR = 0.02  # of a gain: a preference that is clear
_LOOSE = 1e-8  # of a gain: what the solver's tolerance may add
_TRIES = 20
_PATIENCE_S = 30.0
_WHOLE = 1e-9
_CROWD = 100_000  # seatings remembered

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows and the options open to them, compressed; options renumbered."""

    pointer: Longs
    option: np.ndarray[tuple[int], np.dtype[np.int32]]
    gain: Floats

    @property
    def row(self) -> Longs:
        """Row of each pair."""
        return np.repeat(np.arange(self.pointer.size - 1), np.diff(self.pointer))


@dataclass(frozen=True, eq=False)
class Seating:
    """Who goes where in a whole plan, and the price of its seats.

    Attributes
    ----------
    opened
        The open options.
    pairs, share
        Rows and open options, and the share of the row that goes there.
    kappa
        Price of a seat at each open option.
    """

    opened: Longs
    pairs: Pairs
    share: Floats
    kappa: Floats


@dataclass(frozen=True, eq=False)
class Seats:
    """A layer of rows that are served by open options while these have seats.

    Attributes
    ----------
    rows
        The same layer, were there always a seat.
    seats
        Of each option, whole units; inf where there is no limit.
    pointer, row, gain
        The rows, by option.
    """

    rows: Rows
    seats: Floats
    pointer: Longs
    row: np.ndarray[tuple[int], np.dtype[np.int32]]
    gain: Floats
    _last: Floats = field(repr=False)  # prices met last, to start from
    _known: dict[bytes, Seating] = field(default_factory=dict, repr=False)

    @property
    def unit(self) -> float:
        """Smallest difference between two worths of whole openings."""
        return self.rows.unit

    @property
    def most(self) -> Floats:
        """Largest worth of each block, were there always a seat."""
        return self.rows.most

    @property
    def block(self) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        """Block of each row, rising."""
        return self.rows.block

    def values(self, opened: Floats) -> Floats:
        """Return the worth of each block at whole openings: in all whole units, rounded down."""
        found = self.seating(opened)
        row = found.pairs.row
        seated = found.pairs.gain * found.share
        worth: Floats = np.bincount(self.block[row], seated, self.rows.blocks).astype(np.float64)
        total = float(worth.sum())
        if total > 0:
            worth *= whole_units(total) / total
        return worth * self.unit

    def ceiling(self, opened: Floats) -> float:
        """Return what whole openings are not worth more than, sooner than what they are worth.

        By weak duality, for any prices of seats: every row at the most it has left after the price,
        and every seat at its price.
        """
        here = np.flatnonzero(opened > 0.5)  # noqa: PLR2004 - open or not
        kappa, _ = self._settled(here, np.ones(here.size), _ROUNDS)
        pairs = self._pairs(here)
        price = np.zeros(self.block.size)
        np.maximum.at(price, pairs.row, pairs.gain * (1 - kappa[pairs.option]))
        paid = kappa > 0
        return float(price.sum() + kappa[paid] @ self.seats[here][paid]) * self.unit

    def planes(self, opened: Floats) -> Planes:
        """Return planes of the blocks, were there always a seat, and one of all that counts."""
        found = self.rows.planes(opened)
        whole = bool((np.abs(opened - np.rint(opened)) < _WHOLE).all())
        kappa, price = self._exact(np.rint(opened)) if whole else self._near(opened)
        _seat_prices.lift(self.pointer, self.row, self.gain, price, self.seats, kappa)
        slope = np.empty(self.rows.options)
        _seat_prices.slope(self.pointer, self.row, self.gain, price, self.seats, kappa, slope)
        total = Total(float(price.sum()) * self.unit, slope * self.unit, price, kappa)
        return replace(found, total=total)

    def _near(self, opened: Floats) -> tuple[Floats, Floats]:
        """Return good prices of seats, -1 where an option is closed, and the prices of rows."""
        here = np.flatnonzero(opened >= min(_SMALLEST, float(opened.max(initial=0.0))))
        here = here[opened[here] > 0]
        kappa, price = self._settled(here, opened[here], _ROUNDS)
        full = np.full(opened.size, -1.0)
        full[here] = kappa
        self._last[here] = kappa
        return full, price

    def _settled(self, here: Longs, opened: Floats, rounds: int) -> tuple[Floats, Floats]:
        pairs = self._pairs(here)
        kappa, price = self._last[here].copy(), np.zeros(self.block.size)
        _seat_prices.settle(
            pairs.pointer, pairs.option, pairs.gain, opened.copy(), self.seats[here] * opened,
            rounds, _STEPS, kappa, price,
        )  # fmt: skip
        return kappa, price

    def _exact(self, opened: Floats) -> tuple[Floats, Floats]:
        """Return as :meth:`_near` the prices at whole openings."""
        found = self.seating(opened)
        full = np.full(opened.size, -1.0)
        full[found.opened] = found.kappa
        price = np.zeros(self.block.size)
        worth = found.pairs.gain * (1 - found.kappa[found.pairs.option])
        np.maximum.at(price, found.pairs.row, worth)
        return full, price

    def _pairs(self, here: Longs) -> Pairs:
        """Return the rows with some of the options only."""
        number = np.full(self.rows.options, -1, np.int32)
        number[here] = np.arange(here.size)
        option = number[self.rows.option]
        kept = option >= 0
        pointer = np.append(0, np.cumsum(kept))[self.rows.pointer]
        return Pairs(pointer.astype(np.int64), option[kept], self.rows.gain[kept])

    def seating(self, opened: Floats) -> Seating:
        """Return who goes where when whole options are open, worth the most there can be."""
        here = np.flatnonzero(opened > 0.5)  # noqa: PLR2004 - open or not
        key = here.tobytes()
        if key not in self._known:
            if len(self._known) >= _CROWD:
                self._known.clear()
            self._known[key] = self._seated(here)
        return self._known[key]

    def _seated(self, here: Longs) -> Seating:
        pairs, seats = self._pairs(here), self.seats[here]
        share = _preferred(pairs, np.zeros(here.size))
        if (_load(pairs, share, here.size) <= seats).all():
            return Seating(here, pairs, share, np.zeros(here.size))
        kappa, _ = self._settled(here, np.ones(here.size), _MORE)
        return Seating(here, pairs, *_sent(pairs, seats, kappa))

    def assignment(self, opened: Floats) -> sp.csr_array:
        """Return the share of each demand point, in the order of the input, each option seats."""
        found = self.seating(opened)
        some = found.share > 0
        shares = sp.csr_array(
            (found.share[some], (found.pairs.row[some], found.opened[found.pairs.option[some]])),
            shape=(self.block.size, self.rows.options),
        )
        point = np.flatnonzero(self.rows.source >= 0)
        place = sp.csr_array(
            (np.ones(point.size), (point, self.rows.source[point])),
            shape=(self.rows.source.size, self.block.size),
        )
        return sp.csr_array(place @ shares)


def seat_rows(rows: Rows, seats: Floats) -> Seats:
    """Return a layer of gains with seats.

    Parameters
    ----------
    rows
        From :func:`planner.coverage._layers.gain_rows`.
    seats
        Of each option, whole units; inf where there is no limit.

    Returns
    -------
    Seats
        Options that have seats for all whom they could ever serve are without limit.
    """
    row = np.repeat(np.arange(rows.block.size), np.diff(rows.pointer))
    order = np.lexsort((row, rows.option))
    wanted = np.bincount(rows.option, rows.gain, rows.options)
    return Seats(
        rows=rows,
        seats=np.where(wanted <= seats, np.inf, seats).astype(np.float64),
        pointer=np.searchsorted(rows.option[order], np.arange(rows.options + 1)).astype(np.int64),
        row=row[order].astype(np.int32),
        gain=rows.gain[order],
        _last=np.zeros(rows.options),
    )


def rows_of(layer: object) -> object:
    """Return a layer as it were if there were always a seat."""
    return layer.rows if isinstance(layer, Seats) else layer


def whole_units(total: float) -> float:
    """Return how many whole units there are, a hundredth more or less being rounding.

    Examples
    --------
    >>> whole_units(41.9999999), whole_units(41.7)
    (42.0, 41.0)
    """
    return float(np.floor(total + 0.01))


def _load(pairs: Pairs, share: Floats, options: int) -> Floats:
    return np.bincount(pairs.option, pairs.gain * share, options).astype(np.float64)


def _best(pairs: Pairs, worth: Floats) -> tuple[Longs, Floats]:
    """Return, for each row that has one, the pair that is worth most; and by how much, all rows."""
    row = pairs.row
    order = np.lexsort((-worth, row))
    size = pairs.pointer.size - 1
    some = np.diff(pairs.pointer) > 0
    first = np.full(size, -1, np.int64)
    first[some] = order[pairs.pointer[:-1][some]]
    second = np.zeros(size)
    two = np.diff(pairs.pointer) > 1
    second[two] = np.maximum(worth[order[pairs.pointer[:-1][two] + 1]], 0.0)
    ahead = np.zeros(size)
    ahead[some] = worth[first[some]] - second[some]
    return first, ahead


def _preferred(pairs: Pairs, kappa: Floats) -> Floats:
    """Send every row whole where it is worth most."""
    first, _ = _best(pairs, pairs.gain * (1 - kappa[pairs.option]))
    share = np.zeros(pairs.gain.size)
    share[first[first >= 0]] = 1.0
    return share


def _sent(pairs: Pairs, seats: Floats, kappa: Floats) -> tuple[Floats, Floats]:
    """Send rows so that all are worth the most; return shares and the exact prices of seats."""
    clear = _CLEAR
    row = pairs.row
    first, ahead = _best(pairs, pairs.gain * (1 - kappa[pairs.option]))
    top = np.where(first >= 0, pairs.gain[first], 0.0)
    loose = (first >= 0) & (ahead < clear * top)
    for tried in range(_TRIES):
        if tried == _TRIES - 1:
            loose = first >= 0
        share = np.zeros(pairs.gain.size)
        share[first[(first >= 0) & ~loose]] = 1.0
        left = seats - _load(pairs, share, seats.size)
        if (left < 0).any() and not loose.all():
            clear *= 3
            loose |= (first >= 0) & (ahead < clear * top)
            loose |= (first >= 0) & (left[pairs.option[first]] < 0) & (clear > 1)
            continue
        sent = _program(pairs, loose[row], left)
        if sent is None:
            break
        share[loose[row]], kappa = sent
        worth = pairs.gain * (1 - kappa[pairs.option])
        best = np.zeros(first.size)
        np.maximum.at(best, row, worth)
        wrong = (first >= 0) & ~loose & (worth[first] < best - _LOOSE * top)
        if not wrong.any():
            return _within(pairs, share, seats), kappa
        loose |= wrong
    return _within(pairs, _preferred(pairs, kappa), seats), kappa


def _program(pairs: Pairs, here: Flags, left: Floats) -> tuple[Floats, Floats] | None:
    """Send some of the rows to the seats that are left; None when the solver does not finish."""
    option, gain = pairs.option[here], pairs.gain[here]
    _, row = np.unique(pairs.row[here], return_inverse=True)
    limited = np.flatnonzero(left < np.inf)
    scale = np.maximum(left, 1.0)
    number = np.full(left.size, -1)
    number[limited] = np.arange(limited.size)
    size = int(row.max(initial=-1)) + 1
    asks = np.flatnonzero(number[option] >= 0)
    column = np.arange(gain.size)
    rows = sp.csr_array(
        (
            np.append(np.ones(gain.size), gain[asks] / scale[option[asks]]),
            (np.append(row, size + number[option[asks]]), np.append(column, asks)),
        ),
        shape=(size + limited.size, gain.size),
    )
    upper = np.append(np.ones(size), left[limited] / scale[limited])
    most = float(gain.max(initial=1.0))
    program = Program(
        gain / most, rows, (np.full(upper.size, -np.inf), upper),
        (np.zeros(gain.size), np.ones(gain.size)),
    )  # fmt: skip
    answer, dual, _ = program.relaxed(seconds=_PATIENCE_S)
    if answer.x is None or not answer.finished:
        return None
    kappa = np.zeros(left.size)
    kappa[limited] = (np.abs(dual[size:]) * most / scale[limited]).clip(0.0, 1.0)
    return answer.x, kappa


def _within(pairs: Pairs, share: Floats, seats: Floats) -> Floats:
    """Take away what the tolerance of the solver has added."""
    share = share.clip(0.0, 1.0)
    total = np.bincount(pairs.row, share, pairs.pointer.size - 1)
    share = share / np.maximum(total, 1.0)[pairs.row]
    load = _load(pairs, share, seats.size)
    part = np.divide(seats, load, out=np.ones(seats.size), where=load > seats)
    return np.asarray(share * part[pairs.option])
