from itertools import pairwise

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import Scenario, assumptions, demand, run, territory
from planner._errors import InputError
from planner.scenarios import with_survey
from planner.survey import multipliers, read_survey

HEAD = "commune;interet;jours\n"


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "enquete.csv"
        path.write_text(HEAD + text, encoding="utf-8")
        return read_survey(path)

    return read_text


def counts(**rows):
    return pd.DataFrame.from_dict(rows, orient="index", columns=["yes", "maybe", "no"])


def test_S9_answers_are_counted_by_commune(read):
    found = read("69019;oui;2\n69018;Non;\n69019;peut-être;1\n69019;NON;5\n")
    assert found.answers.index.tolist() == ["69018", "69019"]
    assert found.answers.to_numpy().tolist() == [[0, 0, 1], [1, 1, 1]]
    assert found.days_a_week == 1.5


def test_S9_a_workbook_says_what_a_csv_says(tmp_path):
    book = openpyxl.Workbook()
    for row in (("Commune", "Interet", "Jours"), ("01001", "oui", 2), ("2A004", "non", None)):
        book.active.append(row)
    book.save(tmp_path / "enquete.xlsx")
    assert read_survey(tmp_path / "enquete.xlsx").answers.index.tolist() == ["01001", "2A004"]
    book.active["A2"] = 1001
    book.save(tmp_path / "enquete.xlsx")
    with pytest.raises(InputError, match=r"enquete\.xlsx.*\n?.*row 2.*1001 has four digits"):
        read_survey(tmp_path / "enquete.xlsx")
    book.create_sheet("Autre")
    book.save(tmp_path / "enquete.xlsx")
    with pytest.raises(InputError, match="Keep the one that holds the answers"):
        read_survey(tmp_path / "enquete.xlsx")


def test_S9_faults_are_told_by_row(read, tmp_path):
    with pytest.raises(InputError, match="row 3, column “interet”: “bof” is not oui"):
        read("69019;oui;1\n69019;bof;1\n")
    with pytest.raises(InputError, match="row 2, column “jours”: 9 is outside 0 to 7"):
        read("69019;oui;9\n")
    (tmp_path / "faux.xlsx").write_bytes(b"PK no")
    with pytest.raises(InputError, match=r"no \.xlsx spreadsheet"):
        read_survey(tmp_path / "faux.xlsx")


def test_S9_multipliers_by_hand():
    """Of 100, ten yes and ten maybe: 15 %. The village of ten is drawn towards it by twenty."""
    answers = counts(a=(5, 10, 75), b=(5, 0, 5))
    share = pd.Series({"a": 0.05, "b": 0.1, "c": 0.02})
    figures = assumptions.values()
    found = multipliers(answers, share, figures=figures, becomes_use=0.3)
    a, b = (10 + 20 * 0.15) / 110, (5 + 20 * 0.15) / 30
    assert found["interest"].tolist() == pytest.approx([a, b, 0.15])
    assert found["answered"].tolist() == [90, 10, 0]
    assert found["multiplier"].tolist() == pytest.approx([0.3 * a / 0.05, 0.3 * b / 0.1, 2.25])
    low = multipliers(answers, share, figures=figures, becomes_use=0.3, sign=-1)
    spread = 1.645 * (b * (1 - b) / 30) ** 0.5
    assert low.loc["b", "multiplier"] == pytest.approx(0.3 * (b - spread) / 0.1)
    few = multipliers(answers, pd.Series({"a": 1.0, "b": 1e-6, "c": 0.0}), figures=figures,
                      becomes_use=0.3)  # fmt: skip
    assert few["multiplier"].tolist() == pytest.approx([1 / 3, 3, 1])


@given(
    rows=st.lists(st.tuples(*[st.integers(0, 50)] * 3).filter(any), min_size=1, max_size=4),
    becomes=st.floats(0.2, 0.5),
    one=st.integers(0, 3),
)
@settings(derandomize=True, deadline=None, database=None, max_examples=100)
def test_S9_more_interest_never_means_fewer_users_and_the_bounds_hold(rows, becomes, one):
    names = [f"c{n}" for n in range(len(rows))]
    answers = pd.DataFrame(rows, index=names, columns=["yes", "maybe", "no"])
    share, figures = pd.Series(0.02, names), assumptions.values()
    ends = [
        multipliers(answers, share, figures=figures, becomes_use=becomes, sign=sign)["multiplier"]
        for sign in (-1, 0, 1)
    ]
    for low, high in pairwise(ends):
        assert (low <= high).all()
    assert pd.concat(ends).between(1 / 3, 3).all()
    more = answers.copy()
    more.loc[names[one % len(names)], "yes"] += 5
    again = multipliers(more, share, figures=figures, becomes_use=becomes)["multiplier"]
    assert again[names[one % len(names)]] >= ends[1][names[one % len(names)]] - 1e-12


def test_S9_answers_that_cannot_be_used_are_refused():
    share, figures = pd.Series({"a": 0.02}), assumptions.values()
    for answers, said in ((counts(z=(1, 0, 0)), "z are not in"), (counts(a=(0, 0, 0)), "nobody")):
        with pytest.raises(InputError, match=said):
            multipliers(answers, share, figures=figures, becomes_use=0.3)
    changed = assumptions.values({"survey_bound": 0.5})
    with pytest.raises(InputError, match="the bound 1 or more"):
        multipliers(counts(a=(1, 0, 0)), share, figures=changed, becomes_use=0.3)


def test_S9_a_survey_changes_the_users_of_a_plan_and_the_plan_says_so(read):
    home = territory.read("saone-beaujolais")
    told = read("69019;oui;1\n" + "69019;non;0\n" * 99)
    scenario = with_survey(Scenario(), told)
    assert scenario.survey == (("69019", (1, 0, 99)),)
    plan, plain = run(home, scenario), run(home)
    people = demand.residents(home)
    chain = demand.chain(people, figures=demand.figures_at("central"))
    factor = (1 / 3 * 0.01) / (chain["users"].sum() / chain["workers"].sum())
    door = "users_at_door_central"
    assert 1 / 3 < factor < 3
    assert plan.indicators[door] == pytest.approx(factor * plain.indicators[door], rel=1e-3)
    ends = [plan.indicators[f"users_at_door_{level}"] for level in demand.LEVELS]
    assert ends == sorted(ends)
    (note,) = [note for note in plan.notes if note.startswith("Enquête : 100 réponses dans 1 com")]
    assert "facteur borné à 3" in note
    fixed = run(home, with_survey(Scenario(users_per_1000=2.0), told))
    assert any("Enquête non prise en compte" in note for note in fixed.notes)
