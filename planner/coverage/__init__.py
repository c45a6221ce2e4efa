"""Coverage models: which sites to open so that most residents are near one.

`solve` is the planner's own model, three tiers at once.
"""

from planner.coverage._network import NetworkSolution, solve
from planner.coverage._stages import Stage

__all__ = ["NetworkSolution", "Stage", "solve"]
