"""Planes over the options, in whole numbers of any size, and what may still be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from planner.certificate._space import Longs, Space

_MOST_BITS = 256  # of how often a plane is added to another
_FINE = 12  # halvings once the size is known


@dataclass(frozen=True, eq=False)
class Plane:
    """What a plan has at most: a constant, and what each option it opens adds."""

    constant: int
    worth: Sequence[int]

    def plus(self, other: "Plane", times: int = 1) -> "Plane":
        """Return the plane with a number of times another."""
        pairs = zip(self.worth, other.worth, strict=True)
        return Plane(
            self.constant + times * other.constant, [own + times * more for own, more in pairs]
        )


def below(row: Longs, limit: int) -> Plane:
    """Return the plane that is 0 or more where ``row @ opened <= limit``."""
    return Plane(limit, [-int(value) for value in row])


class Choices:
    """What may still be chosen: the options of each site, and whether it may stay closed."""

    def __init__(self, space: Space) -> None:
        """Start with all that the rules of single sites leave."""
        self.options = {int(space.site[of[0]]): of.tolist() for of in space.options_of_site}
        closable = (space.candidates["status"] == "candidate").to_numpy()
        self.closable = {site: bool(closable[site]) for site in self.options}

    def best(self, plane: Plane) -> dict[int, int | None]:
        """Return the option of each site that adds most to a plane; None where that is none."""
        found: dict[int, int | None] = {}
        for site, options in self.options.items():
            first = max(options, key=plane.worth.__getitem__)
            loss = plane.worth[first] < 0 and self.closable[site]
            found[site] = None if loss else first
        return found

    def most(self, plane: Plane) -> int:
        """Return the largest value of a plane."""
        best = self.best(plane).values()
        return plane.constant + sum(plane.worth[option] for option in best if option is not None)

    def narrow(self, plane: Plane) -> None:
        """Rule out what no plan has on which the plane is 0 or more."""
        spare = self.most(plane)
        for site, option in self.best(plane).items():
            gain = 0 if option is None else plane.worth[option]
            kept = [one for one in self.options[site] if gain - plane.worth[one] <= spare]
            self.closable[site] &= gain <= spare
            if kept:
                self.options[site] = kept
            else:
                del self.options[site]

    def lowered(self, plane: Plane, other: Plane) -> Plane:
        """Return a plane plus as many times another, never below 0, as make its most smallest."""

        def falls(times: int) -> bool:
            best = self.best(plane.plus(other, times)).values()
            chosen = (other.worth[option] for option in best if option is not None)
            return other.constant + sum(chosen) < 0

        if not falls(0):
            return plane
        low, high = 0, _MOST_BITS
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if falls(1 << middle) else (low, middle)
        small, large = (1 << low) >> 1, 1 << low
        for _ in range(_FINE):
            middle = (small + large) // 2
            small, large = (middle, large) if falls(middle) else (small, middle)
        sums = [plane.plus(other, times) for times in (0, small, large)]
        return min(sums, key=self.most)
