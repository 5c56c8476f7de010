"""Where requests go, which rates are withheld, and where navigators have been trained."""

from typing import Any

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import breakdowns, organisations
from dashboard.queries.measures import SERIES, UNTIL, definitions, thin_months
from dashboard.queries.source import reader
from dashboard.view import Organisation, View

RATE, UNKNOWN, TRAINED = "navigation_redirected", "navigation_not_recorded", "navigators_trained_practices"
NAVIGATED, TALK = "navigation_calls_navigated", "navigation_calls_talk_seconds"
LEVELS = ("practice", "pcn", "sub_icb", "icb")
CLINICAL = ("clinical_new", "clinical_ongoing", "medication")  # request categories of the redirection rate


def flow(scope: Scope, view: View) -> Rows:
    """request_category, destination, contacts, declined, share (of all requests) of the organisation and period."""
    (code,) = organisations.permit(scope, [view.organisation.code])
    return reader().records(
        "SELECT request_category, destination, sum(contacts) AS contacts, sum(declined) AS declined, "
        "sum(contacts) / sum(sum(contacts)) OVER () AS share FROM navigation_flow "
        "WHERE organisation = :code AND level = :level AND period_start BETWEEN :first AND :last "
        "AND period_start NOT IN (SELECT unnest(:thin)) "
        "GROUP BY request_category, destination ORDER BY contacts DESC, request_category, destination",
        code=code,
        level=view.organisation.kind,
        first=view.first_month,
        last=view.last_month,
        thin=thin_months(scope, view.organisation, RATE),
    )


def members(scope: Scope, view: View) -> list[Organisation]:
    """PCNs below the view's organisation, or of a PCN its practices, that the scope may see; of a practice itself."""
    organisations.permit(scope, [view.organisation.code])
    known, here = organisations.directory(), view.organisation
    found = known.below(here.code, "practice" if here.kind == "pcn" else "pcn") or [here]
    return [each for each in found if organisations.may_see(scope, each)]


def destinations(scope: Scope, view: View) -> Rows:
    """Clinical requests by where they went: organisation, name, destination, contacts, share of the organisation's,
    for each of `members` with any in the period."""
    own = {each.code: each.name for each in members(scope, view)}
    rows = reader().records(
        "SELECT organisation, destination, sum(contacts) AS contacts, "
        "sum(contacts) / sum(sum(contacts)) OVER (PARTITION BY organisation) AS share FROM navigation_flow "
        "WHERE organisation IN (SELECT unnest(:codes)) AND level IN ('practice', 'pcn') "
        "AND request_category IN (SELECT unnest(:clinical)) "
        "AND period_start BETWEEN :first AND :last "
        "GROUP BY organisation, destination ORDER BY organisation, contacts DESC, destination",
        codes=list(own),
        clinical=list(CLINICAL),
        first=view.first_month,
        last=view.last_month,
    )
    return sorted(({"name": own[row["organisation"]], **row} for row in rows), key=lambda row: row["name"])


def newest(scope: Scope, view: View, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The newest month (of the period, where an earlier end was chosen) of each of these measures for the view's
    organisation, also where its value is withheld: by measure, a row of `measure_value`, and `points`, how many its
    limits rest on. The newest of all months for measures of navigation is the same month."""
    organisation = view.organisation
    (code,) = organisations.permit(scope, [organisation.code])
    rows = reader().records(
        SERIES.format(values=organisations.values_of(organisation))
        + f"AND v.measure IN (SELECT unnest(:names)) AND v.organisation = :code AND v.level = :level AND {UNTIL} "
        "AND (v.level IN ('practice', 'pcn') OR v.practices_counted IS NULL OR v.practices_counted >= :fewest) "
        "QUALIFY row_number() OVER (PARTITION BY v.measure ORDER BY v.period_start DESC) = 1",
        names=list(names),
        until=view.ending,
        code=code,
        level=organisation.kind,
        fewest=organisations.fewest_in_total(scope),
    )
    return {row["measure"]: row for row in rows}


def withheld(scope: Scope, view: View) -> Rows:
    """Where the redirection rate is withheld in the period, a row an organisation (the view's first, then those below
    that the scope may see) and reason: organisation, name, kind, reason, months (newest first), and of the newest of
    them redirected, base, not_recorded (a share of clinical requests), minimum_base, maximum_not_recorded."""
    organisations.permit(scope, [view.organisation.code])
    known, here = organisations.directory(), view.organisation
    below = [each for kind in ("pcn", "practice") for each in known.below(here.code, kind)]
    names = {each.code: each for each in [here, *below] if organisations.may_see(scope, each)}
    rows = reader().records(
        "SELECT organisation, level AS kind, reason, list(period_start ORDER BY period_start) AS months, "
        "arg_max(redirected, period_start) AS redirected, arg_max(base, period_start) AS base, "
        "arg_max(not_recorded / nullif(clinical, 0), period_start) AS not_recorded, "
        "max(minimum_base) AS minimum_base, max(maximum_not_recorded) AS maximum_not_recorded "
        "FROM navigation_withheld WHERE organisation IN (SELECT unnest(:codes)) "
        "AND level IN ('practice', 'pcn', 'sub_icb', 'icb') AND period_start BETWEEN :first AND :last "
        "AND NOT (organisation = :here AND period_start IN (SELECT unnest(:thin))) GROUP BY ALL",
        codes=list(names),
        here=here.code,
        thin=thin_months(scope, here, RATE),
        first=view.first_month,
        last=view.last_month,
    )
    order = {kind: place for place, kind in enumerate(reversed(LEVELS))}
    found = [{"name": names[row["organisation"]].name, **row} for row in rows]
    return sorted(found, key=lambda row: (order[row["kind"]], row["name"], -len(row["months"]), row["reason"]))


def times(scope: Scope, view: View) -> Rows:
    """Requests by the half-hour in which they were handled (`08:30`), from the first to the last with any: category,
    requests; clinical ones redirected, to_gp, not_recorded; other; rate (redirected of those with a destination)."""
    parts = ("", "_base", "_redirected", "_not_recorded")
    found = [breakdowns.shares(scope, view, f"navigation_half_hour{part}") for part in parts]
    every, base, redirected, missing = ({row["category"]: row["amount"] or 0 for row in rows} for rows in found)
    rows = []
    for half_hour in _half_hours(every):
        counted = {
            "requests": every.get(half_hour, 0),
            "redirected": redirected.get(half_hour, 0),
            "to_gp": base.get(half_hour, 0) - redirected.get(half_hour, 0),
            "not_recorded": missing.get(half_hour, 0),
        }
        counted["other"] = counted["requests"] - base.get(half_hour, 0) - counted["not_recorded"]
        rate = counted["redirected"] / base[half_hour] if base.get(half_hour) else None
        rows.append({"category": half_hour, **counted, "base": base.get(half_hour, 0), "rate": rate})
    return rows


def _half_hours(counted: dict[str, int]) -> list[str]:
    """Every half-hour from the first counted to the last: one without a request is nought, of days that were open."""
    if not counted:
        return []
    every = [f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 30)]
    return every[every.index(min(counted)) : every.index(max(counted)) + 1]


def calls(scope: Scope, view: View) -> Rows:
    """Answered calls that a navigation record names, for the view's organisation and `members`, over the period:
    organisation, name, navigated, answered, share, talk_seconds (mean of the navigated), all_talk_seconds (mean of
    all answered calls in its call logs), months. Only those with any."""
    here = view.organisation
    own = {each.code: each.name for each in [here, *members(scope, view)]}
    rows = reader().records(
        "SELECT organisation, count(DISTINCT period_start) FILTER (WHERE measure = :share) AS months, "
        "sum(numerator) FILTER (WHERE measure = :share) AS navigated, "
        "sum(denominator) FILTER (WHERE measure = :share) AS answered, "
        "sum(numerator) FILTER (WHERE measure = :talk) / sum(denominator) FILTER (WHERE measure = :talk) "
        "AS talk_seconds, "
        "sum(numerator) FILTER (WHERE measure = :every) / sum(denominator) FILTER (WHERE measure = :every) "
        "AS all_talk_seconds "
        "FROM measure_value WHERE measure IN (:share, :talk, :every) AND organisation IN (SELECT unnest(:codes)) "
        "AND period_kind = 'month' AND period_start BETWEEN :first AND :last "
        "AND NOT (organisation = :here AND period_start IN (SELECT unnest(:thin))) "
        "GROUP BY organisation HAVING navigated > 0",
        share=NAVIGATED,
        talk=TALK,
        every="logged_calls_mean_talk",
        codes=list(own),
        here=here.code,
        thin=thin_months(scope, here, NAVIGATED, "logged_calls_mean_talk"),
        first=view.first_month,
        last=view.last_month,
    )
    found = [{"name": own[row["organisation"]], "share": row["navigated"] / row["answered"], **row} for row in rows]
    return sorted(found, key=lambda row: (row["organisation"] != here.code, row["name"]))


def every_measure(scope: Scope, view: View) -> Rows:
    """The newest month of each measure of navigation and training: measure, title, unit, its `measure_value` row."""
    known = definitions(scope)
    names = tuple(name for name in known if name.startswith(("navigation_", "navigator")))
    found = newest(scope, view, names)
    return [
        {"title": known[name]["title"], "unit": known[name]["unit"], **found[name]} for name in names if name in found
    ]


def training(scope: Scope, view: View) -> Rows:
    """Practices of the view's organisation that were open in the newest month of training measures and that the scope
    may see, those without a trained navigator first: practice, name, pcn_name, is_trained, trained_on,
    funded_booked_on, funded_paid_by, funded_completed, cascaded_completed, is_named (by a training return). No rows
    before a return."""
    organisations.permit(scope, [view.organisation.code])
    known, here = organisations.directory(), view.organisation
    listed = [here] if here.kind == "practice" else known.below(here.code, "practice")
    own = {each.code: each for each in listed if organisations.may_see(scope, each)}
    rows = reader().records(
        "SELECT v.organisation AS practice, v.numerator > 0 AS is_trained, t.practice_code IS NOT NULL AS is_named, "
        "t.trained_on, t.funded_booked_on, t.funded_paid_by, coalesce(t.funded_completed, 0) AS funded_completed, "
        "coalesce(t.cascaded_completed, 0) AS cascaded_completed FROM measure_value v "
        "LEFT JOIN training_practice t ON t.practice_code = v.organisation "
        "WHERE v.measure = :trained AND v.level = 'practice' AND v.organisation IN (SELECT unnest(:codes)) "
        "AND v.period_start = (SELECT max(period_start) FROM measure_value WHERE measure = :trained "
        "AND (period_start <= :until OR CAST(:until AS DATE) IS NULL))",
        trained=TRAINED,
        until=view.ending,
        codes=list(own),
    )
    for row in rows:
        above = [known.organisations[code] for code in own[row["practice"]].parents if code in known.organisations]
        row["name"] = own[row["practice"]].name
        row["pcn_name"] = next((each.name for each in above if each.kind == "pcn"), None)
    return sorted(rows, key=lambda row: (row["is_trained"], row["pcn_name"] or "", row["name"]))


def impact(scope: Scope, view: View) -> Rows:
    """Did training change anything? A row a measure of navigation of table `impact`, with title and unit. Of all
    practices that a training return names, whatever the organisation."""
    return reader().records(
        "SELECT i.*, m.title, m.unit FROM impact AS i INNER JOIN measure AS m ON m.measure = i.measure "
        "WHERE starts_with(i.measure, 'navigation_') ORDER BY i.measure <> :rate, i.measure",
        rate=RATE,
    )


def impact_path(scope: Scope, view: View) -> Rows:
    """The redirection rate month by month around training: months_since, switched (mean of the practices trained),
    waiting (mean of those not yet trained in the same months), gap, and the same in each, the row of `impact`. No rows
    where there is no answer; nor for a narrower scope where either mean is of so few that it could work one out."""
    answer = next((row for row in impact(scope, view) if row["measure"] == RATE), None)
    if answer is None or answer["refusal"] is not None:
        return []
    if min(answer["practices"], answer["controls"]) < organisations.fewest_in_total(scope):
        return []
    rows = reader().records(
        "SELECT months_since, switched, waiting, switched - waiting AS gap FROM impact_path WHERE measure = :rate "
        "ORDER BY months_since",
        rate=RATE,
    )
    return [{**answer, **row} for row in rows]


def unmapped(scope: Scope, view: View) -> Rows:
    """feed, outcome, destination (none yet), rows, practices: outcomes that no mapping table knows, most frequent
    first. Of every practice at once, so only for the whole ICB."""
    if scope.kind != "icb":
        raise organisations.NoSuchOrganisation("This is shown to the ICB's own team only.")
    return reader().records(
        "SELECT feed, value AS outcome, NULL AS destination, rows, practices FROM unmapped_destination "
        "ORDER BY rows DESC, value LIMIT 500"
    )
