"""`planner check`: every fault of a territory at once, and what a sound one leaves to estimates."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from planner.cli._console import EXIT_FAILED, console, plain

_KINDS = {
    "missing": ("manque", "red"),
    "assumption": ("hypothèse", "yellow"),
    "derived": ("calculé", "cyan"),
    "doubtful": ("à vérifier", "yellow"),
}

_SHOWN = 200  # lines that explain scenarios


def check(
    territory: Annotated[
        str, typer.Argument(help="Nom d'un territoire livré, ou dossier d'un territoire.")
    ],
    scenario: Annotated[
        Path | None, typer.Option(help="Fichier TOML, d'un ou plusieurs scénarios, à vérifier.")
    ] = None,
) -> None:
    """Dit tout ce qui empêche de planifier, puis ce qui est estimé ou manque."""
    from planner import scenarios

    found = scenarios.check(territory, scenario)
    screen = console()
    screen.print(f"[bold]{plain(found.title)}[/bold]")
    if found.remarks:
        shown = Table(title="Ce qui est estimé, manque ou reste à vérifier", show_lines=True)
        shown.add_column("Nature", no_wrap=True)
        shown.add_column("Quoi")
        for remark in found.remarks:
            word, style = _KINDS[remark.kind]
            shown.add_row(f"[{style}]{word}[/{style}]", plain(remark.text))
        screen.print(shown)
    if scenario and not found.faults:
        same = "Scénario : les valeurs par défaut."
        screen.print("Scénario, au lieu des valeurs par défaut :" if found.scenario else same)
    for line in found.scenario[:_SHOWN]:
        screen.print(f"- {plain(line)}", soft_wrap=True)
    if len(found.scenario) > _SHOWN:
        screen.print(f"… et {len(found.scenario) - _SHOWN} autres.")
    for fault in found.faults:
        screen.print(f"- {plain(fault)}", style="red", soft_wrap=True)
    count = len(found.faults)
    if count:
        screen.print(f"{count} défaut{'s' if count > 1 else ''} à corriger.", style="red")
        raise typer.Exit(EXIT_FAILED)
    screen.print("Aucun défaut : un plan peut être calculé.", style="green")
