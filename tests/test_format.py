import datetime as dt
import math

import numpy as np
import pytest

from planner._format import UNKNOWN, day, euros, minutes, number, percent

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
    assert day(dt.date(2026, 3, 1)) == "1 mars 2026"
