"""Charts as numbers: bars, ticks and frames at hand-worked values."""

import numpy as np
import pytest

from webapp.insights.drawing.bars import Bar, Scale, interval, length, scale_for
from webapp.insights.drawing.frame import band, capital, stacked
from webapp.insights.drawing.ticks import powers_of_ten, ticks


def test_it_works():
    assert interval(0.6, 0.5, 0.75, Scale(0, 1, 0.5)) == Bar("50.00", "25.00", "60.00", "50.00")
    assert length(3, 12) == Bar("0", "25.00")


def test_bars_of_what_is_not_known():
    assert interval(None, None, None, Scale(0, 1)) is None
    assert interval(0.5, None, None, Scale(0, 1)) == Bar("50.00", "0.00", "50.00", "")
    assert length(0, 0) == Bar("0", "0.00")
    assert scale_for([None, None]).at(0.5) == 50


def test_a_scale_holds_what_it_was_made_for():
    scale = scale_for([900.0, None, 1100.0], even=1000)
    assert (scale.low, scale.high, scale.at(1000)) == (890, 1110, 50)
    assert scale_for([5.0]).low < 5 < scale_for([5.0]).high


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0, [0, 1]), (1, [0, 0.5, 1]), (7, [0, 2, 4, 6, 8]), (150, [0, 50, 100, 150]), (1200, [0, 500, 1000, 1500])],
)
def test_ticks_are_round_and_reach_the_most(most, expected):
    assert ticks(most) == pytest.approx(expected)


def test_powers_of_ten():
    assert powers_of_ten(0.03, 20) == [-2, -1, 0, 1, 2]
    assert powers_of_ten(1, 1) == [0, 1]
    assert powers_of_ten(1e-3, 1e304)[-1] >= 304 and len(powers_of_ten(1e-3, 1e304)) <= 7


def test_columns_stand_on_one_another():
    frame = stacked("Votes", ["a", "b"], ["a: 4", "b: 0"], {"one": np.array([3, 0]), "two": np.array([1, 0])})
    assert [tick.label for tick in frame.y_ticks] == ["1", "2", "3", "4"]
    first, second = frame.columns
    assert first.parts == (("one", "25.00", "75.00"), ("two", "0.00", "25.00"))
    assert (second.parts, second.x, second.says) == ((), "55.000", "b: 0")


def test_no_column_at_all_is_drawn_too():
    assert stacked("Votes", ["a"], ["a: 0"], {"one": np.array([0])}).columns[0].parts == ()


def test_capital_is_drawn_by_its_logarithm():
    frame = capital("Evidence", [1, 2, 3], {"better": ("It is", [1, 10, 100])}, {"threshold": ("20", 20.0)})
    assert frame.lines[0].points == "0.00,100.00 50.00,50.00 100.00,0.00"
    assert frame.rules[0].at == f"{100 - 50 * np.log10(20):.2f}"
    assert [tick.label for tick in frame.y_ticks] == ["1", "10", "100"]


def test_capital_that_is_lost_stands_at_the_foot():
    frame = capital("Evidence", [1, 2], {"better": ("It is", [1.0, 0.0])}, {})
    assert frame.lines[0].points.split()[-1] == "100.00,100.00"


def test_of_two_rules_the_lower_one_has_its_label_below():
    frame = capital("Evidence", [1], {"better": ("It is", [1])}, {"one": ("20", 20.0), "other": ("10", 10.0)})
    assert [(rule.label, rule.below) for rule in frame.rules] == [("20", False), ("10", True)]


def test_a_band_goes_there_and_back():
    frame = band("Interval", [1, 3], [0.2, 0.4], [0.9, 0.8], {"threshold": ("half", 0.5)})
    assert frame.areas[0].points == "0.00,10.00 100.00,20.00 100.00,60.00 0.00,80.00"
    assert frame.rules[0].at == "50.00"
    assert band("Interval", [1], [0.2], [0.9], {}).areas[0].points == "0,10.00 100,10.00 100,80.00 0,80.00"
