"""The rollout of digital telephony: where practices stand on a day, as believed then or now, and what it changed.

Two choices of the URL decide what is told: `believed`, the snapshot of the tracker (default: the newest), and `on`,
the day on which practices are looked at (default: today, or the day of an older snapshot). What had happened by the day
is what that snapshot says; what was planned, what the newest tracker of that day or before says.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median
from typing import Any

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations
from dashboard.queries.source import reader, remembered
from dashboard.queries.views import months_before
from dashboard.view import Organisation, View
from etl.analysis.forecast import Finish, finish

STAGES = ("analogue", "signed_up", "contracted", "installed", "live")
CAPABILITIES = ("queue_position", "call_back", "call_routing", "clinical_system_link", "call_logs")
ANALOGUE_LINES = ("PSTN", "ISDN")
LEVELS = ("practice", "pcn", "sub_icb", "icb")


@dataclass(frozen=True)
class Moment:
    """What is told: as believed on `believed` (newest: `newest`), of `day`; there are figures of `first` to `last`.

    asked: the day the URL asks for, which is later than `day` where an older snapshot knows nothing of it.
    planned: the snapshot whose planned dates are told: the newest of `day` or before, else the earliest there is.
    """

    believed: date
    day: date
    first: date
    last: date
    newest: date
    asked: date
    planned: date

    @property
    def is_told(self) -> bool:
        """Whether there are figures of the day: none before the tracker's first date, none of days to come."""
        return self.first <= self.day <= self.last


@remembered
def beliefs(scope: Scope) -> tuple[date, ...]:
    """The dates of the tracker's snapshots, newest first; none before a tracker is loaded."""
    rows = reader().records("SELECT DISTINCT believed_on FROM rollout ORDER BY believed_on DESC")
    return tuple(row["believed_on"] for row in rows)


@remembered
def span(scope: Scope) -> tuple[date, date] | None:
    """The first and the last day there are figures of: the tracker's first date, and the day of the night."""
    row = reader().records("SELECT min(from_date) AS first, max(to_date) AS last FROM telephony_practice")[0]
    return None if row["first"] is None else (row["first"], row["last"])


@remembered
def dates(scope: Scope) -> Rows:
    """What a rollout is read against: kind (target, switch_off; national, england, fund, share), day, practices,
    pounds, note, source; by day."""
    return reader().records("SELECT kind, day, practices, pounds, note, source FROM telephony_date ORDER BY day, kind")


def target(scope: Scope) -> date:
    """The date by which every practice was to be live."""
    return next((row["day"] for row in dates(scope) if row["kind"] == "target"), date(2024, 3, 31))


def moment(scope: Scope, view: View) -> Moment | None:
    """The moment the URL asks for; None where there is no tracker. What is no date, or no snapshot's, is the default.

    A period that ends with an earlier month is told of that month's last day.
    """
    known, told_of = beliefs(scope), span(scope)
    if not known or told_of is None:
        return None
    first, last = told_of
    believed = next((day for day in known if day.isoformat() == view.option("believed")), known[0])
    # before its newest snapshot nothing later was known
    today = last if believed == known[0] else min(believed, last)
    asked = _day(view.option("on"))
    if asked is None:
        asked = min(today, _last_day(view.ending)) if view.ending else today
    day = asked if asked > last else min(asked, today)
    planned = next((each for each in known if each <= min(day, believed)), known[-1])
    return Moment(believed, day, first, last, known[0], asked, planned)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _last_day(month: date) -> date:
    return months_before(month, -1) - timedelta(days=1)


@remembered
def _standing(organisation: Organisation, at: Moment, due: date) -> Rows:
    """Every open practice of an organisation: unfiltered, so for counting only, never shown as it is."""
    if organisation.kind not in LEVELS:
        return []
    column = organisation.kind
    reached = ", ".join(
        f"max(actual_date) FILTER (WHERE stage = '{s}' AND believed_on = :believed AND actual_date <= :day) AS {s}"
        for s in STAGES
    )
    rows = reader().records(
        f"""
        WITH own AS (
            SELECT practice_code, bool_or(believed_on = :believed) AS is_tracked, {reached},
                max(planned_date) FILTER (WHERE stage = 'live' AND believed_on = :planned) AS planned_live
            FROM rollout WHERE believed_on IN (:believed, :planned) GROUP BY practice_code
        )
        SELECT p.practice, p.pcn, p.sub_icb, p.patients, coalesce(w.is_tracked, FALSE) AS is_tracked,
            s.stage, s.stage_number, s.from_date AS since, s.supplier, s.line_type,
            CASE WHEN s.stage = 'live' THEN s.from_date END AS live_on, w.planned_live,
            {", ".join(f"w.{s}" for s in STAGES)}
        FROM telephony_practice AS p
        LEFT JOIN own AS w ON w.practice_code = p.practice
        LEFT JOIN rollout_state AS s ON s.believed_on = :believed AND s.practice_code = p.practice
            AND s.from_date <= :day AND (s.to_date IS NULL OR s.to_date >= :day)
        WHERE p.from_date <= :day AND p.to_date >= :day AND p.{column} = :code
        """,
        believed=at.believed,
        planned=at.planned,
        day=at.day,
        code=organisation.code,
    )
    known = organisations.directory().organisations
    for row in rows:
        row["name"] = known[row["practice"]].name if row["practice"] in known else None
        row["pcn_name"] = known[row["pcn"]].name if row["pcn"] in known else None
        ended = row["live_on"] or at.day
        row["days_here"] = (at.day - row["since"]).days if row["since"] else None
        row["days_late"] = (ended - due).days if row["is_tracked"] and ended > due else None
        row["slippage"] = (
            (row["live_on"] - row["planned_live"]).days if row["live_on"] and row["planned_live"] else None
        )
        row["is_analogue"] = row["stage"] not in (None, "live") and row["line_type"] in ANALOGUE_LINES
    return sorted(rows, key=lambda row: (not row["pcn_name"], row["pcn_name"], row["name"] or "", row["practice"]))


def told(scope: Scope, view: View) -> tuple[Moment | None, Rows]:
    """The moment, and every open practice of the view's organisation; permits the organisation, not each practice.

    None of a total above the scope of which the tracker names too few.
    """
    organisations.permit(scope, [view.organisation.code])
    at = moment(scope, view)
    return at, _enough(scope, view.organisation, at) if at and at.is_told else []


def _enough(scope: Scope, organisation: Organisation, at: Moment) -> Rows:
    """Every open practice of an organisation, unless the tracker names too few for the scope."""
    rows = _standing(organisation, at, target(scope))
    return [] if sum(row["is_tracked"] for row in rows) < _fewest(scope, organisation) else rows


def _fewest(scope: Scope, organisation: Organisation) -> int:
    return organisations.fewest_in_total(scope) if organisations.is_above(scope, organisation) else 0


def visible(scope: Scope, rows: Rows) -> Rows:
    """Those of the rows, a practice each, that the scope may see by name."""
    known = organisations.directory().organisations
    return [row for row in rows if row["practice"] in known and organisations.may_see(scope, known[row["practice"]])]


def practices(scope: Scope, view: View) -> Rows:
    """Open practices of the view's organisation that the scope may see by name, by PCN.

    Columns: practice, name, pcn, pcn_name, sub_icb, patients, is_tracked; stage, stage_number, since, days_here,
    supplier, line_type; live_on, planned_live, days_late (None: not late), slippage (days, signed), is_analogue; and
    the date on which each stage was reached.
    """
    return visible(scope, told(scope, view)[1])


def counts(scope: Scope, view: View) -> dict[str, Any]:
    """How many open practices, and how many of them at or beyond each stage, live by the target, late, waiting, on
    analogue lines, not in the tracker; patients of all and of those at or beyond each stage (None where a list is not
    known, and of a total above the scope: from one day to the next they would grow by the list of one practice, which
    names it)."""
    at, rows = told(scope, view)
    return {**_counted(scope, view.organisation, rows), "moment": at}


def _counted(scope: Scope, organisation: Organisation, rows: Rows) -> dict[str, Any]:
    due = target(scope)
    live = [row for row in rows if row["stage"] == "live"]
    found: dict[str, Any] = {
        stage: sum((row["stage_number"] or 0) >= number for row in rows) for number, stage in enumerate(STAGES, start=1)
    }
    lists: list[Any] = [None if organisations.is_above(scope, organisation) else row["patients"] for row in rows]
    return found | {
        "open": len(rows),
        "live_by_target": sum(row["live_on"] <= due for row in live),
        "late": sum(row["days_late"] is not None for row in rows),
        "waiting": sum(row["is_tracked"] and row["stage"] != "live" for row in rows),
        "on_analogue": sum(row["is_analogue"] for row in rows),
        "not_in_tracker": sum(not row["is_tracked"] for row in rows),
        "days_late": median([row["days_late"] for row in rows if row["days_late"] is not None] or [0]),
        "patients": None if None in lists else sum(lists),
        **{
            f"patients_{stage}": None
            if None in lists
            else sum(row["patients"] for row in rows if (row["stage_number"] or 0) >= number)
            for number, stage in enumerate(STAGES, start=1)
        },
    }


@remembered
def turnover(scope: Scope, view: View) -> dict[str, Any]:
    """Which practices there were and are, as those open differ from day to day.

    `target`: on the target date, where that day is past: open, live, not_in_tracker; closed, moved: of those live how
    many have closed by the day told, how many belong elsewhere; joined: how many of those open on the day told were
    live by the target and not yet here. `since`: from the day told to the last day there are figures of: of all open
    then closed, moved, and joined; each None where there is nothing to compare.
    """
    at, rows = told(scope, view)
    answer: dict[str, Any] = {"target": None, "since": None}
    if at is None or not rows:
        return answer
    due = target(scope)
    if at.first <= due < at.day:
        then = _enough(scope, view.organisation, _alone(at, due))
        live = {row["practice"] for row in then if row["live_on"]}
        now = {row["practice"] for row in rows if row["live_on"] and row["live_on"] <= due}
        if then:
            unnamed = sum(not row["is_tracked"] for row in then)
            known = {"open": len(then), "live": len(live), "not_in_tracker": unnamed}
            answer["target"] = {**known, **_moves(live, now, at.day)}
    if at.day < at.last:
        now = {row["practice"] for row in _enough(scope, view.organisation, _alone(at, at.last))}
        if now or not _fewest(scope, view.organisation):
            answer["since"] = _moves({row["practice"] for row in rows}, now, at.last)
    return answer


def _alone(at: Moment, day: date) -> Moment:
    """Another day as the same tracker tells it, whichever day was asked for: so that it is looked up once."""
    return replace(at, day=day, asked=day, planned=at.believed)


def _moves(before: set[str], after: set[str], day: date) -> dict[str, int]:
    """How many of `before` that are not in `after` have closed by the day, how many moved; how many are new in it."""
    still = reader().records(
        "SELECT DISTINCT practice FROM telephony_practice WHERE from_date <= :day AND to_date >= :day", day=day
    )
    moved = len((before - after) & {row["practice"] for row in still})
    return {"closed": len(before - after) - moved, "moved": moved, "joined": len(after - before)}


def burn_up(scope: Scope, view: View) -> Rows:
    """day, practices open, how many had reached each stage by then, and how many were on analogue lines, month by month
    from the first sign-up; `plan`: how many were planned live by then, which goes on into the future, where the rest is
    None."""
    at, rows = told(scope, view)
    if at is None or not rows:
        return []
    column = view.organisation.kind
    by_stage = ", ".join(
        f"count(*) FILTER (WHERE s.stage_number >= {number}) AS {stage}"
        for number, stage in enumerate(STAGES, start=1)
        if number > 1
    )
    found = reader().records(
        f"""
        WITH plan AS (
            SELECT practice_code, max(planned_date) AS planned FROM rollout
            WHERE believed_on = :planned AND stage = 'live' GROUP BY practice_code
        ),
        months AS (
            SELECT *, least(last_day(from_date), :day) AS told FROM telephony_practice
            WHERE {column} = :code AND from_date <= :day
        ),
        states AS (  -- with an end always: an OR in the condition of a LEFT JOIN compares every pair
            SELECT *, coalesce(to_date, :day) AS until FROM rollout_state WHERE believed_on = :believed
        )
        SELECT m.told AS day, count(*) AS open, {by_stage},
            count(*) FILTER (WHERE s.stage <> 'live' AND s.line_type IN ('PSTN', 'ISDN')) AS on_analogue,
            count(*) FILTER (WHERE w.planned <= m.told) AS plan
        FROM months AS m
        LEFT JOIN plan AS w ON w.practice_code = m.practice
        LEFT JOIN states AS s ON s.practice_code = m.practice AND s.from_date <= m.told AND s.until >= m.told
        WHERE m.to_date >= m.told
        GROUP BY m.told HAVING count(*) >= :fewest ORDER BY m.told
        """,
        believed=at.believed,
        planned=at.planned,
        day=at.day,
        code=view.organisation.code,
        fewest=_fewest(scope, view.organisation),
    )
    started = next((place for place, row in enumerate(found) if row["signed_up"] or row["plan"]), len(found))
    planned = sorted(row["planned_live"] for row in rows if row["planned_live"])
    later = sorted({day for day in planned if day > at.day})
    ahead = [{**dict.fromkeys(found[-1]), "day": day, "plan": sum(each <= day for each in planned)} for day in later]
    return found[max(0, started - 1) :] + ahead


def areas(scope: Scope, view: View) -> Rows:
    """Area by area what `counts` says: the view's organisation, its sub-ICB locations and its PCNs that the scope may
    see, with `organisation`, `name`, `level`, `is_above` (then patients are not told), `at_<stage>`: how many stand
    at that stage and no further."""
    at, rows = told(scope, view)
    if at is None or not rows:
        return []
    known = organisations.directory().organisations
    groups: dict[str, Rows] = {view.organisation.code: rows}
    for level in ("sub_icb", "pcn"):
        if LEVELS.index(level) < LEVELS.index(view.organisation.kind):
            for row in sorted(rows, key=lambda row: known[row[level]].name if row[level] in known else ""):
                groups.setdefault(row[level], []).append(row)
    answer = []
    for code, own in groups.items():
        place = known.get(code)
        if place is None or not organisations.may_see(scope, place):
            continue
        found = _counted(scope, place, own)
        standing = {f"at_{stage}": sum(row["stage"] == stage for row in own) for stage in STAGES}
        found["days_late"] = found["days_late"] if found["late"] else None
        about = {"name": place.name, "level": place.kind, "is_above": organisations.is_above(scope, place)}
        answer.append({"organisation": code, **about, **found, **standing})
    return answer


@remembered
def forecast(scope: Scope, view: View) -> Finish | None:
    """When all open practices would be live, at the pace before the day that is told; None without a tracker."""
    at, rows = told(scope, view)
    if at is None or not rows:
        return None
    return finish([row["live_on"] for row in rows if row["live_on"]], len(rows), at.day)


@remembered
def has_map(scope: Scope) -> bool:
    """Whether any boundary or place of an organisation is loaded."""
    return bool(reader().records("SELECT 1 FROM boundary LIMIT 1"))


def places(scope: Scope, view: View) -> Rows:
    """What a map can show: a row a sub-ICB location with a boundary that the scope may see (kind `sub_icb`: code, name,
    practices, live, share, geometry) and a row a practice with a place that the scope may see (kind `practice`: with
    its stage)."""
    _, rows = told(scope, view)
    shapes = {row["code"]: row["geometry"] for row in reader().records("SELECT code, geometry FROM boundary")}
    known = organisations.directory().organisations
    areas: dict[str, Rows] = {}
    for row in rows:
        areas.setdefault(row["sub_icb"], []).append(row)
    answer: Rows = []
    for code, own in areas.items():
        if code in shapes and code in known and organisations.may_see(scope, known[code]):
            live = sum(row["stage"] == "live" for row in own)
            common = {"code": code, "name": known[code].name, "practices": len(own), "live": live, "stage": None}
            answer.append({"kind": "sub_icb", **common, "share": live / len(own), "geometry": shapes[code]})
    for row in visible(scope, rows):
        if row["practice"] in shapes:
            common = {"code": row["practice"], "name": row["name"], "practices": 1, "live": int(row["stage"] == "live")}
            its = {"stage": row["stage"], "is_tracked": row["is_tracked"], "share": None}
            answer.append({"kind": "practice", **common, **its, "geometry": shapes[row["practice"]]})
    return answer


def capabilities(scope: Scope, view: View) -> Rows:
    """practice, name, pcn_name, stage, and for each capability the day since when the practice has it (None: has not)
    and how many it has; of practices the scope may see. As believed now."""
    at, rows = told(scope, view)
    if at is None:
        return []
    held = reader().records(
        "SELECT practice_code, capability, min(from_date) AS since FROM rollout_capability "
        "WHERE from_date <= :day AND (to_date IS NULL OR to_date >= :day) GROUP BY ALL",
        day=at.day,
    )
    since = {(row["practice_code"], row["capability"]): row["since"] for row in held}
    return [
        {
            **{name: row[name] for name in ("practice", "name", "pcn_name", "stage")},
            **{each: since.get((row["practice"], each)) for each in CAPABILITIES},
            "has": sum((row["practice"], each) in since for each in CAPABILITIES),
        }
        for row in visible(scope, rows)
    ] if held else []  # fmt: skip
