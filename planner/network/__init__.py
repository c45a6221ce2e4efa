"""OpenStreetMap roads as a routable network: arrays, times, components, snapping.

`read_osm` reads a file; `RoadNetwork` is what every later stage works on; `PROFILES` are the
speeds.
"""

from planner.network._read import read_osm
from planner.network._rules import CLASSES
from planner.network.graph import Adjacency, RoadNetwork
from planner.network.profiles import PROFILES, Profile

__all__ = ["CLASSES", "PROFILES", "Adjacency", "Profile", "RoadNetwork", "read_osm"]
