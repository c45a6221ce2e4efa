"""The command line: `planner plan`, `batch`, `compare`, `follow`, `scenario` and those of data."""

import sys

import typer

from planner._errors import PlannerError
from planner.cli._batch import batch, compare
from planner.cli._check import check
from planner.cli._console import EXIT_INTERRUPTED, refuse
from planner.cli._plan import follow, plan
from planner.cli._scenario import scenario
from planner.cli._territory import build, fetch

app = typer.Typer(
    help="Planifie un réseau de tiers-lieux ruraux sur les routes d'OpenStreetMap.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """Planifie un réseau de tiers-lieux ruraux."""


for _command in (plan, batch, compare, follow, build, fetch, check):
    app.command()(_command)
app.add_typer(scenario, name="scenario")


def main() -> None:
    """Run the command line; refuse with one message, and never a traceback, what is the user's."""
    try:
        app()
    except (PlannerError, OSError) as error:
        refuse(str(error))
    except MemoryError:
        refuse("pas assez de mémoire pour ces fichiers et ce scénario.")
    except (OverflowError, RuntimeError) as error:  # what libraries say of files made to break us
        said = " ".join(str(error).split())
        refuse(f"ces fichiers ne peuvent pas être traités ({type(error).__name__} : {said}).")
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
