"""A plan as a value, and the files it is handed over in."""

from planner.plan._files import ACCOUNTS, FILES, FORMAT
from planner.plan._folder import check_folder, forecast
from planner.plan._plan import Plan

__all__ = ["ACCOUNTS", "FILES", "FORMAT", "Plan", "check_folder", "forecast"]
