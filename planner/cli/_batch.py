"""`planner batch` and `planner compare`: many runs, and what they say beside each other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from planner.cli._console import EXIT_FAILED, EXIT_NOT_PROVEN, console, plain
from planner.cli._plan import Lang
from planner.cli._summary import STAGES

if TYPE_CHECKING:
    from planner.batch import Batch
    from planner.runs import Runs

_WORDS = {**STAGES, "territories": "Territoires", "runs": "Plans"}
_GIB = 1 << 30
_SHOWN = 20  # runs in a table of the terminal


def batch(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Scénarios (fichiers TOML, un ou plusieurs scénarios chacun) et territoires "
            "(dossiers, ou noms de territoires livrés), dans n'importe quel ordre."
        ),
    ],
    out: Annotated[
        str, typer.Option(help="Dossier de sortie, ou adresse fsspec (s3://…, gs://…).")
    ] = "lot",
    workers: Annotated[
        int, typer.Option(min=1, help="Plans à la fois, chacun dans un processus.")
    ] = 1,
    cluster: Annotated[
        str, typer.Option(help="Adresse d'un ordonnanceur dask.distributed (tcp://hôte:8786).")
    ] = "",
    cache: Annotated[
        Path | None, typer.Option(help="Dossier des routes et des temps ; SORTIE/.cache sinon.")
    ] = None,
    dossier: Annotated[
        bool, typer.Option(help="Écrire aussi le dossier de chaque plan (page, PDF, classeur).")
    ] = False,
    lang: Annotated[Lang, typer.Option(help="Langue des cartes et des dossiers.")] = Lang.FR,
    memory_gb: Annotated[
        float | None, typer.Option(min=0.1, help="Mémoire que les plans peuvent prendre, en Gio.")
    ] = None,
) -> None:
    """Lance chaque scénario sur chaque territoire ; ce qui est fait n'est pas refait."""
    from planner.batch import batch as run_batch
    from planner.scenarios import Scenario, read_scenarios

    paths = [one for one in files if not Path(one).is_file()]
    scenarios: list[Scenario] = []
    for one in files:
        if Path(one).is_file():
            scenarios += read_scenarios(one)
    with _following() as progress:
        found = run_batch(
            paths or ["liechtenstein"],
            scenarios,
            out=out,
            workers=workers,
            cluster=cluster,
            cache=cache,
            dossier=dossier,
            lang=lang.value,
            memory_bytes=None if memory_gb is None else int(memory_gb * _GIB),
            progress=progress,
        )
    _say(found)
    if not found.failed.empty:
        raise typer.Exit(EXIT_FAILED)
    if not found.runs["proven"].fillna(value=False).all():
        raise typer.Exit(EXIT_NOT_PROVEN)


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Dossiers de plans, ou d'un lot de plans.")],
    out: Annotated[
        Path, typer.Option(help="Dossier où écrire comparaison.xlsx et comparaison.parquet.")
    ] = Path(),
    better: Annotated[
        list[str] | None,
        typer.Option(help="Critère : une mesure, précédée de - où moins est mieux ; répétable."),
    ] = None,
    lang: Annotated[Lang, typer.Option(help="Langue du classeur.")] = Lang.FR,
) -> None:
    """Compare des plans : tableau, plans dominés, réglages qui font les différences."""
    from planner import runs as comparison
    from planner._files import replacing
    from planner._language import speaking

    chosen = {
        one.removeprefix("-"): -1 if one.startswith("-") else 1 for one in better or []
    } or dict(comparison.CRITERIA)
    found = comparison.read(runs)
    with speaking(lang.value):
        contents = comparison.files(found, chosen)
    for name, content in contents.items():
        with replacing(out / name) as temporary:
            temporary.write_bytes(content)
    _show(found, chosen)
    screen = console()
    for name in contents:
        screen.print(f"Écrit : {plain(out / name)}", soft_wrap=True)
    if comparison.FILES[1] not in contents:
        screen.print("Parquet : pip install 'planner[parquet]'.", style="yellow")


@contextmanager
def _following() -> Iterator[Callable[[str, str, int, int], None]]:
    """Give a function that shows how far a batch is: all of it, and what each run is at."""
    shown = console(stderr=True)
    with Progress(
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=shown,
        transient=True,
        disable=not shown.is_terminal,
    ) as bars:
        whole: dict[str, TaskID] = {}
        going: dict[str, TaskID] = {}

        def report(run: str, stage: str, done: int, total: int) -> None:
            said = _WORDS.get(stage, stage)
            if not run:
                if stage not in whole:
                    whole[stage] = bars.add_task(said, total=total)
                bars.update(whole[stage], completed=done, total=total)
                return
            if stage == "files" and done == total:
                if run in going:
                    bars.remove_task(going.pop(run))
                return
            if run not in going:
                going[run] = bars.add_task("", total=total)
            label = f"  {plain(run[:16])} {said}"
            bars.update(going[run], description=label, completed=done, total=total or None)

        yield report


def _say(found: "Batch") -> None:
    """Say what became of the runs, and where time went."""
    from planner import _format

    screen = console()
    states = found.runs["state"].value_counts()
    words = {"done": "calculés", "kept": "déjà faits", "failed": "en échec"}
    said = ", ".join(
        f"{_format.number(int(states[key]))} {word}" for key, word in words.items() if key in states
    )
    screen.print(f"{_format.number(len(found.runs))} plans : {said}.")
    took = float(found.seconds.sum().sum()) if len(found.seconds) else 0.0
    if took:
        each = _format.number(took / len(found.seconds), decimals=1)
        share = _format.percent(found.shared_seconds / took, decimals=0)
        screen.print(
            f"{each} s de calcul par plan, dont {share} aux étapes partagées (routes, temps, "
            "isochrones)."
        )
    for name, row in found.failed.iterrows():
        screen.print(f"- {plain(name)} : {plain(row['why'])}", style="red", soft_wrap=True)
    doubtful = found.runs[found.runs["proven"].eq(False)]
    if len(doubtful):
        screen.print(f"{len(doubtful)} plans dont l'optimum n'est pas prouvé.", style="yellow")
    screen.print(f"Écrit : {plain(found.out)}", soft_wrap=True)
    if len(found.runs) - len(found.failed) > 1 and "://" not in found.out:
        screen.print(f"Pour comparer : planner compare {plain(found.out)}", soft_wrap=True)


def _show(found: "Runs", criteria: dict[str, int]) -> None:
    """Show the runs by the criteria, the frontier first, and what drives each criterion."""
    from planner import runs as comparison
    from planner.runs import labels

    by_key = {one.key: one for one in labels(found)}
    table = comparison.with_dominance(found, criteria)
    table = table.assign(_beaten=~table["frontier"].fillna(value=False).astype(bool))
    table = table.sort_values(["_beaten", "territory", "scenario"], kind="stable")
    shown = Table(title="Comparaison (★ : non dominé)")
    for heading in ("", "Territoire", "Scénario"):
        shown.add_column(heading)
    for key in criteria:
        shown.add_column(by_key[key].label, justify="right")
    for _, row in table.head(_SHOWN).iterrows():
        shown.add_row(
            "" if row["_beaten"] else "★", plain(row["title"]), plain(row["scenario"]),
            *(_written(by_key[key].written, row[key]) for key in criteria),
        )  # fmt: skip
    screen = console()
    screen.print(shown)
    if len(table) > _SHOWN:
        screen.print(f"… et {len(table) - _SHOWN} autres, dans le classeur.")
    drive = comparison.drivers(found).dropna(subset="share")
    for key in criteria:
        rows = drive[drive["measure"] == key].head(3)
        told = ", ".join(
            f"{plain(row['setting'])} {100 * row['share']:.0f} %" for _, row in rows.iterrows()
        )
        if told:
            screen.print(f"{by_key[key].label} : écarts expliqués par {told}.")


def _written(write: Callable[[float], str], value: float) -> str:
    return write(value) if value == value else "inconnu"  # noqa: PLR0124 - not a number
