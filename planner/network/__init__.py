"""OpenStreetMap roads as a routable network: arrays, times, components, snapping.

`read_osm` reads a file; `RoadNetwork` is what every later stage works on; `PROFILES` are the
speeds. `read_cached` keeps what it read. `from_osmnx`, `read_graphml` and `to_osmnx` exchange
with OSMnx and networkx.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from planner.network._cache import read_cached
from planner.network._read import read_osm
from planner.network._rules import CLASSES
from planner.network.graph import Adjacency, RoadNetwork
from planner.network.profiles import CAR_RANGE, PROFILES, Profile

if TYPE_CHECKING:
    from planner.network._exchange import from_osmnx, read_graphml, to_osmnx

__all__ = [
    "CAR_RANGE",
    "CLASSES",
    "PROFILES",
    "Adjacency",
    "Profile",
    "RoadNetwork",
    "from_osmnx",
    "read_cached",
    "read_graphml",
    "read_osm",
    "to_osmnx",
]


def __getattr__(name: str) -> object:
    """Load the exchange with OSMnx when first asked for: networkx takes a sixth of a second."""
    if name in {"from_osmnx", "read_graphml", "to_osmnx"}:
        return getattr(import_module("planner.network._exchange"), name)
    raise AttributeError(f"module 'planner.network' has no attribute {name!r}")
