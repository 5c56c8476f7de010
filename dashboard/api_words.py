"""What `/api` says of itself: parameters, columns, and the page that explains them."""

from dashboard.access.words import TEMPLATES

COLUMNS = {
    "period_start": "first day of the period",
    "period_kind": "day, week or month",
    "level": "practice, pcn, sub_icb, icb, region or england",
    "organisation_code": "ODS code; England is ENG",
    "organisation_name": "name of the organisation",
    "measure": "name of the measure, as on the Definitions page",
    "numerator": "what was counted",
    "denominator": "out of what",
    "value": "a share from 0 to 1, or in the measure's unit; empty where it is missing or withheld, never 0 for that",
    "unit": "percent, per_1000_patients, seconds, count or ratio",
    "practices_counted": "practices with data",
    "practices_expected": "practices open",
    "mean": "average of the process chart",
    "lower_limit": "its lower limit",
    "upper_limit": "its upper limit",
    "special_cause": "the rule that marks the point",
    "variation": "common_cause, or what kind of change",
    "assurance": "whether the aim is reached consistently",
}
PARAMETERS = {
    "measure": "names of measures, comma separated; without it, all",
    "level": "practice, pcn, sub_icb, icb, region, england; several comma separated; without it, all",
    "organisation": "ODS codes, comma separated; without it, all that you may see",
    "from": "first period, as 2026-04-01 or 2026-04",
    "to": "last period, likewise; periods that start on or before it",
    "period_kind": "day, week, month; several comma separated; without it, all",
}

DOCUMENTATION = TEMPLATES.from_string(
    """<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }} – Switchboard</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/switchboard.css">
<link rel="stylesheet" href="/assets/api.css">
</head>
<body>
<main class="body api">
<p><a href="/">Switchboard</a></p>
<h1>{{ title }}</h1>
<p class="subtitle">What the pages show, as rows: for Excel, Power BI, R and Python.
You get what you may see, no more.</p>
<h2 class="section">Addresses</h2>
<p><a href="/api/v1/measures.csv"><code>/api/v1/measures.csv</code></a>: a table with a header, UTF-8.</p>
<p><a href="/api/v1/measures.json"><code>/api/v1/measures.json</code></a>:
<code>{"generation": …, "rows": […]}</code>.</p>
<h2 class="section">Signing in</h2>
<p>In the browser, your session is enough. Programs send a personal access token in the header
<code>Authorization: Bearer icb_…</code>. A token reads what you may see, lasts at most 366 days, and can be revoked at
any time; it is shown once and only a hash of it is kept.</p>
<h3 id="tokens">Your tokens</h3>
{% if secret %}
<p class="made" role="status">Copy the new token now; it is not shown again: <code>{{ secret }}</code></p>
{% endif %}
{% if tokens %}
<table><thead><tr><th scope="col">For</th><th scope="col">Made</th><th scope="col">Good until</th>
<th scope="col">Last used</th><th scope="col"></th></tr></thead><tbody>
{% for each in tokens %}
<tr><td>{{ each.label or "not said" }}</td><td>{{ each.created_at.strftime("%-d %b %Y") }}</td>
<td>{{ each.expires_at.strftime("%-d %b %Y") }}</td>
<td>{{ each.used_at.strftime("%-d %b %Y") if each.used_at else "never" }}</td>
<td>{% if csrf_token %}<form method="post" action="/api/tokens/{{ each.id }}/revoke">
<input type="hidden" name="csrf_token" value="{{ csrf_token }}">
<button type="submit" class="act" aria-label="Revoke the token for {{ each.label or 'not said' }}">Revoke</button>
</form>{% endif %}</td></tr>
{% endfor %}</tbody></table>
{% else %}<p>You have none.</p>{% endif %}
{% if csrf_token %}
<form method="post" action="/api/tokens">
<input type="hidden" name="csrf_token" value="{{ csrf_token }}">
<label for="label">What for</label> <input id="label" name="label" type="text" maxlength="100" value="Excel">
<label for="days">Days</label> <input id="days" name="days" type="number" min="1" max="366" value="90">
<button type="submit" class="act">Make a token</button>
</form>
{% endif %}
<p>In Excel: Data, From web, Advanced: the address, and the header <code>Authorization</code> with
<code>Bearer</code>, a blank and the token. In Power BI: <code>Web.Contents(address, [Headers =
[Authorization = "Bearer icb_…"]])</code>.</p>
<h2 class="section">Parameters</h2>
<table><thead><tr><th scope="col">Name</th><th scope="col">Means</th></tr></thead><tbody>
{% for name, meaning in parameters.items() %}
<tr><th scope="row"><code>{{ name }}</code></th><td>{{ meaning }}</td></tr>
{% endfor %}</tbody></table>
<p>Example:
<code>/api/v1/measures.csv?measure=calls_answered&amp;level=practice&amp;from=2026-01&amp;period_kind=month</code></p>
<p>An unknown parameter, measure, level or date is answered 400 with what is wrong. An organisation that does not exist,
or that you may not see, is answered 404.</p>
<h2 class="section">Columns</h2>
<table><thead><tr><th scope="col">Name</th><th scope="col">Means</th></tr></thead><tbody>
{% for name, meaning in columns.items() %}
<tr><th scope="row"><code>{{ name }}</code></th><td>{{ meaning }}</td></tr>
{% endfor %}</tbody></table>
<p>Rows are sorted by measure, level, organisation, kind of period and period. Numbers are not rounded. In the CSV, a
text that a spreadsheet would run as a formula is preceded by an apostrophe.</p>
<h2 class="section">Asking again</h2>
<p>The answer has an <code>ETag</code>. Send it back as <code>If-None-Match</code>: until a new night's data is
published the answer is 304, without a body.</p>
<h2 class="section">Measures</h2>
<table><thead><tr><th scope="col">Name</th><th scope="col">Title</th><th scope="col">Unit</th>
<th scope="col">Means</th></tr></thead><tbody>
{% for name, each in measures.items() %}
<tr><th scope="row"><code>{{ name }}</code></th><td>{{ each.title }}</td><td>{{ each.unit }}</td>
<td>{{ each.definition }}</td></tr>
{% endfor %}</tbody></table>
</main>
</body>
</html>
"""
)
