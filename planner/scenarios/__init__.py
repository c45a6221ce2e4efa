"""A scenario holds every number; a run turns a territory and a scenario into a plan."""

from planner.scenarios._run import StageProgress, road_lines, run
from planner.scenarios._scenario import Scenario, read_scenario

__all__ = ["Scenario", "StageProgress", "read_scenario", "road_lines", "run"]
