"""What a run takes in memory, before it is begun; and what this machine has left.

The estimate is ``base + a × road file + b × km² + c × demand points + d × pairs``: km² are those
of the box around the communes, as isochrones are drawn on a grid over it; a pair is a demand point
and a candidate site that the crow would join within the longest minutes looked at, at the fastest
speed known of it. The factors are the peaks of processes from 4 communes × 8 sites to 400 communes
× 1,700 sites and 147,000 demand points, rounded up so that every estimate is above its peak, by
6 to 33 %: `tests/benchmarks/memory.py` measures them again.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from planner import candidates, demand
from planner._errors import InputError
from planner._format import number
from planner.assumptions import DEFAULTS
from planner.scenarios import Scenario, longest_min
from planner.territory import Territory

GIB = 1 << 30
_BASE = 500 << 20
_PER_ROAD_BYTE = 20.0
_PER_KM2 = 157_000.0
_PER_POINT = 3_000.0
_PER_PAIR = 50.0
_SPARED = 0.9  # share of what is free that runs may take


@dataclass(frozen=True)
class Size:
    """What a territory holds, as far as memory goes.

    Attributes
    ----------
    points, sites
        Demand points and candidate sites.
    pairs
        Of the two, within reach of each other.
    road_bytes
        Of the file of roads.
    km2
        Of the box around the communes.
    """

    points: int
    sites: int
    pairs: int
    road_bytes: int
    km2: float

    @property
    def bytes(self) -> int:
        """The estimate for one run."""
        return int(
            _BASE
            + _PER_ROAD_BYTE * self.road_bytes
            + _PER_KM2 * self.km2
            + _PER_POINT * self.points
            + _PER_PAIR * self.pairs
        )


def size(territory: Territory, scenario: Scenario) -> Size:
    """Return what a run would hold in memory.

    Parameters
    ----------
    territory
        The territory.
    scenario
        Its minutes and its grid of demand points.

    Examples
    --------
    >>> from planner import territory
    >>> found = size(territory.read("liechtenstein"), Scenario())
    >>> found.points > 1000 and found.bytes < 2 * GIB
    True
    """
    people = demand.residents(territory, cell_m=scenario.demand_cell_m)
    sites = candidates.sites(territory, bourg_min_population=scenario.bourg_min_population)
    reach_m = 1000 * DEFAULTS["crow_kph"].high * longest_min(scenario) / 60
    pairs = 0
    if len(people) and len(sites):
        ends = (np.column_stack((f.geometry.x, f.geometry.y)) for f in (sites, people))
        tree = KDTree(next(ends))
        pairs = int(tree.query_ball_point(next(ends), reach_m, return_length=True).sum())
    path = territory.roads_path
    west, south, east, north = territory.communes.total_bounds / 1000
    return Size(
        points=len(people),
        sites=len(sites),
        pairs=pairs,
        road_bytes=0 if path is None else path.stat().st_size,
        km2=float((east - west) * (north - south)),
    )


def free_bytes() -> int:
    """Return the bytes that runs may take: most of what machine and container have free."""
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable"))
        found.append(int(line.split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        top, used = (
            Path(f"/sys/fs/cgroup/memory.{name}").read_text("ascii") for name in ("max", "current")
        )
        found.append(int(top) - int(used))
    return int(_SPARED * min(found, default=2**62))


def refuse_too_large(sizes: dict[str, Size], *, workers: int, memory_bytes: int) -> None:
    """Refuse a batch whose largest runs would not go into memory side by side.

    Parameters
    ----------
    sizes
        By territory and scenario, as a reader names them.
    workers
        Runs at a time.
    memory_bytes
        What they may take together, such as :func:`free_bytes`.

    Raises
    ------
    InputError
        With the estimate, and what would help.
    """
    worst = sorted(sizes, key=lambda name: (-sizes[name].bytes, name))[:workers]
    needed = sum(sizes[name].bytes for name in worst)
    if needed <= memory_bytes or not worst:
        return
    first = sizes[worst[0]]
    raise InputError(
        f"memory: {workers} runs at a time would take about {_gib(needed)}, and "
        f"{_gib(memory_bytes)} are free. The largest is {worst[0]}: "
        f"{number(first.points)} demand points × "
        f"{number(first.sites)} candidate sites, {number(first.pairs)} pairs within reach, about "
        f"{_gib(first.bytes)} alone. Use fewer --workers, merge demand points (demand_cell_m = "
        "200), or take a larger machine; --memory-gb says how much they may take."
    )


def _gib(count: float) -> str:
    return f"{number(count / GIB, decimals=1)} GiB"
