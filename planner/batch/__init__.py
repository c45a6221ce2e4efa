"""Scenarios × territories on one machine or a cluster; nothing finished is lost or done twice."""

from planner.batch._batch import Batch, batch
from planner.batch._memory import Size, size
from planner.batch._task import Outcome

__all__ = ["Batch", "Outcome", "Size", "batch", "size"]
