"""The XmR rules again, slowly and obviously, a point at a time: what `etl.analysis.spc` is compared with."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


@dataclass
class Point:
    """One value's place on the chart; limits are None where there is no moving range."""

    value: Fraction
    mean: Fraction
    half_width: Fraction | None
    label: str = "Common Cause"

    def outside(self) -> bool:
        return self.half_width is not None and abs(self.value - self.mean) > self.half_width

    def close(self) -> bool:
        if self.half_width is None or self.outside():
            return False
        return abs(self.value - self.mean) > self.half_width * Fraction(2, 3)

    def side(self) -> int:
        return (self.value > self.mean) - (self.value < self.mean)


def chart(
    values: list[int | None], rebase_at: set[int], screen: bool = True, fix: int | None = None
) -> list[Point | None]:
    """Exact arithmetic on whole numbers: a point per value, None at a gap."""
    edges = sorted({0, len(values)} | rebase_at)
    found: list[Point | None] = []
    for start, end in pairwise(edges):
        found += one_baseline(values[start:end], screen, fix)
    return found


def one_baseline(values: list[int | None], screen: bool, fix: int | None) -> list[Point | None]:
    known = [place for place, value in enumerate(values) if value is not None]
    base = known if fix is None else known[:fix]
    ranges = [
        Fraction(abs(values[place] - values[place - 1]))
        for place in base
        if place > 0 and values[place - 1] is not None
    ]
    average = mean_of(ranges)
    if screen and average:
        average = mean_of([r for r in ranges if r < Fraction("3.267") * average])
    half_width = None if average is None else average * Fraction("2.66")
    centre = mean_of([Fraction(values[place]) for place in base])
    points = [None if v is None else Point(Fraction(v), centre, half_width) for v in values]
    label_all(points)
    return points


def mean_of(numbers: list[Fraction]) -> Fraction | None:
    return sum(numbers, Fraction(0)) / len(numbers) if numbers else None


def windows(points: list[Point | None], size: int) -> list[list[Point]]:
    """Every `size` consecutive points that have no gap among them."""
    every = [points[i : i + size] for i in range(len(points) - size + 1)]
    return [window for window in every if None not in window]


def label_all(points: list[Point | None]) -> None:
    """Weakest rule first, so that a stronger one writes over it."""
    for window in windows(points, 7):
        for side, words in ((1, "7 Points Above CL"), (-1, "7 Points Below CL")):
            if all(point.side() == side for point in window):
                for point in window:
                    point.label = words
    for window in windows(points, 3):
        for side, words in ((1, "2 in 3 Above CL"), (-1, "2 in 3 Below CL")):
            close = [point for point in window if point.close()]
            if len(close) >= 2 and all(point.side() == side for point in window):
                for point in close:
                    point.label = words
    for window in windows(points, 7):
        values = [point.value for point in window]
        steps = [after - before for before, after in pairwise(values)]
        for sign, words in ((1, "7 Point Trend (Increasing)"), (-1, "7 Point Trend (Decreasing)")):
            if all(step * sign > 0 for step in steps):
                for point in window:
                    point.label = words
    for point in points:
        if point is not None and point.outside():
            point.label = "Above UCL" if point.side() > 0 else "Below LCL"


def classes(label: str, better: str) -> tuple[str, str]:
    """(point_type, variation) of a label."""
    if label == "Common Cause":
        return "common_cause", "common_cause"
    high = "Above" in label or "Increasing" in label
    height = "high" if high else "low"
    if better == "neither":
        return f"special_cause_neutral_{height}", f"neutral_{height}"
    kind = "improvement" if high == (better == "higher") else "concern"
    return f"special_cause_{kind}", f"{kind}_{height}"


def assurance(point: Point, better: str, aim: int | None) -> str | None:
    if aim is None or better == "neither" or point.half_width is None:
        return None
    if aim > point.mean + point.half_width:
        return "consistent_fail" if better == "higher" else "consistent_pass"
    if aim < point.mean - point.half_width:
        return "consistent_pass" if better == "higher" else "consistent_fail"
    return "inconsistent"
