"""How calls, appointments and online requests split: sums of table `breakdown`."""

import pandas as pd

from dashboard.access.scope import Scope
from dashboard.queries import organisations
from dashboard.queries.source import reader
from dashboard.view import View


def by_month(scope: Scope, view: View, subject: str) -> pd.DataFrame:
    """period_start, category, amount of one subject for the view's organisation; a month without data has no row."""
    (code,) = organisations.permit(scope, [view.organisation.code])
    return reader().frame(
        "SELECT period_start, category, amount FROM breakdown WHERE subject = :subject AND level = :level "
        "AND organisation = :code AND period_start BETWEEN :first AND :last ORDER BY period_start, category",
        subject=subject,
        level=view.organisation.kind,
        code=code,
        first=view.first_month,
        last=view.last_month,
    )


def shares(scope: Scope, view: View, subjects: tuple[str, ...]) -> pd.DataFrame:
    """subject, category, amount, share, england_amount, england_share over the months the organisation has.

    England is summed over those same months, so that the two are about the same time. England's columns are
    empty where it has none of that subject.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    found = reader().frame(
        """
        WITH own AS (
            SELECT subject, category, period_start, amount FROM breakdown
            WHERE subject IN (SELECT unnest(:subjects)) AND level = :level AND organisation = :code
              AND period_start BETWEEN :first AND :last
        ),
        england AS (
            SELECT subject, category, sum(amount) AS amount FROM breakdown
            WHERE subject IN (SELECT unnest(:subjects)) AND level = 'england'
              AND (subject, period_start) IN (SELECT DISTINCT subject, period_start FROM own)
            GROUP BY ALL
        ),
        summed AS (SELECT subject, category, sum(amount) AS amount FROM own GROUP BY ALL)
        SELECT subject, category, summed.amount, england.amount AS england_amount,
               summed.amount / sum(summed.amount) OVER (PARTITION BY subject) AS share,
               england.amount / sum(england.amount) OVER (PARTITION BY subject) AS england_share
        FROM summed FULL JOIN england USING (subject, category)
        WHERE subject IN (SELECT subject FROM own)
        ORDER BY subject, category
        """,
        subjects=list(subjects),
        level=view.organisation.kind,
        code=code,
        first=view.first_month,
        last=view.last_month,
    )
    return found.astype({"amount": float, "england_amount": float})
