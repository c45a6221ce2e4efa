"""Plan networks of rural coworking sites on real roads.

The story, in the order of the modules::

    sources → territory ─ demand ──────┐
                 │                     ├─ travel ─ coverage ─ certificate ─ indicators ─ maps ─ plan
                 └─ candidates ─ rules ┤     │
                      network ─────────┘     └─ isochrones

`scenarios` runs the line for many settings; `cli` speaks for scenarios. A notebook needs few names:

>>> import planner
>>> home = planner.territory.read("liechtenstein")
>>> plan = planner.run(home, planner.Scenario(mini_sites_max=6))
>>> plan.proven
True
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner import (
        candidates,
        certificate,
        compare,
        coverage,
        demand,
        dossier,
        indicators,
        isochrones,
        maps,
        network,
        routes,
        rules,
        territory,
        travel,
        widgets,
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
    "compare",
    "coverage",
    "demand",
    "dossier",
    "indicators",
    "isochrones",
    "maps",
    "network",
    "read_scenario",
    "routes",
    "rules",
    "run",
    "territory",
    "travel",
    "widgets",
]

# Where a name lives. Loaded when first asked for: `planner --help` answers at once, and a
# notebook that only reads a territory does not wait for the solver.
_HOMES = {
    "Infeasible": "_errors",
    "InputError": "_errors",
    "NetworkError": "_errors",
    "Plan": "plan",
    "PlannerError": "_errors",
    "Scenario": "scenarios",
    "SolveError": "_errors",
    "Territory": "territory",
    "TimeLimit": "_errors",
    "read_scenario": "scenarios",
    "run": "scenarios",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'planner' has no attribute {name!r}")
    if name in _HOMES:
        value: object = getattr(import_module(f"planner.{_HOMES[name]}"), name)
    else:
        value = import_module(f"planner.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
