import datetime as dt
import math

import numpy as np
import pytest

from planner._errors import InputError
from planner._format import (
    UNKNOWN,
    day,
    euros,
    headcount,
    minutes,
    number,
    people,
    percent,
    percentage,
)
from planner._language import speaking

NARROW, FIXED = "\u202f", "\u00a0"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (12345.6, 1, f"12{NARROW}345,6"),
        (1234567, 0, f"1{NARROW}234{NARROW}567"),
        (999, 0, "999"),
        (0.5, 2, "0,50"),
        (-0.2, 0, "0"),
        (-1234.5, 1, f"-1{NARROW}234,5"),
        (np.float64(87.25), 2, "87,25"),
        (np.int64(4), 0, "4"),
        (math.nan, 0, UNKNOWN),
        (math.inf, 1, UNKNOWN),
    ],
)
def test_numbers_are_french(value, decimals, text):
    assert number(value, decimals=decimals) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.874, "87,4"),
        (1, "100"),
        (0, "0"),
        (0.99999, "99,9"),
        (0.00001, "0,1"),
        (1.25, "125,0"),
        (np.float64(0.5), "50,0"),
    ],
)
def test_percentages_round_neither_up_to_all_nor_down_to_none(share, text):
    assert percent(share) == f"{text}{FIXED}%"


def test_missing_shares_say_so():
    assert percent(math.nan) == UNKNOWN


def test_shares_without_decimals():
    assert percent(0.996, decimals=0) == f"99{FIXED}%"
    assert percent(0.5, decimals=0) == f"50{FIXED}%"


def test_euros_minutes_and_dates():
    assert euros(1234567.4) == f"1{NARROW}234{NARROW}567{FIXED}€"
    assert euros(-0.3) == f"0{FIXED}€"
    assert euros(math.nan) == UNKNOWN
    assert minutes(10) == f"10{FIXED}min"
    assert minutes(7.5) == f"7,5{FIXED}min"
    assert minutes(math.nan) == UNKNOWN
    assert day(dt.date(2026, 3, 1)) == "1 mars 2026"


@pytest.mark.parametrize(
    ("value", "text"),
    [(10.04, "10,04"), (9.96, "9,96"), (12.25, "12,25"), (12.5, "12,5"), (10.001, "10")],
)
def test_minutes_have_the_decimals_they_need(value, text):
    assert minutes(value) == f"{text}{FIXED}min"


@pytest.mark.parametrize(
    ("count", "head", "text"),
    [
        (0, "0", f"0{FIXED}habitant"),
        (0.001, "moins d’un habitant", "moins d’un habitant"),
        (0.99, "moins d’un habitant", "moins d’un habitant"),
        (1, "1", f"1{FIXED}habitant"),
        (1.4, "1", f"1{FIXED}habitant"),
        (2, "2", f"2{FIXED}habitants"),
        (1234.4, f"1{NARROW}234", f"1{NARROW}234{FIXED}habitants"),
        (math.nan, UNKNOWN, UNKNOWN),
    ],
)
def test_people_agree_with_their_number(count, head, text):
    assert headcount(count) == head
    assert people(count) == text


def test_percentages_of_a_column_round_as_those_of_a_text():
    shares = (1, 0.99999, 0.874, 0.00001, 0, math.nan)
    assert [percentage(share) for share in shares] == ["100,0", "99,9", "87,4", "0,1", "0,0", ""]


def test_english_readers_get_english_numbers():
    with speaking("en"):
        assert number(12345.6, decimals=1) == "12,345.6"
        assert percent(0.874) == "87.4%"
        assert euros(1234567) == "€1,234,567"
        assert euros(-1200) == "-€1,200"
        assert day(dt.date(2026, 3, 1)) == "1 March 2026"
        assert people(1) == f"1{FIXED}inhabitant"
        assert people(0.4) == "less than one inhabitant"
        assert number(math.nan) == "n/a"
    assert number(12345.6, decimals=1) == f"12{NARROW}345,6"


def test_a_language_without_a_catalogue_is_refused():
    with pytest.raises(InputError, match="fr, en"), speaking("de"):
        pass
