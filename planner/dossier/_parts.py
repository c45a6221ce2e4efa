"""The parts of a dossier that a plan alone fills: summary, money, trips, risk, assumptions."""

from typing import TYPE_CHECKING

import pandas as pd

from planner import ledger
from planner._format import euros, number, percent
from planner._html import Fragment, join, safe_text, tag
from planner._language import say
from planner.assumptions import DEFAULTS
from planner.demand import LEVELS, per_1000
from planner.dossier import _charts, _table
from planner.maps._words import TIERS, goal_words, mark, status_words

if TYPE_CHECKING:
    from planner.plan import Plan

_CENTS = 100
_LONGEST_NOTE = 2000
_BADGES = {
    "sourcé": "sourced", "calculé": "derived", "hypothèse": "assumption", "modifié": "assumption",
}  # fmt: skip
_STATUSES = {"sourced": "sourcé", "derived": "calculé", "assumption": "hypothèse"}


def summary(plan: "Plan") -> Fragment:
    """Return what an elected member reads first: five figures, what is proposed, what is unsure.

    Parameters
    ----------
    plan
        The plan.
    """
    return join(
        [
            tag("p", _proposal(plan), class_="texte"),
            _table.facts(plan.figures()),
            tag("p", tag("b", say("Preuve : ")), plan.proof, class_="texte"),
            *_caveats(plan),
            tag("h3", say("Les sites proposés")),
            _sites(plan),
        ]
    )


def _proposal(plan: "Plan") -> str:
    counts = [
        f"{number(count)} {say(look.many if count > 1 else look.one).lower()}"
        for tier, look in TIERS.items()
        if (count := int((plan.sites["tier"] == tier).sum()))
    ]
    there = int((plan.sites["status"] == "existing").sum())
    told = say("Le scénario « {name} » propose {sites}.").format(
        name=plan.scenario.name, sites=", ".join(counts) or say("aucun site")
    )
    if there:
        told += " " + say("{count} existent déjà.").format(count=number(there))
    return told


def _caveats(plan: "Plan") -> list[Fragment]:
    if not plan.notes:
        return []
    lines = (tag("li", safe_text(note, longest=_LONGEST_NOTE)) for note in plan.notes)
    return [
        tag("h3", say("Ce qu’il faut savoir avant de lire")),
        tag("ul", *lines, class_="reserves"),
    ]


def _sites(plan: "Plan") -> Fragment:
    ranks = list(TIERS)
    order = sorted(
        plan.sites.itertuples(), key=lambda site: (ranks.index(site.tier), str(site.Index))
    )
    body = [
        [
            join([mark(site.tier, size=16), " ", str(site.name)]),
            say(TIERS[site.tier].one),
            str(site.commune_name),
            status_words(site.kind, site.status),
            number(site.seats),
            number(site.residents_mesh),
            number(site.users, decimals=1),
        ]
        for site in order
    ]
    mesh = number(plan.scenario.mesh_min)
    head = [
        say("Site"), say("Niveau"), say("Commune"), say("Statut"), say("Places (hypothèse)"),
        say("Habitants à {mesh} min").format(mesh=mesh), say("Usagers attendus (hypothèse)"),
    ]  # fmt: skip
    caption = say("Un même habitant peut compter pour plusieurs sites.")
    return _table.table(head, body, caption=caption, worded=(True, True, True, True))


def money(plan: "Plan") -> Fragment:
    """Return who pays what, by year and by commune, and when a site balances.

    Parameters
    ----------
    plan
        The plan.
    """
    table = ledger.by_payer(plan.ledger) / _CENTS
    words = {
        "commune": say("communes"), "epci": say("EPCI"), "state": say("État"),
        "users": say("usagers"), "employers": say("employeurs"),
    }  # fmt: skip
    by = plan.ledger.groupby("payer")["cents"].sum() / _CENTS
    last = table.index.max()
    pairs = [
        (say("Investissement des communes"), euros(float(by.get("commune", 0.0)))),
        (
            say("À la charge de l’EPCI, en rythme de croisière"),
            say("{amount} par an").format(amount=euros(float(table.loc[last].get("epci", 0.0)))),
        ),
        (
            say("Payé par les usagers, en rythme de croisière"),
            say("{amount} par an").format(amount=euros(float(table.loc[last].get("users", 0.0)))),
        ),
    ]
    accounts = plan.accounts
    return join(
        [
            _table.facts(pairs),
            _charts.budget(table, words=words),
            tag("h3", say("Par année")),
            _table.study(accounts["budget"]),
            tag("h3", say("Par commune")),
            _table.study(accounts["budget-communes"]),
            tag("h3", say("Quand un site s’équilibre")),
            _table.study(accounts["exploitation"]),
            _assumed("money"),
        ]
    )


def trips(plan: "Plan") -> Fragment:
    """Return the kilometres and the CO2 that the network avoids, or adds.

    Parameters
    ----------
    plan
        The plan.
    """
    figures = plan.indicators
    names = ("gross", "central", "prudent")
    values = [figures[f"kg_co2e_avoided_{name}"] for name in names]
    labels = [
        say("brut : chaque jour remplace un trajet"), say("central"), say("prudent"),
    ]  # fmt: skip
    text = say(
        "Une journée dans un site près de chez soi remplace un trajet au bureau, ou une journée "
        "de télétravail à la maison : elle ajoute alors un trajet. Le résultat peut être négatif, "
        "et il est montré comme il est."
    )
    return join(
        [
            tag("p", text, class_="texte"),
            _charts.bars(
                labels, values, key="co2", label=say("kg CO2e évités par an"), unit="kg CO2e"
            ),
            _table.study(plan.accounts["mobilite"]),
            _assumed("trips"),
        ]
    )


def risks(plan: "Plan") -> Fragment:
    """Return what can make the network fail: few users, deficits, the assumptions that matter.

    Parameters
    ----------
    plan
        The plan.
    """
    figures, told = plan.indicators, plan.scenario.figures
    rates = [per_1000(figures[f"users_at_door_{level}"], figures["residents"]) for level in LEVELS]
    odds = plan.accounts["risque-hypotheses"].rows
    tornado = pd.DataFrame(
        {
            "label": odds["hypothèse"],
            "low": odds["solde si basse (€ HT/an)"],
            "high": odds["solde si haute (€ HT/an)"],
        }
    )
    pairs = [
        (say("Risque de déficit du réseau"), percent(figures["p_deficit"], decimals=0)),
        (say("Risque de trop peu d’usagers en tout"), percent(figures["p_underuse"], decimals=0)),
    ]
    others = [name for name in ("robustesse",) if name in plan.studies]
    return join(
        [
            _table.facts(pairs),
            tag("h3", say("Usagers pour 1 000 habitants, et ce qui est observé ailleurs")),
            _charts.band(
                rates,
                low=told["observed_users_low"],
                high=told["observed_users_high"],
                label=say("Usagers pour 1 000 habitants et bande observée"),
            ),
            tag("h3", say("Ce que donnent les tirages")),
            _table.study(plan.accounts["risque"]),
            tag("h3", say("Site par site")),
            _table.study(plan.accounts["risque-sites"]),
            tag("h3", say("Les hypothèses qui comptent le plus (solde annuel, k€)")),
            _charts.tornado(tornado, label=say("Solde annuel du réseau selon chaque hypothèse")),
            _table.unfolded(
                say("Les mêmes chiffres"), _table.study(plan.accounts["risque-hypotheses"])
            ),
            *(
                piece
                for name in others
                for piece in (
                    tag("h3", say(plan.studies[name].title)), _table.study(plan.studies[name])
                )
            ),
        ]
    )  # fmt: skip


def sources(plan: "Plan") -> Fragment:
    """Return every assumption with its badge, the register of sources, and the proof.

    Parameters
    ----------
    plan
        The plan.
    """
    frame = plan.assumptions()
    body = [
        [
            str(row["libellé"]),
            _figure(row["valeur"]),
            f"{_figure(row['bas'])} – {_figure(row['haut'])}",
            str(row["unité"]),
            badge(str(row["statut"])),
            str(row["source"]),
        ]
        for row in frame.to_dict("records")
    ]
    head = [
        say("Hypothèse"), say("Valeur"), say("De – à"), say("Unité"), say("Statut"), say("Source"),
    ]  # fmt: skip
    counts = frame["statut"].value_counts()
    told = " · ".join(f"{number(int(counts[name]))} {say(name)}" for name in sorted(counts.index))
    return join(
        [
            tag("h3", say("D’où viennent les données")),
            _register(plan),
            tag("h3", say("Hypothèses de calcul")),
            _table.table(head, body, caption=told, worded=(True, False, False, True, True, True)),
            tag("h3", say("Ce qui est prouvé")),
            _proof(plan),
        ]
    )


def badge(status: str) -> Fragment:
    """Return what a figure is, sourced, derived or assumed, as a badge.

    Parameters
    ----------
    status
        In French, as the tables write it.
    """
    return tag("span", say(status), class_=f"badge {_BADGES.get(status, 'assumption')}")


def _figure(value: float) -> str:
    decimals = next((n for n in range(4) if round(float(value), n) == float(value)), 4)
    return number(value, decimals=decimals)


def _register(plan: "Plan") -> Fragment:
    body = [
        [
            str(row["what"]),
            badge(_STATUSES.get(str(row["status"]), str(row["status"]))),
            str(row["source"]),
            str(row["date"]),
            str(row["licence"]),
            safe_text(str(row["note"]), longest=_LONGEST_NOTE),
        ]
        for row in plan.sources.to_dict("records")
    ]
    head = [
        say("Donnée"), say("Statut"), say("Source"), say("Date"), say("Licence"), say("Réserves"),
    ]  # fmt: skip
    return _table.table(head, body, worded=(True,) * 6)


def _proof(plan: "Plan") -> Fragment:
    certificate = plan.certificate
    body = [
        [
            goal_words(stage.name),
            number(stage.value, decimals=2),
            number(stage.bound, decimals=2),
            percent(certificate.gap.get(stage.name, 0.0), decimals=2),
            say("prouvé") if stage.proven else say("non prouvé"),
            say("oui") if stage.name in certificate.independent else say("non"),
        ]
        for stage in plan.stages
    ]
    head = [
        say("Objectif"), say("Valeur"), say("Borne"), say("Écart"), say("Optimum"),
        say("Revérifié sans le solveur"),
    ]  # fmt: skip
    return _table.table(
        head, body, caption=plan.proof, worded=(True, False, False, False, True, True)
    )


_LEANS = {
    "money": ("price_day_eur", "occupancy", "fte_eur_year", "fit_out_eur_m2", "mini_seat_eur"),
    "trips": ("replaces_commute", "rebound", "commute_km", "co2_kg_km"),
}


def _assumed(part: str) -> Fragment:
    """Name the assumptions that a part leans on most, each with its badge."""
    rows = [DEFAULTS[key] for key in _LEANS[part]]
    items = (tag("li", say(row.label), " ", badge(_STATUSES[row.status])) for row in rows)
    return join(
        [
            tag("h3", say("Ces chiffres s’appuient surtout sur")),
            tag("ul", *items),
            tag("p", say("Toutes les hypothèses sont dans la dernière partie."), class_="note"),
        ]
    )
