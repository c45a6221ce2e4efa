"""Plan networks of rural coworking sites on real roads.

The story, in the order of the modules::

    sources → territory ─ demand ──────┐
                 │                     ├─ travel ─ coverage ─ certificate ─ indicators ─ maps ─ plan
                 └─ candidates ────────┤     │
                      network ─────────┘     └─ isochrones

`scenarios` runs the line for many settings; `cli` speaks for scenarios. A notebook needs few names:

>>> import planner
>>> home = planner.territory.read("liechtenstein")
>>> plan = planner.run(home, planner.Scenario(mini_sites_max=6))
>>> plan.proven
True
"""

from planner import (
    candidates,
    certificate,
    coverage,
    demand,
    indicators,
    isochrones,
    maps,
    network,
    territory,
    travel,
)
from planner._errors import (
    Infeasible,
    InputError,
    NetworkError,
    PlannerError,
    SolveError,
    TimeLimit,
)
from planner.plan import Plan
from planner.scenarios import Scenario, read_scenario, run
from planner.territory import Territory

__all__ = [
    "Infeasible",
    "InputError",
    "NetworkError",
    "Plan",
    "PlannerError",
    "Scenario",
    "SolveError",
    "Territory",
    "TimeLimit",
    "candidates",
    "certificate",
    "coverage",
    "demand",
    "indicators",
    "isochrones",
    "maps",
    "network",
    "read_scenario",
    "run",
    "territory",
    "travel",
]
