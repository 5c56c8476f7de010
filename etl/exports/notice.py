"""Notices that data has landed, or that an export was sent, held or failed: by e-mail, by webhook, or not at all."""

import smtplib
import ssl
from email.message import EmailMessage

import requests

from etl.exports.settings import Email, ExportSettings, Webhook

TIMEOUT = 20
TITLES = {
    "landed": "Data has landed",
    "sent": "An export was sent",
    "held": "An export is held",
    "failed": "Something failed",
}


def tell(settings: ExportSettings, event: str, text: str) -> list[str]:
    """Send a notice of an event (landed, sent, held, failed) wherever the settings say.

    Returns what went wrong, a line each: a notice that cannot be sent stops nothing. Notices hold no figures.
    """
    problems = []
    if settings.email:
        try:
            _email(settings.email, event, text)
        except (smtplib.SMTPException, OSError) as error:
            problems.append(f"The notice was not mailed by {settings.email.host}: {error}")
    if settings.webhook:
        try:
            _post(settings.webhook, event, text)
        except requests.RequestException as error:
            problems.append(f"The notice was not posted to the webhook: {type(error).__name__}")
    return problems


def _email(settings: Email, event: str, text: str) -> None:
    message = EmailMessage()
    message["Subject"] = f"Switchboard: {TITLES[event]}"
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message.set_content(text + "\n")
    with smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT) as server:
        if settings.starttls:
            server.starttls(context=ssl.create_default_context())
        if settings.user:
            server.login(settings.user, settings.password)
        server.send_message(message)


def _post(settings: Webhook, event: str, text: str) -> None:
    answer = requests.post(
        settings.url,
        json={"event": event, "title": TITLES[event], "text": text},
        timeout=TIMEOUT,
        allow_redirects=False,
    )
    answer.raise_for_status()
