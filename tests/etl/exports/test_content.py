"""Rows of the shipped exports: right, protected, and proof against everything that can be added up."""

import io
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from etl.exports.content import FEEDS, content
from etl.exports.definitions import Definition, definitions
from etl.exports.disclosure import Counts
from etl.exports.tables import ExportError
from etl.exports.writing import csv_bytes
from etl.feeds import feed
from etl.measures.registry import measures
from etl.published.reading import Reader
from etl.settings import Settings
from tests.etl.exports.attack import closely_known, recovered
from tests.etl.exports.conftest import (
    CLINICAL,
    EXTERNAL,
    ICB,
    IN_PRACTICE_GP,
    MEASURES,
    OCTOBER,
    ONS_CODES,
    PCNS,
    PRACTICES,
    STRANGER,
    SUB_ICBS,
    above,
    navigation,
    publish,
)


def written(folder: Path, name: str, month: date = OCTOBER) -> pd.DataFrame:
    """An export as someone reads it: every cell as text."""
    definition = definitions()[name]
    found = content(Reader(folder), definition, month)
    return pd.read_csv(io.BytesIO(csv_bytes(found.rows, definition.columns)), dtype=str, keep_default_na=False)


def below(code: str) -> list[list[str]]:
    """Every way in which an organisation is shared out among others."""
    practices = [practice for practice in PRACTICES if code in above(practice).values() and code != practice]
    pcns = [pcn for pcn, sub in PCNS.items() if code in (sub, ICB)]
    return [codes for codes in (practices, pcns, list(SUB_ICBS) if code == ICB else []) if codes]


def number(text: str) -> float | None:
    """A shown count, None when it is empty."""
    return float(text) if text else None


def care_navigation(folder: Path) -> tuple[Counts, list[float | None], dict[tuple[str, ...], int]]:
    """The file as a linear system, built from the file alone and the public tree of organisations; what is shown;
    (column, organisation, channel, category, destination) → position."""
    rows = written(folder, "care_navigation")
    keys = ["organisation_code", "channel", "request_category", "destination"]
    labels = list(rows[keys].itertuples(index=False, name=None))
    shown = [number(text) for column in ("contacts", "declined") for text in rows[column]]
    names = [(column, *label) for column in ("contacts", "declined") for label in labels]
    place = {name: position for position, name in enumerate(names)}
    counts = Counts(np.zeros(len(names)))
    parts = defaultdict(list)
    for name, position in place.items():
        for axis in (2, 3, 4):
            if name[axis] != "all":
                parts[(*name[:axis], "all", *name[axis + 1 :]), axis].append(position)
        for codes in below(name[1]):
            members = [place[name[0], code, *name[2:]] for code in codes if (name[0], code, *name[2:]) in place]
            counts.sums.append((position, members, 0.0))
    counts.sums += [(place[total], members, 0.0) for (total, _), members in parts.items()]
    counts.at_most = [(place["declined", *label], place["contacts", *label]) for label in labels]
    return counts, shown, place


CONVERSATIONS = ("navigation_calls_navigated.numerator", "navigation_calls_talk_seconds.denominator")
# what a reader knows of the measures besides: parts that are the same, or together never exceed others
EQUAL = [
    # a practice has one funded place
    ("navigator_cascade_ratio.denominator", "navigator_places_used.numerator"),
    # where the length of every conversation is known
    CONVERSATIONS,
    ("logged_calls_repeat_same_day.denominator", "logged_calls_missed.denominator"),
]
AT_MOST = [
    (
        ["navigators_trained_practices.numerator"],
        ["navigator_places_used.numerator", "navigator_cascade_ratio.numerator"],
    ),
    (
        ["logged_calls_lost_not_back.denominator", "logged_calls_repeat_same_day.numerator"],
        ["logged_calls_missed.denominator"],
    ),
    (["logged_calls_lost_not_back.numerator"], ["logged_calls_missed.numerator"]),
    ([CONVERSATIONS[1]], [CONVERSATIONS[0]]),
]
# no people, whatever the measure
EXACT_PARTS = {
    "navigator_cascade_ratio.denominator",
    "logged_calls_repeat_same_day.denominator",
    "navigation_calls_navigated.denominator",
}


def measures_of_people(
    folder: Path, untimed: frozenset[str] = frozenset()
) -> tuple[Counts, list[float | None], dict[tuple[str, str, str], int]]:
    """The measures of people in measures_long in the same way, and the exact ones that tell of them, with what holds
    between them; (measure, part, organisation) → position. untimed: where some conversation has no known length."""
    rows = written(folder, "measures_long")
    spoken_of = {name.split(".")[0] for pair in EQUAL for name in pair}
    spoken_of |= {name.split(".")[0] for pair in AT_MOST for names in pair for name in names}
    of_people = {measure for measure, (_, policy) in MEASURES.items() if policy == "people"}
    place: dict[tuple[str, str, str], int] = {}
    shown: list[float | None] = []
    exact: list[bool] = []
    for row in rows[rows["measure"].isin(of_people | spoken_of)].itertuples():
        for part in ("numerator", "denominator"):
            place[row.measure, part, row.organisation_code] = len(shown)
            shown.append(number(getattr(row, part)))
            exact.append(row.measure not in of_people or f"{row.measure}.{part}" in EXACT_PARTS)
    sums: list[tuple[int, list[int], float]] = []
    at_most: list[tuple[int, int]] = []
    published = len(shown)
    for code in sorted({code for _, _, code in place}):
        for one, other in EQUAL:
            if (one, other) == CONVERSATIONS and code in untimed:
                continue
            sums.append((place[(*one.split("."), code)], [place[(*other.split("."), code)]], 0.0))
        for lessers, greaters in AT_MOST:
            for names in (lessers, greaters):
                sums.append((len(shown), [place[(*name.split("."), code)] for name in names], 0.0))
                shown.append(None)
            at_most.append((len(shown) - 2, len(shown) - 1))
    exact += [False] * (len(shown) - published)
    unpublished = np.arange(len(shown)) >= published
    counts = Counts(np.zeros(len(shown)), sums, at_most, exact=np.array(exact), unpublished=unpublished)
    for (measure, part, code), position in place.items():
        for codes in below(code):
            counts.sums.append((position, [place[measure, part, one] for one in codes], 0.0))
        if part == "denominator" and MEASURES[measure][0] == "percent":
            counts.at_most.append((place[measure, "numerator", code], position))
        if (measure, part) == ("navigation_not_recorded", "denominator"):
            base = place["navigation_redirected", "denominator", code]
            counts.sums.append((position, [base, place[measure, "numerator", code]], 0.0))
            for other in ("navigation_redirected_external", "navigation_declined"):
                counts.sums.append((base, [place[other, "denominator", code]], 0.0))
    return counts, shown, place


# which cells of care_navigation a part of a measure adds up
ADDED_UP = {
    ("navigation_not_recorded", "denominator"): ("contacts", lambda to: True),
    ("navigation_not_recorded", "numerator"): ("contacts", lambda to: to == "not_recorded"),
    ("navigation_redirected", "denominator"): ("contacts", lambda to: to != "not_recorded"),
    ("navigation_redirected", "numerator"): ("contacts", lambda to: to not in ("not_recorded", *IN_PRACTICE_GP)),
    ("navigation_redirected_external", "numerator"): ("contacts", lambda to: to in EXTERNAL),
    ("navigation_declined", "numerator"): ("declined", lambda to: to != "not_recorded"),
}


def test_all_files_together_recover_nothing(generation: Path) -> None:
    """Care navigation and the measures counted from it, as one linear system."""
    counts, shown, cells = care_navigation(generation)
    measured, further, parts = measures_of_people(generation)
    first = len(shown)
    shown += further
    counts.sums += [(first + total, [first + part for part in members], rest) for total, members, rest in measured.sums]
    counts.at_most += [(first + lesser, first + greater) for lesser, greater in measured.at_most]
    exact = np.concatenate([np.zeros(first, dtype=bool), measured.exact])
    unpublished = np.concatenate([np.zeros(first, dtype=bool), measured.unpublished])
    linked = 0
    for (measure, part, code), position in parts.items():
        if (measure, part) in ADDED_UP:
            column, counted = ADDED_UP[measure, part]
            members = [
                place
                for (name, organisation, channel, category, to), place in cells.items()
                if (name, organisation, channel) == (column, code, "all")
                and category in CLINICAL
                and to != "all"
                and counted(to)
            ]
            counts.sums.append((first + position, members, 0.0))
            linked += 1
    counts = Counts(np.zeros(len(shown)), counts.sums, counts.at_most, exact=exact, unpublished=unpublished)
    assert linked == 6 * len({code for _, _, code in parts})
    assert shown.count(None) > 300
    assert recovered(counts, shown, every=29) == []
    assert closely_known(counts, shown) == []


def test_files_of_one_generation_show_the_same(generation: Path) -> None:
    """What is hidden does not hang on which measures an export chooses."""
    whole = written(generation, "measures_long")
    part = written(generation, "navigator_training").drop(columns="ons_code")
    keys = list(whole.columns)
    assert len(part)
    assert len(part.merge(whole, on=keys)) == len(part)
    own_choice = own("mine", measures=["navigation_redirected"])
    rows = content(Reader(generation), own_choice, OCTOBER).rows
    text = pd.read_csv(io.BytesIO(csv_bytes(rows, own_choice.columns)), dtype=str, keep_default_na=False)
    assert len(text.drop(columns="ons_code").merge(whole, on=keys)) == len(text) > 0


def test_an_icbs_own_table_of_the_same_requests_hides_the_same(generation: Path) -> None:
    """Fewer columns of care navigation are its totals: shown in one file, they would undo the other."""
    mine = own(
        "mine",
        roll_up=["pcn", "sub_icb", "icb"],
        select="SELECT month AS period_start, practice_code AS organisation_code, destination, "
        "sum(contacts) AS contacts FROM navigation_month WHERE month = :first GROUP BY ALL",
        columns=[
            "period_start",
            "level",
            "organisation_code",
            {"name": "destination", "totals": True, "meaning": "where to; all = total"},
            {"name": "contacts", "type": "integer", "count": True, "meaning": "requests"},
            "obs_status",
        ],
    )
    rows = content(Reader(generation), mine, OCTOBER).rows
    shipped = content(Reader(generation), definitions()["care_navigation"], OCTOBER).rows
    shipped = shipped[(shipped[["channel", "request_category"]] == "all").all(axis=1)]
    columns = ["organisation_code", "destination", "contacts"]
    assert rows[columns].reset_index(drop=True).equals(shipped[columns].reset_index(drop=True))
    assert rows["contacts"].isna().any()


def test_care_navigation_shows_what_it_may(generation: Path) -> None:
    rows = written(generation, "care_navigation")
    truth = navigation([date(2026, 9, 1), OCTOBER])
    truth = truth[truth["month"] == OCTOBER]
    whole = rows[
        (rows["organisation_code"] == ICB) & (rows[["channel", "request_category", "destination"]] == "all").all(axis=1)
    ]
    assert whole["contacts"].item() == str(round(truth["contacts"].sum() / 5) * 5)
    for row in rows.iloc[::3].itertuples():
        own = truth[[row.organisation_code in above(code).values() for code in truth["practice_code"]]]
        for column in ("channel", "request_category", "destination"):
            value = getattr(row, column)
            own = own if value == "all" else own[own[column] == value]
        for column in ("contacts", "declined"):
            true, shown = own[column].sum(), getattr(row, column)
            assert shown in ({""} if 0 < true < 8 else {"", str(round(true / 5) * 5)}) if true else shown == "0"
        assert row.obs_status == ("c" if "" in (row.contacts, row.declined) else "")
    assert set(rows["level"]) == {"practice", "pcn", "sub_icb", "icb"}


def test_measures_recover_nothing(generation: Path) -> None:
    """All measures of people in one file."""
    counts, shown, _ = measures_of_people(generation)
    assert None in shown
    assert recovered(counts, shown) == []
    assert closely_known(counts, shown) == []


def test_what_is_hidden_of_conversations_is_hidden_of_their_lengths(tmp_path: Path) -> None:
    """Where every length is known both are one count. Where some are not, other counts are the smallest beside it: what
    one measure hides to protect it, the other would show."""
    conversations = [(8, 4), (8, 8), (23, 23), (9, 8), (5, 1), (2, 2), (2, 2), (13, 13)]
    publish(tmp_path, months=[OCTOBER], with_navigation=False, conversations=conversations)
    untimed = [practice for practice, (all_, timed) in zip(PRACTICES, conversations, strict=True) if timed < all_]
    around = frozenset(code for practice in untimed for code in above(practice).values())
    counts, shown, _ = measures_of_people(tmp_path, around)
    assert recovered(counts, shown) == []
    assert closely_known(counts, shown) == []


def test_a_count_has_one_policy() -> None:
    """What one measure shows as it is, another does not round or hide."""
    policies = defaultdict(set)
    for measure in measures().values():
        for part in (measure.numerator, measure.denominator):
            policies[part.mart, part.column].add(part.disclosure or measure.disclosure)
    assert {count: found for count, found in policies.items() if len(found) > 1} == {}


def test_a_hidden_number_of_conversations_hides_their_seconds(generation: Path) -> None:
    rows = written(generation, "measures_long")
    talk = rows[rows["measure"] == "navigation_calls_talk_seconds"]
    assert (talk["denominator"] == "").any()
    assert (talk["denominator"] != "").any()
    assert (talk[talk["denominator"] == ""]["numerator"] == "").all()


def test_rates_come_from_the_shown_parts(generation: Path) -> None:
    rows = written(generation, "measures_long")
    people = rows[rows["measure"].isin([name for name, (_, policy) in MEASURES.items() if policy == "people"])]
    assert (people["obs_status"] == "c").any()
    for row in people.itertuples():
        if "" in (row.numerator, row.denominator):
            assert (row.value, row.obs_status) == ("", "c")
        elif row.obs_status == "x":
            assert row.value == ""
        else:
            assert float(row.value) == float(row.numerator) / float(row.denominator)


def test_exact_figures_are_as_published(generation: Path) -> None:
    rows = written(generation, "demand_and_capacity")
    rows = rows[rows["measure"].str.startswith("calls_")]
    values = Reader(generation).frame(
        "SELECT * FROM measure_value WHERE measure LIKE 'calls_%' AND period_start = :month AND organisation <> :other",
        month=OCTOBER,
        other=STRANGER,
    )
    assert len(rows) == len(values)
    merged = rows.merge(values, left_on=["organisation_code", "measure"], right_on=["organisation", "measure"])
    for part in ("numerator", "denominator", "value"):
        assert (merged[f"{part}_x"].astype(float) == merged[f"{part}_y"]).all()
    assert set(rows["obs_status"]) == {""}


def test_areas_carry_their_ons_code(generation: Path) -> None:
    rows = written(generation, "demand_and_capacity")
    assert {row.organisation_code: row.ons_code for row in rows.itertuples() if row.ons_code} == ONS_CODES
    own_table = own(
        "mine",
        disclosure="exact",
        select="SELECT code AS organisation_code FROM organisation WHERE is_own",
        columns=["organisation_code", "ons_code", "organisation_name", "level"],
    )
    found = content(Reader(generation), own_table, OCTOBER).rows.set_index("organisation_code")
    assert found["ons_code"].dropna().to_dict() == ONS_CODES
    assert found.loc["99X", ["organisation_name", "level"]].tolist() == ["SUB_ICB 99X", "sub_icb"]


def test_every_mart_of_a_measure_has_its_feeds() -> None:
    """A manifest names the loads of these feeds: a mart without any would leave its loads out."""
    marts = {part.mart for measure in measures().values() for part in (measure.numerator, measure.denominator)}
    assert marts <= set(FEEDS)
    assert {feed for feeds in FEEDS.values() for feed in feeds} <= set(feed.FEEDS)


def test_only_own_organisations(generation: Path) -> None:
    assert STRANGER not in set(written(generation, "measures_long")["organisation_code"])


def test_a_table_that_is_not_there_leaves_an_empty_export_that_says_so(home_of: Callable[..., Settings]) -> None:
    settings = home_of(with_navigation=False)
    found = content(Reader(settings.published), definitions()["care_navigation"], OCTOBER)
    assert found.rows.empty
    assert not found.is_complete
    assert "navigation_month" in found.notes[0]


def test_who_is_missing(home_of: Callable[..., Settings]) -> None:
    settings = home_of(missing=(("A99003", OCTOBER),))
    found = content(Reader(settings.published), definitions()["care_navigation"], OCTOBER)
    assert found.missing == ["navigation: A99003 PRACTICE A99003"]
    later = content(Reader(settings.published), definitions()["care_navigation"], date(2026, 12, 1))
    assert later.missing == ["navigation: nothing has come in for 2026-12"]


def own(name: str, **entries: object) -> Definition:
    """A definition as an ICB might write it."""
    return Definition(**{"name": name, "title": "T", "purpose": "P", "disclosure": "people", **entries})  # type: ignore[arg-type]


def test_people_are_not_exported_as_exact(generation: Path) -> None:
    with pytest.raises(ExportError, match="count people"):
        content(Reader(generation), own("mine", disclosure="exact", measures=["navigation_*"]), OCTOBER)


def test_a_select_that_gives_other_columns_is_refused(generation: Path) -> None:
    wrong = own(
        "mine",
        disclosure="exact",
        select="SELECT code, name FROM organisation",
        columns=[{"name": "code", "meaning": "ODS code"}, {"name": "kind", "meaning": "its kind"}],
    )
    with pytest.raises(ExportError, match="missing: kind; not declared: name"):
        content(Reader(generation), wrong, OCTOBER)


def test_a_select_that_does_not_work_is_refused(generation: Path) -> None:
    wrong = own("mine", disclosure="exact", select="SELEC 1", columns=[{"name": "code", "meaning": "ODS code"}])
    with pytest.raises(ExportError, match="does not work"):
        content(Reader(generation), wrong, OCTOBER)


def test_shares_and_plain_rows_of_an_icbs_own_exports(generation: Path) -> None:
    shares = own(
        "mine",
        select="SELECT month AS period_start, practice_code AS organisation_code, sum(contacts) AS contacts, "
        "sum(declined) AS declined FROM navigation_month WHERE month = :first GROUP BY ALL",
        roll_up=["icb"],
        columns=[
            "period_start",
            "level",
            "organisation_code",
            {"name": "contacts", "type": "integer", "count": True, "meaning": "requests"},
            {"name": "declined", "type": "integer", "count": True, "at_most": "contacts", "meaning": "declined"},
            {"name": "share", "type": "number", "numerator": "declined", "denominator": "contacts", "meaning": "share"},
            "obs_status",
        ],
    )
    rows = content(Reader(generation), shares, OCTOBER).rows
    assert len(rows) == len(PRACTICES) + 1
    whole = rows[rows["level"] == "icb"].iloc[0]
    assert whole["share"] == whole["declined"] / whole["contacts"]
    plain = own(
        "mine",
        disclosure="exact",
        select="SELECT code, name FROM organisation WHERE kind = 'pcn'",
        columns=[{"name": "code", "meaning": "ODS code"}, {"name": "name", "meaning": "its name"}],
    )
    assert list(content(Reader(generation), plain, OCTOBER).rows["code"]) == list(PCNS)


def test_the_definitions_in_the_docs_work(home_of: Callable[..., Settings]) -> None:
    text = (Path(__file__).parents[3] / "docs" / "exports.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 2
    settings = home_of()
    folder = settings.home / "exports" / "definitions"
    folder.mkdir(parents=True)
    for number, example in enumerate(examples):
        (folder / f"example_{number}.toml").write_text(example, encoding="utf-8")
    known = definitions(settings.home)
    first, second = (content(Reader(settings.published), known[f"example_{n}"], OCTOBER) for n in (0, 1))
    assert set(first.rows["measure"]) == {"calls_answered", "calls_inbound_per_1000", "telephony_live"}
    assert known["example_0"].schedule is not None
    assert second.hidden > 0
    assert set(second.rows["level"]) == {"practice", "pcn", "icb"}
