"""Hidden counts stay hidden: attacked as a linear system, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.exports.disclosure import Counts, hide, is_small, rounded
from tests.etl.exports.attack import closely_known, ranges, recovered, whole_numbers


def publish(counts: Counts) -> list[float | None]:
    """What a reader would see."""
    hidden = hide(counts)
    shown = rounded(counts.values)
    return [None if gone else float(value) for gone, value in zip(hidden, shown, strict=True)]


def table(grid: np.ndarray) -> Counts:
    """A table with row totals, column totals and a grand total."""
    height, width = grid.shape
    values = [*grid.ravel(), *grid.sum(axis=1), *grid.sum(axis=0), grid.sum()]
    row, column, grand = height * width, height * width + height, height * width + height + width
    sums = [(row + r, [r * width + c for c in range(width)], 0.0) for r in range(height)]
    sums += [(column + c, [r * width + c for r in range(height)], 0.0) for c in range(width)]
    sums += [(grand, list(range(row, column)), 0.0), (grand, list(range(column, grand)), 0.0)]
    return Counts(np.array(values), sums)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, 0), (1, None), (7, None), (8, 10), (12, 10), (13, 15), (17, 15), (18, 20), (1002, 1000)],
)
def test_a_count_alone(count: int, shown: float | None) -> None:
    assert publish(Counts(np.array([count]))) == [shown]


def test_rounding_alone_would_give_the_small_count_away() -> None:
    counts = Counts(np.array([8, 8, 1, 17]), [(3, [0, 1, 2], 0.0)])
    assert recovered(counts, [10.0, 10.0, None, 15.0]) == [2]  # the attacker is able
    shown = publish(counts)
    assert shown.count(None) == 2
    assert shown[2] is None
    assert shown[3] == 15.0
    assert recovered(counts, shown) == []


def test_many_nonzero_parts_of_a_small_total_are_not_all_ones() -> None:
    """Twelve parts, none zero, of a total shown as 10 (8 to 12) would all be 1."""
    counts = Counts(np.array([1] * 12 + [12]), [(12, list(range(12)), 0.0)])
    assert recovered(counts, [None] * 12 + [10.0]) == list(range(12))
    assert publish(counts) == [None] * 13


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([1, 3, 6, 7, 7, 7, 7, 8, 9, 23]), min_size=1, max_size=9))
def test_who_guesses_which_parts_are_small_learns_none(parts: list[int]) -> None:
    counts = Counts(np.array([*parts, sum(parts)]), [(len(parts), list(range(len(parts))), 0.0)])
    small = frozenset(position for position, part in enumerate(parts) if part < 8)
    assert recovered(counts, publish(counts), guessed=small) == []


def test_four_sevens_are_thirty() -> None:
    counts = Counts(np.array([7, 7, 7, 7, 28]), [(4, [0, 1, 2, 3], 0.0)])
    assert recovered(counts, [None] * 4 + [30.0], guessed=frozenset(range(4))) == [0, 1, 2, 3]  # the attacker is able
    assert publish(counts) == [None] * 5


def test_all_zero_and_all_large_hide_nothing() -> None:
    assert None not in publish(table(np.zeros((3, 4), dtype=int)))
    assert None not in publish(table(np.full((3, 4), 50)))


def test_a_count_that_never_exceeds_another() -> None:
    """20 contacts, 3 declined of them; 9 and 9; their sums."""
    counts = Counts(np.array([20, 9, 29, 3, 9, 12]), [(2, [0, 1], 0.0), (5, [3, 4], 0.0)], [(3, 0), (4, 1), (5, 2)])
    shown = publish(counts)
    assert shown[3] is None
    assert recovered(counts, shown) == []
    assert closely_known(counts, shown) == []


def test_a_sum_that_does_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="not the sum"):
        hide(Counts(np.array([1, 2, 4]), [(2, [0, 1], 0.0)]))


def test_parts_of_a_person() -> None:
    assert is_small(np.array([0, 0.4, 7.4, 7.5])).tolist() == [False, True, True, False]


small = st.sampled_from([0, 0, 1, 2, 3, 5, 7, 8, 9, 12, 13, 30, 41])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(small, min_size=4, max_size=4), min_size=2, max_size=5))
def test_no_count_of_a_table_is_recovered(rows: list[list[int]]) -> None:
    counts = table(np.array(rows))
    shown = publish(counts)
    assert recovered(counts, shown) == []
    assert closely_known(counts, shown) == []


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(small, min_size=3, max_size=3), min_size=2, max_size=3))
def test_of_every_hidden_count_two_whole_numbers_remain(rows: list[list[int]]) -> None:
    """An integer programme for each: no table's structure gives away what its intervals do not."""
    counts = table(np.array(rows))
    assert [position for position, low, high in whole_numbers(counts, publish(counts)) if high - low < 1] == []


def test_the_integer_programme_is_able() -> None:
    counts = Counts(np.array([8, 8, 1, 17]), [(3, [0, 1, 2], 0.0)])
    assert whole_numbers(counts, [10.0, 10.0, None, 15.0]) == [(2, 1, 1)]


def test_what_is_published_exactly_elsewhere_bounds_what_is_hidden() -> None:
    """No place is used by fewer people than places: with 10 shown for the total, the third is 3 to 5."""
    people, exact = [3, 4, 3, 10], [3, 4, 3]
    sums = [(3, [0, 1, 2], 0.0)]
    alone = hide(Counts(np.array(people), sums))
    assert alone.tolist() == [True, True, True, False]
    bounded = Counts(
        np.array([*people, *exact]),
        sums,
        [(4, 0), (5, 1), (6, 2)],
        exact=np.array([False] * 4 + [True] * 3),
    )
    assert hide(bounded).tolist() == [True] * 4 + [False] * 3


def test_two_files_do_not_give_away_together_what_each_hides() -> None:
    """Of one file a total and its parts; of another the same parts under other totals, one of them shown."""
    values, sums = np.array([1, 9, 20, 30, 10]), [(3, [0, 1, 2], 0.0), (4, [0, 1], 0.0)]
    apart = hide(Counts(values[:4], sums[:1]))
    assert apart.tolist() == [True, False, False, False] or apart.sum() == 2
    counts = Counts(values, sums, file=np.array([0, 0, 0, 0, 1]))
    shown = publish(counts)
    assert recovered(counts, shown) == []
    assert closely_known(counts, shown) == []
    separately = [None if gone else float(v) for gone, v in zip([*apart, False], rounded(values), strict=True)]
    assert closely_known(counts, separately) or recovered(counts, separately)  # the second file would have told


def cube(base: np.ndarray) -> Counts:
    """Every total over every combination of a table's columns (last position of each axis = all)."""
    full = base
    for axis in range(base.ndim):
        full = np.concatenate([full, full.sum(axis=axis, keepdims=True)], axis=axis)
    position = np.arange(full.size).reshape(full.shape)
    sums = []
    for axis in range(base.ndim):
        moved = np.moveaxis(position, axis, 0)
        sums += [
            (int(total), [int(part) for part in parts], 0.0)
            for total, parts in zip(moved[-1].ravel(), moved[:-1].reshape(len(moved) - 1, -1).T, strict=True)
        ]
    return Counts(full.ravel(), sums)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_no_count_of_a_cube_is_recovered(seed: int) -> None:
    chance = np.random.default_rng(seed)
    counts = cube(chance.poisson(chance.gamma(0.5, 8, (3, 3, 4))))
    shown = publish(counts)
    assert recovered(counts, shown, every=3) == []
    assert closely_known(counts, shown) == []


def test_useful_figures_survive() -> None:
    """A table of mostly large counts keeps nearly all of them."""
    grid = np.random.default_rng(1).integers(20, 200, (8, 6))
    grid[2, 3] = 4
    shown = publish(table(grid))
    assert shown.count(None) <= 6
    assert all(high - low >= 4 for _, low, high in ranges(table(grid), shown))


def test_the_same_counts_hide_the_same() -> None:
    grid = np.random.default_rng(2).poisson(6, (6, 6))
    assert publish(table(grid)) == publish(table(grid))


@pytest.mark.parametrize("seed", range(6))
def test_the_search_for_alternatives_protects_by_itself(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the narrowing of single sums switched off, no count is given away all the same."""
    monkeypatch.setattr("etl.exports.disclosure.POSSIBLE_VALUES", 0)
    leaking = Counts(np.array([8, 8, 1, 17]), [(3, [0, 1, 2], 0.0)])
    assert recovered(leaking, publish(leaking)) == []
    grid = np.random.default_rng(seed).choice([0, 1, 2, 8, 9, 13, 18], (4, 3))
    assert recovered(table(grid), publish(table(grid))) == []
