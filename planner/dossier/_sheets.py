"""The tables of a plan as a spreadsheet."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from planner import _workbook
from planner._language import say
from planner._workbook import Sheet
from planner.dossier._brand import Brand
from planner.maps._words import ESTIMATED, TIERS, kind_words, status_words
from planner.spreadsheets import fill_assumptions

if TYPE_CHECKING:
    from planner.plan import Plan


def workbook(plan: "Plan", *, brand: Brand) -> bytes:
    """Return the tables of a plan as an ``.xlsx`` file.

    Parameters
    ----------
    plan
        The plan.
    brand
        Whose dossier it is.

    Returns
    -------
    bytes
        The same plan gives the same bytes. The sheet `Hypothèses` is that of
        :func:`planner.spreadsheets.write_assumptions`: a value may be changed there, and the file
        given to ``planner plan --assumptions``.
    """
    return _workbook.workbook(
        _sheets(plan),
        title=f"{plan.title} : {plan.scenario.name}",
        company=brand.name,
        colour=brand.colour,
        then=lambda book: fill_assumptions(book, plan.scenario.changes),
        last=[Sheet(say("Sources"), _register(plan))],
    )


def _sheets(plan: "Plan") -> list[Sheet]:
    doubt = f"≈ {say(ESTIMATED)}" if plan.estimated else ""
    accounts = plan.accounts
    budget = accounts["budget"].rows
    sites, communes = _sites(plan), _communes(plan)
    by_commune = accounts["budget-communes"].rows
    return [
        Sheet(say("Essentiel"), _summary(plan), doubt),
        Sheet(say("Sites"), sites, doubt, sites.columns[[7, 9]].tolist()),
        Sheet(
            say("Communes"), communes, doubt, communes.columns[[2, 3, 5]].tolist(),
            communes.columns[[4, 6]].tolist(),
        ),
        Sheet(say("Budget"), budget, accounts["budget"].note, [*budget.columns[1:]]),
        Sheet(
            say("Budget par commune"), by_commune, accounts["budget-communes"].note,
            [*by_commune.columns[2:]],
        ),
        *(
            Sheet(say(name), accounts[key].rows, accounts[key].note)
            for key, name in _OTHERS.items()
        ),
        *(
            Sheet(name.capitalize(), plan.studies[name].rows, plan.studies[name].note)
            for name in sorted(plan.studies)
        ),
    ]  # fmt: skip


_OTHERS: Mapping[str, str] = {
    "exploitation": "Exploitation",
    "mobilite": "Mobilité",
    "risque": "Risque",
    "risque-sites": "Risque par site",
    "risque-hypotheses": "Sensibilité",
}


def _summary(plan: "Plan") -> pd.DataFrame:
    rows = [(figure.label, figure.value, figure.doubt) for figure in plan.figures()]
    rows += [(say("Preuve"), plan.proof, ""), (say("Scénario"), plan.scenario.name, "")]
    rows += [(say("À savoir"), note, "") for note in plan.notes]
    rows += [(say("Sources"), line, "") for line in plan.attribution]
    rows.append((say("Empreinte des données"), plan.digest, ""))
    return pd.DataFrame(rows, columns=[say("Quoi"), say("Valeur"), say("Fourchette")])


def _sites(plan: "Plan") -> pd.DataFrame:
    sites = plan.sites
    return pd.DataFrame(
        {
            say("identifiant"): sites.index.astype(str),
            say("nom"): sites["name"],
            say("niveau"): [say(TIERS[tier].one) for tier in sites["tier"]],
            say("type de lieu"): [kind_words(kind) for kind in sites["kind"]],
            say("commune"): sites["commune_name"],
            say("code commune"): sites["commune"].astype(str),
            say("statut"): [
                status_words(kind, status)
                for kind, status in zip(sites["kind"], sites["status"], strict=True)
            ],
            say("places (hypothèse)"): sites["seats"].astype(int),
            say("à portée : habitants"): sites["residents_mesh"].round().astype(int),
            say("usagers attendus (hypothèse)"): sites["users"].astype(float),
            "longitude": sites.geometry.x.round(6),
            "latitude": sites.geometry.y.round(6),
        }
    ).reset_index(drop=True)


def _communes(plan: "Plan") -> pd.DataFrame:
    communes = plan.communes
    mesh, far = (f"{plan.scenario.mesh_min:g}", f"{plan.scenario.structuring_min:g}")
    return pd.DataFrame(
        {
            say("code"): communes.index.astype(str),
            say("commune"): communes["name"],
            say("habitants"): communes["population"].astype(int),
            say("habitants à {n} min d’un site").format(n=mesh): communes["covered_mesh"],
            say("part à {n} min d’un site").format(n=mesh): communes["share_mesh"],
            say("habitants à {n} min d’un site structurant").format(n=far): communes[
                "covered_structuring"
            ],
            say("part à {n} min d’un site structurant").format(n=far): communes[
                "share_structuring"
            ],
        }
    ).reset_index(drop=True)


def _register(plan: "Plan") -> pd.DataFrame:
    shown = ("what", "source", "licence", "date", "status", "sha256", "note")
    words = ("donnée", "source", "licence", "date", "statut", "sha256", "réserves")
    statuses = {"sourced": "sourcé", "derived": "calculé", "assumption": "hypothèse"}
    register = plan.sources.assign(status=plan.sources["status"].map(statuses))
    return register[list(shown)].set_axis([say(word) for word in words], axis=1)
