"""The warehouse: where facts live, and the ledger of what was loaded.

Portable SQLAlchemy Core: the same tables on DuckDB and on PostgreSQL. `Table.info["scope"]` names the
columns that say what one row is *about*: a later load for the same values supersedes the earlier rows.
A table with `info["key"]` instead is upserted row by row (call logs). Codes are ODS codes, upper case.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
)

metadata = MetaData()

AREAS = ("practice_code", "pcn_code", "sub_icb_code", "icb_code", "region_code")


def _column(name: str, kind: type, comment: str, nullable: bool = True) -> Column:
    return Column(name, kind, nullable=nullable, comment=comment)


def _areas() -> list[Column]:
    return [
        _column("practice_code", String, "practice; `Unassigned` for an account shared by several"),
        _column("pcn_code", String, "PCN named in the row; empty where none"),
        _column("sub_icb_code", String, "sub-ICB location named in the row"),
        _column("icb_code", String, "ICB named in the row"),
        _column("region_code", String, "region named in the row"),
    ]


def _load() -> Column:
    return _column("load_id", BigInteger, "the load this row came from", nullable=False)


load = Table(
    "load",
    metadata,
    Column("load_id", BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3 … in order of loading"),
    _column("feed", String, "the feed that recognised it", nullable=False),
    _column("layout", String, "which of the feed's layouts"),
    _column("file_name", String, "name as received; `archive.zip/member.csv` for a member", nullable=False),
    _column("sha256", String, "of the bytes as received (the member's, for a member)", nullable=False),
    _column("rows_read", BigInteger, "rows below the header"),
    _column("rows_kept", BigInteger, "rows that became facts"),
    _column("rows_refused", BigInteger, "rows refused, each with a reason in rejected_row"),
    _column("rows_filtered", BigInteger, "rows rightly not this feed's business"),
    _column("period_from", Date, "first day covered"),
    _column("period_to", Date, "last day covered"),
    _column("loaded_at", DateTime, "UTC"),
    _column("supersedes", String, "load ids whose rows this load replaced, comma separated"),
    _column("is_synthetic", Boolean, "the file says that it is synthetic"),
    schema="ledger",
)

rejected_row = Table(
    "rejected_row",
    metadata,
    _load(),
    _column("feed", String, "feed"),
    _column("line_number", BigInteger, "line 1 is the header; in a workbook the sheet's row"),
    _column("column_name", String, "column at fault"),
    _column("reason", String, "in plain words, never the row's personal data"),
    schema="ledger",
)

refused_file = Table(
    "refused_file",
    metadata,
    _column("file_name", String, "name as received", nullable=False),
    _column("refused_at", DateTime, "UTC"),
    _column("reason", String, "what, where and what to do"),
    schema="ledger",
)

calendar = Table(
    "calendar",
    metadata,
    _column("day", Date, "one row a day", nullable=False),
    _column("month", Date, "first day of its month"),
    _column("week", Date, "its Monday"),
    _column("weekday", SmallInteger, "1 Monday … 7 Sunday"),
    _column("bank_holiday", String, "name of the England bank holiday, else empty"),
    _column("is_working_day", Boolean, "Monday to Friday, not a bank holiday"),
    schema="fact",
)

organisation = Table(
    "organisation",
    metadata,
    _column("code", String, "ODS code", nullable=False),
    _column("kind", String, "practice, pcn, sub_icb, icb, region, england", nullable=False),
    _column("name", String, "as the source gives it"),
    _column("opened", Date, "opened on"),
    _column("closed", Date, "last day open; empty when open"),
    _column("status", String, "A active, C closed, D dormant, P proposed (epraccur)"),
    _column("prescribing_setting", String, "4 = GP practice (epraccur)"),
    _column("ons_code", String, "ONS code of an area"),
    _column("postcode", String, "postcode"),
    _column(
        "source",
        String,
        "epraccur, epcn, mapping, registration_map, publication, registered_patients, demo",
        nullable=False,
    ),
    _column("as_of", Date, "date the statement speaks of"),
    _load(),
    schema="fact",
    comment="What each source says of each organisation; the mart `organisation` chooses",
    info={"scope": ("source", "code", "as_of")},
)

membership = Table(
    "membership",
    metadata,
    _column("child", String, "organisation", nullable=False),
    _column("child_kind", String, "its kind"),
    _column("parent", String, "parent organisation", nullable=False),
    _column("parent_kind", String, "its kind"),
    _column("from_date", Date, "first day; empty when the source only says that it holds on as_of"),
    _column("to_date", Date, "last day; empty when current"),
    _column("source", String, "epraccur, epcn, mapping, registration_map, publication", nullable=False),
    _column("as_of", Date, "date the statement speaks of"),
    _load(),
    schema="fact",
    comment="What each source says of who belongs to whom; the mart `membership` chooses",
    info={"scope": ("source", "child", "parent_kind", "as_of")},
)

registered_patients = Table(
    "registered_patients",
    metadata,
    _column("period_start", Date, "first day of the extract's month", nullable=False),
    _column("organisation", String, "ODS code", nullable=False),
    _column("organisation_kind", String, "practice, pcn, sub_icb, icb, region, england"),
    _column("sex", String, "all, female, male"),
    _column("age_band", String, "all, or 0_4 … 90_94, 95+"),
    _column("patients", Integer, "registered patients"),
    _load(),
    schema="fact",
    info={"scope": ("organisation", "period_start", "sex", "age_band")},
)

published_calls = Table(
    "published_calls",
    metadata,
    _column(
        "dataset",
        String,
        "table_2, table_3, table_4, table_5, durations, day_and_time, answered",
        nullable=False,
    ),
    _column("period_kind", String, "day or month", nullable=False),
    _column("period_start", Date, "first day", nullable=False),
    *_areas(),
    _column(
        "indicator",
        String,
        "inbound, answered, ended_in_ivr, callback_requested, callback_made, missed",
        nullable=False,
    ),
    _column("dimension", String, "total, wait, duration, time_band, core", nullable=False),
    _column("band", String, "`total`, or the band in canonical words: 0_60, 61_120, 121_300, >300; 08:00-09:59 …"),
    _column("calls", BigInteger, "count of calls", nullable=False),
    _load(),
    schema="fact",
    info={"scope": ("dataset", *AREAS, "period_start")},
)

online_requests = Table(
    "online_requests",
    metadata,
    _column("period_start", Date, "first day of the month", nullable=False),
    *_areas(),
    _column("supplier", String, "as named, comma separated"),
    _column("type", String, "total, clinical, administrative, other", nullable=False),
    _column("requests", BigInteger, "submissions; empty when the practice took part without a count"),
    _column("participates", Boolean, "participation flag; empty where the edition has none"),
    _load(),
    schema="fact",
    info={"scope": ("practice_code", "sub_icb_code", "period_start")},
)

appointments = Table(
    "appointments",
    metadata,
    _column("dataset", String, "crosstab, daily, regional, duration, own", nullable=False),
    _column("period_kind", String, "day or month", nullable=False),
    _column("period_start", Date, "first day", nullable=False),
    *_areas(),
    _column("status", String, "attended, dna, unknown"),
    _column("staff_group", String, "gp, other, unknown"),
    _column("mode", String, "face_to_face, telephone, home_visit, video_online, unknown"),
    _column("category", String, "national category, as published; empty where the file has none"),
    _column("booking_wait", String, "same_day, 1_day, 2_to_7, 8_to_14, 15_to_21, 22_to_28, over_28, unknown"),
    _column("duration", String, "1_5 … 31_60, unknown (minutes); only in dataset duration"),
    _column("appointments", BigInteger, "count", nullable=False),
    _load(),
    schema="fact",
    info={"scope": ("dataset", "practice_code", "sub_icb_code", "period_start")},
)

deprivation = Table(
    "deprivation",
    metadata,
    _column("index_year", Integer, "2019 or 2025", nullable=False),
    _column("area", String, "practice code, LSOA code or ENG", nullable=False),
    _column("area_kind", String, "practice, lsoa, england"),
    _column("score", Double, "IMD score"),
    _column("rank", Integer, "1 = most deprived (LSOA file)"),
    _column("decile", Integer, "1 = most deprived"),
    _column("source", String, "fingertips, praqtis, derived, lsoa"),
    _load(),
    schema="fact",
    info={"scope": ("index_year", "area", "source")},
)

printed_figure = Table(
    "printed_figure",
    metadata,
    _column("source", String, "published_calls, online_requests, appointments", nullable=False),
    _column("dataset", String, "total_row, own_month (of the edition itself), table_1, coverage", nullable=False),
    _column("period_start", Date, "first day of the month", nullable=False),
    _column("organisation", String, "ENG, ICB or sub-ICB code", nullable=False),
    _column(
        "item",
        String,
        "inbound, answered, practices_included, practices_open, patients_included …",
        nullable=False,
    ),
    _column("value", Double, "as printed"),
    _load(),
    schema="fact",
    comment="Totals the publisher printed: never added to anything, only compared with",
    info={"scope": ("source", "dataset", "organisation", "period_start", "item")},
)

call_leg = Table(
    "call_leg",
    metadata,
    _column("source_id", String, "the telephony source in icb.toml", nullable=False),
    _column("leg_id", BigInteger, "the leg's own number within its call", nullable=False),
    _column("correlation_id", String, "what the platform gives to all legs of a call", nullable=False),
    _column("channel_id", String, "the leg's channel, where it differs from correlation_id"),
    _column("kind", String, "cdr, event (of a queue), segment (3CX), call (one row a call)", nullable=False),
    _column("step", String, "cdr: menu, queue, dial, voicemail; event: enter, connect …; call: its outcome"),
    _column("direction", String, "inbound, outbound or internal"),
    _column("local_date", Date, "date of started_at in London", nullable=False),
    _column("started_at", DateTime, "UTC; of an event, when it happened", nullable=False),
    _column("arrived_at", DateTime, "UTC; when the caller reached the platform, as far as this leg knows"),
    _column("entered_at", DateTime, "UTC; joined a queue, or the first telephone rang"),
    _column("answered_at", DateTime, "UTC; a person answered"),
    _column("ended_at", DateTime, "UTC"),
    _column("talk_seconds", Integer, "conversation on this leg"),
    _column("is_inferred", Boolean, "the platform's row does not tell a person's answer from a menu's"),
    _column("result", String, "cdr: answered, no_answer, busy, congestion, failed; segment: caller or system ended it"),
    _column("queue_name", String, "queue"),
    _column("queue_position", Integer, "position on joining the queue"),
    _column("practice_code", String, "practice dialled; several, comma separated, for a shared account"),
    _column("practice_rank", SmallInteger, "told by 1 the number called, 2 the leg's destination, 3 the queue"),
    _column("caller_pseudonym", String, "keyed pseudonym of the caller; of an outbound leg, of the person called"),
    _column("cli_status", String, "present, withheld, short, internal_error"),
    _column("callback_completed", Boolean, "the platform says that the call-back was made"),
    _column("is_time_ambiguous", Boolean, "in the hour that comes twice, and nothing says which"),
    _load(),
    schema="fact",
    comment="Rows and events of telephone systems, from which calls are built",
    info={"key": ("source_id", "correlation_id", "leg_id"), "range": ("local_date", "leg_id")},
)

call = Table(
    "call",
    metadata,
    _column("call_id", String, "the source and its own id, hashed", nullable=False),
    _column("source_id", String, "the telephony source in icb.toml", nullable=False),
    _column("native_call_id", String, "call_leg.correlation_id", nullable=False),
    _column("practice_code", String, "practice; `unassigned` for an account that several share", nullable=False),
    _column("shared_with", String, "the practices that share the account, comma separated"),
    _column("local_date", Date, "date of started_at in London", nullable=False),
    _column("half_hour", SmallInteger, "0–47, of started_at in London", nullable=False),
    _column("started_at", DateTime, "UTC; arrival at the platform", nullable=False),
    _column("entered_at", DateTime, "UTC; joined the first queue, or the first telephone rang"),
    _column("answered_at", DateTime, "UTC; a person first answered"),
    _column("ended_at", DateTime, "UTC"),
    _column(
        "outcome",
        String,
        "answered, callback, voicemail, abandoned_queue, no_answer, out_of_hours, "
        "abandoned_ivr, ivr_diverted, engaged, unknown",
        nullable=False,
    ),
    _column("wait_seconds", Integer, "joining the queue to answer or end; empty when never queued or not told"),
    _column("talk_seconds", Integer, "conversation with staff, with hold and transfers"),
    _column("queue_name", String, "first queue"),
    _column("queue_position", Integer, "position given on joining it"),
    _column("callback_requested_at", DateTime, "UTC; a call-back was asked for"),
    _column("callback_completed", Boolean, "the call-back was connected; empty when none was asked for"),
    _column("is_open", Boolean, "the practice was open when the call arrived"),
    _column("caller_pseudonym", String, "keyed pseudonym, the key new every month; empty when withheld"),
    _column("cli_status", String, "present, withheld, short, internal_error"),
    _column("flags", String, "time_ambiguous, outcome_inferred, legs_incomplete; comma separated"),
    _load(),
    schema="fact",
    comment="One inbound external call",
    info={"key": ("call_id",), "range": ("local_date",)},
)

# calls lie as they came, day after day, so that PostgreSQL finds a night's among years by blocks, as DuckDB does
for _calls in (call_leg, call):
    Index(f"{_calls.name}_days", _calls.c.local_date, _calls.c.load_id, postgresql_using="brin")

rollout_milestone = Table(
    "rollout_milestone",
    metadata,
    _column("practice_code", String, "practice", nullable=False),
    _column("stage", String, "analogue, signed_up, contracted, installed, live", nullable=False),
    _column("planned_date", Date, "when it is planned; empty when it is not"),
    _column("actual_date", Date, "when it was reached; empty when it was not"),
    _column("supplier", String, "telephony supplier, as named"),
    _column("line_type", String, "PSTN, ISDN, on-premise VoIP, cloud"),
    _column("believed_on", Date, "London date of the load, or the one the file gives", nullable=False),
    _load(),
    schema="fact",
    comment="The ICB's tracker, each load a snapshot: what was believed on a date is never overwritten later",
    info={"scope": ("practice_code", "believed_on")},
)

rollout_capability = Table(
    "rollout_capability",
    metadata,
    _column("practice_code", String, "practice", nullable=False),
    _column(
        "capability", String, "queue_position, call_back, call_routing, clinical_system_link, call_logs", nullable=False
    ),
    _column("from_date", Date, "first day"),
    _column("to_date", Date, "last day; empty while it lasts"),
    _column("believed_on", Date, "London date of the load, or the one the file gives", nullable=False),
    _load(),
    schema="fact",
    info={"scope": ("practice_code", "believed_on")},
)

rollout_funding = Table(
    "rollout_funding",
    metadata,
    _column("practice_code", String, "practice", nullable=False),
    _column("item", String, "what the money is for", nullable=False),
    _column("awarded", Double, "pounds"),
    _column("paid", Double, "pounds"),
    _column("date", Date, "of the payment; of the award while nothing has been paid"),
    _column("believed_on", Date, "London date of the load, or the one the file gives", nullable=False),
    _load(),
    schema="fact",
    info={"scope": ("practice_code", "believed_on")},
)

setting = Table(
    "setting",
    metadata,
    _column("name", String, "as in etl/settings.py", nullable=False),
    _column("day", Date, "of a setting that is a date; a row for each of several"),
    _column("number", Double, "of a setting that is a number"),
    _column("word", String, "of a setting that is a code; a row for each of several"),
    schema="fact",
    comment="The settings that marts ask for, and `today`, written anew by each build",
)

navigation = Table(
    "navigation",
    metadata,
    _column("layout", String, "the profile by which the file was read", nullable=False),
    _column("practice_code", String, "practice", nullable=False),
    _column("contact_key", String, "the contact's own id within layout and practice, keyed hash; empty where none"),
    _column("recorded_at", DateTime, "UTC", nullable=False),
    _column("local_date", Date, "of recorded_at in London", nullable=False),
    _column("half_hour", SmallInteger, "0–47 in London; empty where the file gives no time"),
    _column("channel", String, "telephone, online, walk_in, nhs_app, other", nullable=False),
    _column(
        "request_category",
        String,
        "clinical_new, clinical_ongoing, medication, test_result, admin_fit_note, admin_other, unknown",
        nullable=False,
    ),
    _column("urgency", String, "same_day, routine, none, unknown", nullable=False),
    _column("outcome_key", String, "keyed hash of the outcome's words; empty when none was recorded"),
    _column("outcome_text", String, "the words themselves, only where they are unlikely to be personal"),
    _column("declined", Boolean, "the patient declined to be directed elsewhere", nullable=False),
    _column("snomed_code", String, "SNOMED CT code as recorded"),
    _column("patient_pseudonym", String, "keyed hash within the practice; empty where the file has none"),
    _load(),
    schema="fact",
    comment="One request handled, as each file tells it; the mart `navigation_contact` takes each contact once",
    info={"scope": ("layout", "practice_code", "local_date"), "range": ("local_date",)},
)

navigation_call = Table(
    "navigation_call",
    metadata,
    _column("layout", String, "as in navigation", nullable=False),
    _column("practice_code", String, "practice", nullable=False),
    _column("local_date", Date, "as in navigation", nullable=False),
    _column("contact_key", String, "the contact", nullable=False),
    _column(
        "call_id", String, "call.call_id, were the call in one of the practice's telephony sources", nullable=False
    ),
    _load(),
    schema="fact",
    comment="Calls that contacts name by the platform's own id",
    info={"scope": ("layout", "practice_code", "local_date"), "range": ("local_date",)},
)

navigation_destination = Table(
    "navigation_destination",
    metadata,
    _column("outcome_key", String, "as in navigation", nullable=False),
    _column("destination", String, "see etl/feeds/navigation.py", nullable=False),
    schema="fact",
    comment="What each outcome means, from the shipped table and the ICB's own; written anew by each build",
)

training = Table(
    "training",
    metadata,
    _column("practice_code", String, "practice", nullable=False),
    _column("staff_key", String, "keyed hash of the pseudonymous id; empty for a place that no one has yet"),
    _column("route", String, "funded, cascaded", nullable=False),
    _column("offered_on", Date, "the place was offered"),
    _column("booked_on", Date, "it was booked"),
    _column("completed_on", Date, "it was completed; empty when it was not"),
    _column("paid_by", String, "nhs_england, icb, pcn, practice, other"),
    _load(),
    schema="fact",
    comment="One funded place, or one colleague to whom it was passed on",
    info={"scope": ("practice_code",)},
)


def fact_table(fact: str) -> Table:
    """The table of a fact. Raises KeyError for a fact that does not exist."""
    return metadata.tables[f"fact.{fact}"]
