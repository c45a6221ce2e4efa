"""A scenario holds every number; a run turns a territory and a scenario into a plan."""

from planner.scenarios._case import longest_min
from planner.scenarios._check import check
from planner.scenarios._new import new_scenario
from planner.scenarios._reading import (
    read_scenario,
    scenario_of,
    with_assumptions,
    with_studies,
    with_survey,
    with_weights,
)
from planner.scenarios._run import StageProgress, run
from planner.scenarios._scenario import Scenario
from planner.scenarios._schema import schema, schema_text
from planner.scenarios._shared import Shared, road_lines
from planner.scenarios._sweep import read_scenarios
from planner.scenarios._table import StudyTable

__all__ = [
    "Scenario",
    "Shared",
    "StageProgress",
    "StudyTable",
    "check",
    "longest_min",
    "new_scenario",
    "read_scenario",
    "read_scenarios",
    "road_lines",
    "run",
    "scenario_of",
    "schema",
    "schema_text",
    "with_assumptions",
    "with_studies",
    "with_survey",
    "with_weights",
]
