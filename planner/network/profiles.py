"""Speed profiles: how fast each class of road is driven, and what a junction costs.

A profile is a table, not a formula, so that it can be read, printed and argued about. ``maxspeed``
is tagged on 0-25 % of rural roads, so the class speeds decide. Two engines in wide use disagree by
13-19 % with one another; ``car_slow`` follows OSRM, ``car_fast`` Valhalla, and the default ``car``
lies between them. The turn costs are the engines' own; ``junction_s`` was picked on
the four extracts whose errors the README gives, none held back: those errors are in-sample.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from planner._errors import InputError
from planner.network._rules import CLASSES, SURFACES, Mode

_HALF_TURN, _TURN_WIDTH = 90.0, 17.0  # degrees


@dataclass(frozen=True)
class Profile:
    """How one kind of traveller moves.

    Attributes
    ----------
    name
        What scenarios call it.
    mode
        Whose access tags count: ``motorcar``, ``bicycle`` or ``foot``.
    kph
        Speed by class of road where no limit is posted, km/h. A class that is absent is closed.
    surface_cap_kph
        Highest speed by kind of surface, km/h.
    maxspeed_share
        Share of a posted limit that is driven.
    fastest_kph
        Highest speed on any road, km/h.
    junction_s
        Seconds lost at each node where three or more segments meet.
    signal_s
        Seconds lost at each traffic signal.
    turn_s
        Seconds lost in the sharpest turn that a junction forces on a driver; half as many at 90°.
    source
        Where the figures come from.
    """

    name: str
    mode: Mode
    kph: Mapping[str, float]
    surface_cap_kph: Mapping[str, float]
    maxspeed_share: float
    fastest_kph: float
    junction_s: float
    signal_s: float
    turn_s: float
    source: str

    def class_kph(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the class speeds in the order of the stored codes, km/h; NaN where closed."""
        return np.array([self.kph.get(name, np.nan) for name in CLASSES])

    def cap_kph(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the surface caps in the order of the stored codes, km/h."""
        return np.array([self.surface_cap_kph.get(name, np.inf) for name in SURFACES])

    def turn_cost_s(
        self, degrees: np.ndarray[tuple[int], np.dtype[np.float64]]
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the seconds that forced turns cost: logistic in the angle, none straight on.

        The mean of the left and right turns of both engines: 0.3-0.8 s at 45°, 3.7-4.7 s at 90°,
        6.4-7.3 s at 120°.
        """
        cost = self.turn_s / (1.0 + np.exp(-(degrees - _HALF_TURN) / _TURN_WIDTH))
        return np.where(degrees > 0, cost, 0.0)


def _table(names: str, speeds: str) -> Mapping[str, float]:
    pairs = zip(names.split(), map(float, speeds.split()), strict=True)
    return MappingProxyType(dict(pairs))


_CAR_CLASSES = (
    "motorway motorway_link trunk trunk_link primary primary_link secondary secondary_link "
    "tertiary tertiary_link unclassified residential living_street service road track"
)
_SLOW_KPH = _table(_CAR_CLASSES, "90 45 85 40 65 30 55 25 40 20 25 25 10 15 25 12")
_FAST_KPH = _table(_CAR_CLASSES, "105 89 90 77 75 64 60 51 50 43 40 35 20 25 25 15")
_CAP = _table("stones compacted loose earth", "40 80 40 20")


def _between(slow: Mapping[str, float], fast: Mapping[str, float]) -> Mapping[str, float]:
    """Return the geometric mean of two tables: equally far, in ratio, from both."""
    return MappingProxyType({key: float(np.sqrt(slow[key] * fast[key])) for key in slow})


CAR_SLOW = Profile(
    name="car_slow",
    mode="motorcar",
    kph=_SLOW_KPH,
    surface_cap_kph=_CAP,
    maxspeed_share=0.8,
    fastest_kph=130.0,
    junction_s=0.0,
    signal_s=2.0,
    turn_s=8.5,
    source="class speeds of OSRM's car profile",
)
CAR_FAST = Profile(
    name="car_fast",
    mode="motorcar",
    kph=_FAST_KPH,
    surface_cap_kph=_CAP,
    maxspeed_share=1.0,
    fastest_kph=130.0,
    junction_s=0.15,
    signal_s=2.0,
    turn_s=7.5,
    source="class speeds of Valhalla's auto costing",
)
CAR = Profile(
    name="car",
    mode="motorcar",
    kph=_between(_SLOW_KPH, _FAST_KPH),
    surface_cap_kph=_CAP,
    maxspeed_share=0.9,
    fastest_kph=130.0,
    junction_s=0.1,
    signal_s=2.0,
    turn_s=8.0,
    source="between car_slow and car_fast: class speeds at their geometric mean",
)
_SLOW_MODES = (
    "trunk trunk_link primary primary_link secondary secondary_link tertiary tertiary_link "
    "unclassified residential living_street service road track pedestrian path"
)
BIKE = Profile(
    name="bike",
    mode="bicycle",
    kph=_table(
        _SLOW_MODES + " cycleway bridleway", "15 15 15 15 15 15 15 15 15 15 15 15 15 12 6 10 15 8"
    ),
    surface_cap_kph=_table("stones compacted loose earth", "10 14 10 8"),
    maxspeed_share=1.0,
    fastest_kph=15.0,
    junction_s=0.5,
    signal_s=5.0,
    turn_s=0.0,
    source="assumption: 15 km/h on the flat, slope not counted",
)
FOOT = Profile(
    name="foot",
    mode="foot",
    kph=_table(_SLOW_MODES + " cycleway bridleway footway steps", "4.5 " * 19 + "2.5"),
    surface_cap_kph=MappingProxyType({}),
    maxspeed_share=1.0,
    fastest_kph=4.5,
    junction_s=0.0,
    signal_s=5.0,
    turn_s=0.0,
    source="assumption: 4.5 km/h, slope not counted",
)
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (CAR, CAR_FAST, CAR_SLOW, BIKE, FOOT)}
)

# From the slowest to the fastest: what every figure that rests on car times ranges over.
CAR_RANGE = ("car_slow", "car", "car_fast")


def profile_named(name: str) -> Profile:
    """Return a profile by its name.

    Examples
    --------
    >>> profile_named("car").kph["residential"]
    29.58039891549808

    Raises
    ------
    InputError
        When there is no such profile; the message lists those there are.
    """
    if name not in PROFILES:
        raise InputError(f"no speed profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
