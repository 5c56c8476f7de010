"""How the rollout of digital telephony is delivered: dates that slipped, suppliers, money. Charts of `/telephony`."""

from typing import Any

from dashboard import words
from dashboard.access.scope import Scope
from dashboard.charts import rollout
from dashboard.findings_rollout import OWN_WORDS, long, of, opening
from dashboard.page import Chart, Column, Definitions, Drawing, Rows
from dashboard.queries import telephony_delivery
from dashboard.view import View


def _slippage(rows: Rows, view: View, known: Definitions) -> Drawing:
    moved = [row for row in rows if row["slipped"] > 0]
    middle = sorted(row["slipped"] for row in moved)[len(moved) // 2] if moved else 0
    half = f", at half of them by {long(middle)} or more" if len(moved) > 1 else ""
    title = f"Go-live slipped at {of(len(moved), len(rows))}{half}" if moved else "No practice's go-live slipped"
    return Drawing(
        title,
        "Days from the first planned go-live, as the earliest tracker had it, to the actual one or, until then, to the "
        "newest planned one.",
        rollout.slipped(rows),
        f"{title}. A bar a practice, most first.",
        opening(f"{words.plural(len(rows), 'practice')} with a planned date"),
    )


SLIPPAGE = Chart(
    "telephony-slippage",
    telephony_delivery.slippage,
    _slippage,
    (
        Column("name", "Practice", practice="practice"),
        Column("practice", "Code"),
        Column("pcn_name", "PCN"),
        Column("first_planned", "First planned", "day"),
        Column("first_believed", "Believed on", "day"),
        Column("moves", "Times moved", "count"),
        Column("planned_live", "Newest plan", "day"),
        Column("live_on", "Live on", "day"),
        Column("slippage", "Actual less planned, days", "count"),
        Column("slipped", "Since first planned, days", "count"),
    ),
    meaning=OWN_WORDS + "Each load of the tracker is kept, so what was planned at the time can still be seen.",
    empty="No snapshot of the tracker has a planned go-live.",
)


def _suppliers(rows: Rows, view: View, known: Definitions) -> Drawing:
    waiting = [row for row in rows if row["waiting"]]
    title = (
        "Practices still waiting: "
        + ", ".join(
            f"{'no supplier named' if row['supplier'] == 'Not named' else row['supplier']} {row['waiting']}"
            for row in waiting
        )
        if waiting
        else "No supplier has a practice still waiting"
    )
    return Drawing(
        title, "Open practices by supplier of the stage they are at; days from contract to live, the middle one."
    )


SUPPLIERS = Chart(
    "telephony-suppliers",
    telephony_delivery.suppliers,
    _suppliers,
    (
        Column("supplier", "Supplier"),
        Column("practices", "Practices", "count"),
        Column("patients", "Patients", "count"),
        Column("live", "Live", "count"),
        Column("waiting", "Waiting", "count"),
        Column("late", "Late", "count"),
        Column("days", "Days, contract to live", "count"),
    ),
    meaning=OWN_WORDS + "Suppliers took on different practices at different times: this is not a ranking.",
    empty="Suppliers are shown to the ICB's own team, from its rollout tracker.",
    height=0,
)


def _money_query(scope: Scope, view: View) -> Rows:
    """The money; with it, in a column that the table leaves out, what it might have come out of."""
    share = telephony_delivery.funding_share(scope, view)
    return [{**row, "share": share} for row in telephony_delivery.money(scope, view)]


def _money(rows: Rows, view: View, known: Definitions) -> Drawing:
    awarded, paid = (sum(row[name] or 0 for row in rows) for name in ("awarded", "paid"))
    practices = len({row["practice"] for row in rows})
    undated = sum(row["date"] is None for row in rows)
    paid_of = f"{pounds(paid)} paid of {pounds(awarded)} awarded"
    if paid in (0, awarded):
        paid_of = f"{'All' if paid else 'None'} of the {pounds(awarded)} awarded is paid{'' if paid else ' yet'}"
    each = f": {pounds(awarded / practices)} awarded and {pounds(paid / practices)} paid per practice, over {practices}"
    each *= practices > 1
    return Drawing(
        paid_of + _of_share(awarded, rows[0]["share"]),
        f"Dated on or before the day told{each}. In pounds, the unpaid first.",
        coverage=f"{words.plural(undated, 'item')} without a date" if undated else "",
        note=_where_from(rows[0]["share"]),
    )


def _of_share(awarded: float, share: dict[str, Any] | None) -> str:
    if share is None or not share["pounds"]:
        return ""
    whose = "its share" if share["is_own"] else "an even share"
    return f"; the award is {words.value(awarded / share['pounds'], 'percent')} of {whose} ({pounds(share['pounds'])})"


def _where_from(share: dict[str, Any] | None) -> str:
    """How the share was worked out, for `What this means`."""
    if share is None:
        return ""
    if share["is_own"]:
        return (
            f"The ICB's share of the £240 million is what its settings say (telephony_funding_share), "
            f"{pounds(share['whole'])}; of a part of the ICB, in proportion to its practices open on the day."
        )
    return (
        f"An even share is {pounds(share['whole'])}, the national money, times this organisation's open practices "
        f"over England's ({words.count(share['practices'])} open in {words.month(share['counted_on'])}). It is a "
        "yardstick, not what NHS England allocated: put the true sum into the setting telephony_funding_share."
    )


def pounds(amount: float) -> str:
    """`£757,148`; millions rounded: `£1.76 million`."""
    return f"£{amount / 1e6:,.2f} million" if amount >= 1e6 else f"£{amount:,.0f}"


MONEY = Chart(
    "telephony-money",
    _money_query,
    _money,
    (
        Column("name", "Practice", practice="practice"),
        Column("practice", "Code"),
        Column("item", "Item"),
        Column("awarded", "Awarded", "count"),
        Column("paid", "Paid", "count"),
        Column("unpaid", "Not yet paid", "count"),
        Column("date", "Date", "day"),
    ),
    measures=lambda view: ("telephony_funding_awarded", "telephony_funding_paid"),
    meaning="Closed practices count: the money was theirs.",
    empty="No funding is known by this day. The template rollout_funding.csv is on the Data page.",
    height=0,
)
