"""Coverage models: which sites to open so that most residents are near one.

`solve` is the planner's own model, three tiers at once; `pareto`, `alternatives`, `reasons`,
`robustness` and `phases` ask it what else a commission wants to know. The classical models stand on
plain arrays: `set_covering`, `maximal_covering`, `p_median`, `p_center`.
"""

from planner.coverage._alternatives import Alternatives, alternatives
from planner.coverage._center import p_center
from planner.coverage._maximal import maximal_covering
from planner.coverage._median import p_median
from planner.coverage._network import NetworkSolution, solve
from planner.coverage._pareto import Front, FrontPoint, pareto
from planner.coverage._phases import Pace, Phasing, phases
from planner.coverage._reasons import Reasons, reasons
from planner.coverage._robust import Robustness, State, robustness
from planner.coverage._setcover import set_covering
from planner.coverage._solution import Solution
from planner.coverage._stages import Stage

__all__ = [
    "Alternatives",
    "Front",
    "FrontPoint",
    "NetworkSolution",
    "Pace",
    "Phasing",
    "Reasons",
    "Robustness",
    "Solution",
    "Stage",
    "State",
    "alternatives",
    "maximal_covering",
    "p_center",
    "p_median",
    "pareto",
    "phases",
    "reasons",
    "robustness",
    "set_covering",
    "solve",
]
