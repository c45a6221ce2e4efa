"""Coverage models: which sites to open so that most residents are near one.

`solve` is the planner's own model, three tiers at once.
"""

from planner.coverage._network import Limits, NetworkSolution, Stage, solve

__all__ = ["Limits", "NetworkSolution", "Stage", "solve"]
