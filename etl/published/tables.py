"""What a generation holds: the contract between the half that loads and the half that shows.

One DuckDB file, schema `main`. Every table is sorted for how pages read it. Codes are ODS codes; England
is `ENG`. Levels: practice, pcn, sub_icb, icb, region, england. Shares are fractions 0–1.
"""

VALUES = {
    "measure": "VARCHAR",
    "organisation": "VARCHAR",
    "level": "VARCHAR",
    "period_kind": "VARCHAR",  # day, week, month
    "period_start": "DATE",
    "numerator": "DOUBLE",
    "denominator": "DOUBLE",
    "value": "DOUBLE",
    "practices_counted": "INTEGER",
    "practices_expected": "INTEGER",
    "mean": "DOUBLE",
    "lower_limit": "DOUBLE",
    "upper_limit": "DOUBLE",
    "special_cause": "VARCHAR",  # "Common Cause", "Above UCL", …
    "variation": "VARCHAR",  # common_cause, improvement_high, concern_low, neutral_high …
    "assurance": "VARCHAR",  # consistent_pass, consistent_fail, inconsistent or NULL
}
TABLES: dict[str, dict[str, str]] = {
    "generation": {
        "name": "VARCHAR",  # switchboard-000123.duckdb
        "built_at": "TIMESTAMP",  # UTC
        "icb_codes": "VARCHAR",  # this ICB's own codes, comma separated
        "is_synthetic": "BOOLEAN",  # any synthetic file is loaded: every page says so
        "code_version": "VARCHAR",
    },
    "organisation": {
        "code": "VARCHAR",
        "kind": "VARCHAR",
        "name": "VARCHAR",
        "opened": "DATE",
        "closed": "DATE",
        "postcode": "VARCHAR",
        "ons_code": "VARCHAR",
        "is_own": "BOOLEAN",  # belongs to this ICB, now or once
        "source": "VARCHAR",  # where it was first named; `publication` = created by a statistic
        "patients": "INTEGER",  # newest list size
        "patients_on": "DATE",
        "imd_score": "DOUBLE",
        "aged_65_share": "DOUBLE",  # of a practice's patients, by the newest list size that tells ages
    },
    "membership": {
        "child": "VARCHAR",
        "parent": "VARCHAR",
        "from_date": "DATE",
        "to_date": "DATE",
        "child_kind": "VARCHAR",
        "parent_kind": "VARCHAR",
    },
    "measure": {
        "measure": "VARCHAR",
        "title": "VARCHAR",
        "question": "VARCHAR",
        "unit": "VARCHAR",
        "better": "VARCHAR",
        "aim": "DOUBLE",
        "status": "VARCHAR",
        "source": "VARCHAR",
        "numerator_label": "VARCHAR",
        "denominator_label": "VARCHAR",
        "definition": "VARCHAR",
        "caveats": "VARCHAR",  # one a line
        "disclosure": "VARCHAR",  # exact or people
    },
    "measure_value": VALUES,
    # the months of this ICB's own organisations and England again, for pages about one organisation
    "own_value": VALUES,
    "load": {
        "load_id": "BIGINT",
        "feed": "VARCHAR",
        "file_name": "VARCHAR",
        "sha256": "VARCHAR",
        "rows_read": "BIGINT",
        "rows_kept": "BIGINT",
        "rows_refused": "BIGINT",
        "rows_filtered": "BIGINT",
        "period_from": "DATE",
        "period_to": "DATE",
        "loaded_at": "TIMESTAMP",
        "supersedes": "VARCHAR",
    },
    "rejected_row": {
        "load_id": "BIGINT",
        "feed": "VARCHAR",
        "line_number": "BIGINT",
        "column_name": "VARCHAR",
        "reason": "VARCHAR",
    },
    # what a file as a whole was refused for: newest first
    "refused_file": {"file_name": "VARCHAR", "refused_at": "TIMESTAMP", "reason": "VARCHAR"},
    # organisation × month × channel detail that charts split: one tall table
    # subject: calls_outcome, calls_time_band, calls_wait_answered, calls_wait_missed, calls_duration,
    #          appointments_staff_group, appointments_mode, appointments_status, appointments_booking_wait,
    #          appointments_category, online_type, navigation_channel, navigation_half_hour (and
    #          navigation_half_hour_base, …_redirected, …_not_recorded)
    "breakdown": {
        "subject": "VARCHAR",
        "organisation": "VARCHAR",
        "level": "VARCHAR",
        "period_start": "DATE",  # month
        "category": "VARCHAR",
        "amount": "BIGINT",
    },
    # which practice has data from which source in which month; rows exist for every open practice
    "coverage": {
        "practice": "VARCHAR",
        "period_start": "DATE",  # month
        "feed": "VARCHAR",
        "has_data": "BOOLEAN",
    },
    # ours rebuilt from rows against the figure the publisher printed
    "reconciliation": {
        "source": "VARCHAR",
        # total_row, own_month: printed with the rows loaded; table_1: the newest national series, revised since
        "dataset": "VARCHAR",
        "organisation": "VARCHAR",
        "period_start": "DATE",
        "item": "VARCHAR",
        "ours": "DOUBLE",
        "printed": "DOUBLE",
        "difference": "DOUBLE",
        "note": "VARCHAR",
    },
    # where a publication's own area columns and dated membership disagree
    "area_disagreement": {
        "feed": "VARCHAR",
        "practice": "VARCHAR",
        "period_start": "DATE",
        "level": "VARCHAR",
        "in_publication": "VARCHAR",
        "by_membership": "VARCHAR",
    },
    # logged calls of each practice with logs; `unassigned`: accounts that several practices share, added up
    "calls_half_hour": {
        "practice_code": "VARCHAR",
        "local_date": "DATE",
        "half_hour": "SMALLINT",  # 0–47, London time
        "inbound": "BIGINT",
        "answered": "BIGINT",
        "ended_in_ivr": "BIGINT",
        "callback_requested": "BIGINT",
        "callback_made": "BIGINT",
        "missed": "BIGINT",
        "engaged": "BIGINT",
        "unknown": "BIGINT",
        "answered_within_60s": "BIGINT",
        "answered_within_120s": "BIGINT",
        "answered_within_300s": "BIGINT",
        "wait_seconds": "BIGINT",  # sums over answered calls
        "talk_seconds": "BIGINT",
        "repeat_calls": "BIGINT",
    },
    # logged calls by weekday and half-hour, up to the ICB, by the month's membership; a half-hour without a row on a
    # logged day had no calls
    "calls_week": {
        "organisation": "VARCHAR",
        "level": "VARCHAR",
        "month": "DATE",
        "weekday": "SMALLINT",  # 1 Monday … 7 Sunday; 0 bank holidays
        "half_hour": "SMALLINT",
        "inbound": "BIGINT",
        "answered": "BIGINT",
        "missed": "BIGINT",
        "wait_seconds": "BIGINT",
        "talk_seconds": "BIGINT",
        "days": "INTEGER",  # dates of this kind on which anyone has logs
        "practices": "INTEGER",  # with logs on any of them; those of shared accounts are not counted
    },
    # ordinary Mondays minute by minute, 07:00 to 10:59
    "calls_monday": {
        "organisation": "VARCHAR",
        "level": "VARCHAR",
        "month": "DATE",
        "minute": "SMALLINT",  # of the day in London, 420–659
        "inbound": "BIGINT",
        "missed": "BIGINT",
        "mondays": "INTEGER",
        "practices": "INTEGER",
    },
    # what the rows of a month in the three tables above rest on; see etl/published/carried.py
    "call_log_month": {"month": "DATE", "stamp": "VARCHAR"},
    # a practice's own logs against what was published for it
    "call_log_reconciliation": {
        "practice_code": "VARCHAR",
        "period_start": "DATE",  # month
        "item": "VARCHAR",  # inbound, answered, missed, ended_in_ivr, callback_requested
        "logged": "DOUBLE",
        "published": "DOUBLE",  # empty where the month is published, but not for this practice
        "difference": "DOUBLE",
        "working_days_logged": "INTEGER",
        "working_days": "INTEGER",
        "note": "VARCHAR",
    },
    # the ICB's rollout tracker: every accepted row of each snapshot; the current belief is the newest believed_on
    "rollout": {
        "practice_code": "VARCHAR",
        "stage": "VARCHAR",  # analogue, signed_up, contracted, installed, live
        "planned_date": "DATE",
        "actual_date": "DATE",
        "supplier": "VARCHAR",
        "line_type": "VARCHAR",  # PSTN, ISDN, on-premise VoIP, cloud
        "believed_on": "DATE",
    },
    # the current belief of capabilities (queue_position, call_back, …) and of money
    "rollout_capability": {
        "practice_code": "VARCHAR",
        "capability": "VARCHAR",
        "from_date": "DATE",
        "to_date": "DATE",
    },
    "rollout_funding": {
        "practice_code": "VARCHAR",
        "item": "VARCHAR",
        "awarded": "DOUBLE",
        "paid": "DOUBLE",
        "date": "DATE",
    },
    # in each snapshot, from when to when a practice stood at which stage; no row before it reached any
    "rollout_state": {
        "believed_on": "DATE",
        "practice_code": "VARCHAR",
        "stage": "VARCHAR",
        "stage_number": "INTEGER",  # 1 analogue … 5 live
        "from_date": "DATE",
        "to_date": "DATE",
        "supplier": "VARCHAR",
        "line_type": "VARCHAR",
    },
    # open practices of the ICBs a tracker is about: stretches of days, none across two months, with the areas of those
    # days and the list size of the month; from the tracker's first date to today
    "telephony_practice": {
        "practice": "VARCHAR",
        "period_start": "DATE",  # month
        "from_date": "DATE",
        "to_date": "DATE",
        "pcn": "VARCHAR",
        "sub_icb": "VARCHAR",
        "icb": "VARCHAR",
        "patients": "INTEGER",
    },
    # what a rollout is read against: kind is target, switch_off, national (sign-ups), england (its practices), fund
    # (the national money) or share (the ICB's own, where the settings say it)
    "telephony_date": {
        "kind": "VARCHAR",
        "day": "DATE",
        "practices": "INTEGER",
        "pounds": "DOUBLE",
        "note": "VARCHAR",
        "source": "VARCHAR",
    },
    # shapes for a map, as GeoJSON geometries: areas, and practices where their places are loaded
    "boundary": {"code": "VARCHAR", "geometry": "VARCHAR"},
    # did going live help, did training? one row a measure of calls or navigation; see etl/analysis/impact.py
    "impact": {
        "measure": "VARCHAR",
        "estimate": "DOUBLE",  # in the measure's own unit
        "lower": "DOUBLE",
        "upper": "DOUBLE",
        "placebo_estimate": "DOUBLE",
        "placebo_lower": "DOUBLE",
        "placebo_upper": "DOUBLE",
        "placebo_differs": "BOOLEAN",
        "practices": "INTEGER",
        "controls": "INTEGER",
        "months_before": "INTEGER",
        "months_after": "INTEGER",
        "sentence": "VARCHAR",
        "refusal": "VARCHAR",  # why there is no estimate; then every figure is empty
    },
    # the same month by month, counted from each practice's own (0, the month itself, is left out)
    "impact_path": {
        "measure": "VARCHAR",
        "months_since": "INTEGER",  # -4 … -1, 1 … 4
        "switched": "DOUBLE",  # mean of practices that switched, in the measure's own unit
        "waiting": "DOUBLE",  # mean of those not yet switched in the same calendar months
    },
    # where an organisation's charts of a group of measures begin a new baseline
    "rebase": {
        "organisation": "VARCHAR",
        "measure_group": "VARCHAR",  # calls
        "date": "DATE",
        "reason": "VARCHAR",
    },
    # all requests handled, as practices recorded them; `not_recorded` where they recorded no destination
    "navigation_month": {
        "practice_code": "VARCHAR",
        "month": "DATE",
        "channel": "VARCHAR",  # telephone, online, walk_in, nhs_app, other
        "request_category": "VARCHAR",
        "destination": "VARCHAR",
        "contacts": "BIGINT",
        "declined": "BIGINT",
    },
    # the same summed for practice, PCN, sub-ICB location and ICB, by the month's membership
    "navigation_flow": {
        "organisation": "VARCHAR",
        "level": "VARCHAR",
        "period_start": "DATE",  # month
        "request_category": "VARCHAR",
        "destination": "VARCHAR",
        "contacts": "BIGINT",
        "declined": "BIGINT",
    },
    # what training returns say of each practice they name
    "training_practice": {
        "practice_code": "VARCHAR",
        "funded_offered_on": "DATE",
        "funded_booked_on": "DATE",
        "funded_completed_on": "DATE",
        "funded_paid_by": "VARCHAR",  # nhs_england, icb, pcn, practice, other
        "trained_on": "DATE",  # the first completion, funded or cascaded
        "funded_completed": "BIGINT",  # people
        "cascaded_completed": "BIGINT",
    },
    # months in which the redirection rate is withheld
    "navigation_withheld": {
        "organisation": "VARCHAR",
        "level": "VARCHAR",
        "period_start": "DATE",
        "redirected": "BIGINT",
        "base": "BIGINT",  # clinical requests with a destination
        "not_recorded": "BIGINT",  # and without
        "clinical": "BIGINT",
        "reason": "VARCHAR",  # few, not_recorded, both; no_category: codes alone, of which none is known to be clinical
        "minimum_base": "DOUBLE",  # the limits that held
        "maximum_not_recorded": "DOUBLE",
    },
    # outcomes that no mapping table knows; rare, long or with figures they are one row without their words
    "unmapped_destination": {"feed": "VARCHAR", "value": "VARCHAR", "rows": "BIGINT", "practices": "BIGINT"},
}

# how each table is sorted in the file
ORDER = {
    "measure_value": "measure, level, period_kind, organisation, period_start",
    "own_value": "organisation, level, measure, period_start",
    "breakdown": "subject, level, organisation, period_start, category",
    "organisation": "kind, code",
    "membership": "child, from_date",
    "coverage": "practice, feed, period_start",
    "load": "load_id DESC",
    "rejected_row": "load_id DESC, line_number",
    "reconciliation": "source, period_start DESC, organisation, item",
    # of these, whole months are replaced: see carried.py
    "calls_half_hour": "local_date, practice_code, half_hour",
    "calls_week": "month, level, organisation, weekday, half_hour",
    "calls_monday": "month, level, organisation, minute",
    "call_log_reconciliation": "practice_code, period_start, item",
    "rollout": "believed_on, practice_code, stage",
    "rollout_capability": "practice_code, capability, from_date",
    "rollout_funding": "practice_code, item, date",
    "rollout_state": "believed_on, practice_code, stage_number",
    "telephony_practice": "from_date, practice",
    "telephony_date": "kind, day",
    "rebase": "organisation, date",
    "navigation_month": "practice_code, month, channel, request_category, destination",
    "navigation_flow": "level, organisation, period_start, request_category, destination",
    "training_practice": "practice_code",
    "unmapped_destination": "rows DESC, value",
    "navigation_withheld": "organisation, period_start",
    "impact_path": "measure, months_since",
}
