"""What can go wrong, said once.

::

    PlannerError
    ├── InputError      (ValueError)    a file, a scenario or an argument is not what it must be
    ├── NetworkError    (RuntimeError)  a remote service refused, failed or answered in part
    └── SolveError      (RuntimeError)  the optimisation gave no plan
        ├── Infeasible                  no plan can satisfy the rules
        └── TimeLimit                   time ran out before a first plan
"""


class PlannerError(Exception):
    """Anything the planner refuses or fails to do, with a message made for the user."""


class InputError(PlannerError, ValueError):
    """A file, a scenario or an argument is not what it must be; `faults` are all it says."""

    def __init__(self, message: str, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults or (message,)


class NetworkError(PlannerError, RuntimeError):
    """A remote service refused, failed or answered in part."""


class SolveError(PlannerError, RuntimeError):
    """The optimisation gave no plan."""


class Infeasible(SolveError):  # noqa: N818 - the field's own word, relied on by others
    """No plan can satisfy the rules; the message names them."""


class TimeLimit(SolveError):  # noqa: N818 - the field's own word, relied on by others
    """Time ran out before a first plan was found."""
