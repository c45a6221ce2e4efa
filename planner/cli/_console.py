"""What every command speaks through: the terminal, and progress on it."""

import io
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

EXIT_FAILED, EXIT_NOT_PROVEN, EXIT_INTERRUPTED = 1, 3, 130


@contextmanager
def reporting(words: Mapping[str, str]) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that shows how far each stage is: its name, what is done, its total."""
    shown = console(stderr=True)
    with Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=shown,
        transient=True,
        disable=not shown.is_terminal,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(words.get(stage, stage), total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield report


def console(*, stderr: bool = False) -> Console:
    """Return a console that leaves `:words:` alone, and writes what its encoding cannot as `?`."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Console(stderr=stderr, emoji=False, highlight=False)


def plain(text: object) -> str:
    """Return text from a file or a path as a terminal shows it, and never as orders to it."""
    shown = (
        c if c == "\n" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for c in str(text)
    )
    return escape("".join(shown))


def refuse(message: str) -> NoReturn:
    """End with one message and the exit code of a failure."""
    console(stderr=True).print(f"Erreur : {plain(message)}", style="red", soft_wrap=True)
    sys.exit(EXIT_FAILED)
