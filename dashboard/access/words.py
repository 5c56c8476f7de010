"""The few pages outside Dash: sign in, set a password, and refusals. Plain HTML that needs no JavaScript."""

from jinja2 import Environment, Template

TEMPLATES = Environment(autoescape=True)

FRAME = """<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ "Error: " if error else "" }}{{ title }} – Switchboard</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/login.css">
</head>
<body class="access">
<header class="access-header"><span>Switchboard</span></header>
<main class="access-main">
{% if error %}
<div class="access-error" role="alert" aria-labelledby="error-title" tabindex="-1" autofocus>
<h2 id="error-title">There is a problem</h2>
<p>{% if field %}<a href="#{{ field }}">{{ error }}</a>{% else %}{{ error }}{% endif %}</p>
</div>
{% endif %}
<h1>{{ title }}</h1>
BODY
</main>
</body>
</html>
"""


def _template(body: str) -> Template:
    return TEMPLATES.from_string(FRAME.replace("BODY", body))


LOGIN = _template(
    """<form method="post" action="{{ action }}" novalidate>
<input type="hidden" name="csrf_token" value="{{ token }}">
<label for="username">User name</label>
<input id="username" name="username" type="text" value="{{ username }}" autocomplete="username"
 autocapitalize="none" spellcheck="false" maxlength="100"{% if error %} aria-invalid="true"{% endif %}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 maxlength="1024"{% if error %} aria-invalid="true"{% endif %}>
{% if totp %}
<label for="code">Six-digit code</label>
<p class="access-hint" id="code-hint">Only if your account uses an authenticator app.</p>
<input id="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" maxlength="10"
 aria-describedby="code-hint" class="access-short">
{% endif %}
<button type="submit">Sign in</button>
</form>
{% if sign_on %}
<p class="access-or">or</p>
<p><a class="access-button" href="{{ sign_on }}">{{ sign_on_label }}</a></p>
{% endif %}
<p class="access-hint">No account, or a forgotten password? Ask {{ contact }}.</p>""",
)

SET_PASSWORD = _template(
    """<p>For the account <strong>{{ username }}</strong>. The link works once.</p>
<form method="post" novalidate>
<input type="hidden" name="csrf_token" value="{{ token }}">
<input type="hidden" name="username" value="{{ username }}" autocomplete="username">
<label for="password">New password</label>
<p class="access-hint" id="password-hint">At least {{ minimum }} characters. Three random words make a good one.</p>
<input id="password" name="password" type="password" autocomplete="new-password" maxlength="1024"
 aria-describedby="password-hint"{% if error %} aria-invalid="true"{% endif %}>
<label for="again">The same password again</label>
<input id="again" name="again" type="password" autocomplete="new-password" maxlength="1024">
<button type="submit">Set password</button>
</form>""",
)

PLAIN = _template("""<p>{{ text }}</p>\n<p><a href="/">Go to the first page</a></p>""")


def page(title: str, text: str) -> str:
    """A page that says one thing, such as why a request was refused."""
    return PLAIN.render(title=title, text=text)
