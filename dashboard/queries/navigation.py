"""Where requests go, which rates are withheld, and where navigators have been trained."""

from typing import Any

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations
from dashboard.queries.measures import definitions, thin_months
from dashboard.queries.source import reader
from dashboard.view import Organisation, View

RATE, UNKNOWN, TRAINED = "navigation_redirected", "navigation_not_recorded", "navigators_trained_practices"
LEVELS = ("practice", "pcn", "sub_icb", "icb")


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
        "AND request_category IN ('clinical_new', 'clinical_ongoing', 'medication') "
        "AND period_start BETWEEN :first AND :last "
        "GROUP BY organisation, destination ORDER BY organisation, contacts DESC, destination",
        codes=list(own),
        first=view.first_month,
        last=view.last_month,
    )
    return sorted(({"name": own[row["organisation"]], **row} for row in rows), key=lambda row: row["name"])


def newest(scope: Scope, view: View, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The newest month (of the period, where an earlier end was chosen) of each of these measures for the view's
    organisation, also where its value is withheld: by measure, a row of `measure_value`. The newest of all months for
    measures of navigation is the same month."""
    organisation = view.organisation
    (code,) = organisations.permit(scope, [organisation.code])
    rows = reader().records(
        "SELECT * FROM measure_value WHERE measure IN (SELECT unnest(:names)) AND organisation = :code "
        "AND level = :level AND period_kind = 'month' AND period_start NOT IN (SELECT unnest(:thin)) "
        "AND (period_start <= :until OR CAST(:until AS DATE) IS NULL) "
        "QUALIFY row_number() OVER (PARTITION BY measure ORDER BY period_start DESC) = 1",
        names=list(names),
        until=view.ending,
        code=code,
        level=organisation.kind,
        thin=thin_months(scope, organisation, *names),
    )
    return {row["measure"]: row for row in rows}


def withheld(scope: Scope, view: View) -> Rows:
    """Months in which the redirection rate is withheld, of the view's organisation and of those below that the scope
    may see: name, organisation, kind, period_start, numerator, base, not_recorded (a share). Newest first."""
    known, here = organisations.directory(), view.organisation
    below = [each for kind in ("pcn", "practice") for each in known.below(here.code, kind)]
    names = {each.code: each for each in [here, *below] if organisations.may_see(scope, each)}
    rows = reader().records(
        "SELECT v.organisation, v.level AS kind, v.period_start, v.numerator, v.denominator AS base, "
        "u.value AS not_recorded FROM measure_value v LEFT JOIN measure_value u ON u.measure = :unknown "
        "AND u.organisation = v.organisation AND u.level = v.level AND u.period_kind = v.period_kind "
        "AND u.period_start = v.period_start WHERE v.measure = :rate AND v.value IS NULL AND v.period_kind = 'month' "
        "AND v.organisation IN (SELECT unnest(:codes)) AND v.period_start BETWEEN :first AND :last "
        "ORDER BY v.period_start DESC, v.level, v.organisation",
        rate=RATE,
        unknown=UNKNOWN,
        codes=list(names),
        first=view.first_month,
        last=view.last_month,
    )
    return [{"name": names[row["organisation"]].name, **row} for row in rows]


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
    funded_booked_on, funded_completed, cascaded_completed, is_named (by a training return). No rows before a return."""
    known, here = organisations.directory(), view.organisation
    listed = [here] if here.kind == "practice" else known.below(here.code, "practice")
    own = {each.code: each for each in listed if organisations.may_see(scope, each)}
    rows = reader().records(
        "SELECT v.organisation AS practice, v.numerator > 0 AS is_trained, t.practice_code IS NOT NULL AS is_named, "
        "t.trained_on, t.funded_booked_on, coalesce(t.funded_completed, 0) AS funded_completed, "
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
        "WHERE starts_with(i.measure, 'navigation_') ORDER BY i.measure"
    )


def unmapped(scope: Scope, view: View) -> Rows:
    """feed, value, rows of outcomes that no mapping table knows, most frequent first. Of every practice at once, so
    only for the whole ICB."""
    if scope.kind != "icb":
        raise organisations.NoSuchOrganisation("This is shown to the ICB's own team only.")
    return reader().records("SELECT feed, value, rows FROM unmapped_destination ORDER BY rows DESC, value LIMIT 500")
