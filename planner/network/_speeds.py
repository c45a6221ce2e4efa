"""From lengths, classes and limits to the time of each segment, in whole tenths of a second."""

import numpy as np

from planner.network._arrays import Floats, Ints
from planner.network.profiles import Profile

NEVER = -1  # the time of a direction that is closed
BUILT_UP_KPH = 50.0  # Code de la route R413-3
_DS_A_SECOND = 10.0
_LONGEST_DS = 2.0**29  # one segment, at most: sums of two stay whole


def drive_ds(
    profile: Profile,
    *,
    road_class: Ints,
    surface: Ints,
    built_up: Ints,
    limit_kph: Floats,
    length_m: Floats,
    stop_s: Floats,
) -> Ints:
    """Return the time to drive each segment one way, in tenths of a second.

    ``time = length / speed + stop_s``, with the speed being the driven share of the posted limit,
    else that of the class, at most 50 km/h where the tags say built-up; capped by the surface and
    by the fastest speed of the profile. A limit never makes a cyclist or a walker faster. A time
    is never below 0.1 s, so no speed is infinite.

    Parameters
    ----------
    profile
        The speeds.
    road_class, surface, built_up
        Codes of the segment table.
    limit_kph
        Posted limit in this direction, km/h, NaN where none is posted.
    length_m
        Metres.
    stop_s
        Seconds lost at junctions, signals and bends in this direction.

    Returns
    -------
    Ints
        Tenths of a second; :data:`NEVER` where the profile has no speed for the class.
    """
    by_class = profile.class_kph()[road_class]
    posted = limit_kph * profile.maxspeed_share
    if profile.mode != "motorcar":
        posted = np.minimum(posted, by_class)  # a limit makes nobody walk faster
    in_town = np.where(built_up == 1, np.minimum(by_class, BUILT_UP_KPH), by_class)
    kph = np.where(np.isnan(limit_kph), in_town, posted)
    kph = np.minimum(kph, profile.cap_kph()[surface])
    kph = np.minimum(kph, profile.fastest_kph)
    closed = np.isnan(by_class)
    seconds = np.where(closed, 0.0, 3.6 * length_m / np.where(closed, 1.0, kph) + stop_s)
    ds = np.clip(np.rint(seconds * _DS_A_SECOND), 1.0, _LONGEST_DS)
    return np.where(closed, NEVER, ds).astype(np.int32)
