"""How calls, appointments and online requests split: sums of table `breakdown`."""

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations
from dashboard.queries.measures import thin_months
from dashboard.queries.source import reader
from dashboard.view import View


def by_month(scope: Scope, view: View, subject: str) -> Rows:
    """period_start, category, amount of one subject for the view's organisation; a month without data has no row."""
    (code,) = organisations.permit(scope, [view.organisation.code])
    return reader().records(
        "SELECT period_start, category, amount FROM breakdown WHERE subject = :subject AND level = :level "
        "AND organisation = :code AND period_start BETWEEN :first AND :last "
        "AND period_start NOT IN (SELECT unnest(:thin)) ORDER BY period_start, category",
        subject=subject,
        thin=thin_months(scope, view.organisation, subject),
        level=view.organisation.kind,
        code=code,
        first=view.first_month,
        last=view.last_month,
    )


def shares(scope: Scope, view: View, *subjects: str) -> Rows:
    """subject, category, amount, share, england_amount, england_share over the months the organisation has.

    England is summed over those same months, so that the two are about the same time. Its columns are None where
    it has none of that subject, or where the organisation is England.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    names = {f"subject_{place}": subject for place, subject in enumerate(subjects)}
    listed = ", ".join(f":{name}" for name in names)
    sums = reader().records(
        f"""
        SELECT subject, category, organisation, sum(amount) AS amount FROM breakdown
        WHERE subject IN ({listed}) AND organisation IN (:code, 'ENG')
          AND period_start BETWEEN :first AND :last AND period_start NOT IN (SELECT unnest(:thin))
          AND period_start IN (SELECT period_start FROM breakdown WHERE subject IN ({listed}) AND organisation = :code)
        GROUP BY ALL ORDER BY ALL
        """,
        **names,
        thin=thin_months(scope, view.organisation, *subjects),
        code=code,
        first=view.first_month,
        last=view.last_month,
    )
    return [row for subject in subjects for row in _shares([each for each in sums if each["subject"] == subject], code)]


def _shares(sums: Rows, code: str) -> Rows:
    own = {row["category"]: int(row["amount"] or 0) for row in sums if row["organisation"] == code}
    england = {row["category"]: int(row["amount"] or 0) for row in sums if row["organisation"] != code}
    if not own:
        return []
    whole, england_whole = sum(own.values()), sum(england.values())
    return [
        {
            "subject": sums[0]["subject"],
            "category": category,
            "amount": own.get(category),
            "share": own.get(category, 0) / whole if whole else None,
            "england_amount": england.get(category) if england else None,
            "england_share": england.get(category, 0) / england_whole if england_whole else None,
        }
        for category in sorted(own.keys() | england.keys())
    ]
