"""What is believed of X-Forwarded-*, and from whom."""

import ipaddress
from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request, Response

from dashboard.access.proxy import TrustedProxies

TRUSTED = tuple(ipaddress.ip_network(text) for text in ("192.0.2.7/32", "198.51.100.0/24", "2001:db8::/32"))


def seen(address: str, **headers: str) -> tuple[str | None, str, str]:
    """Client address, scheme and host as the app behind the middleware sees them."""

    @Request.application
    def app(request: Request) -> Response:
        assert "Forwarded" not in request.headers
        return Response(f"{request.remote_addr} {request.scheme} {request.host}")

    named = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    named["Forwarded"] = "for=203.0.113.1;proto=https"
    builder = EnvironBuilder(base_url="http://inner:8050", environ_base={"REMOTE_ADDR": address}, headers=named)
    answer: Any = Client(TrustedProxies(app, TRUSTED)).open(builder)  # type: ignore[arg-type]
    return tuple(answer.text.split())  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("address", "headers", "expected"),
    [
        ("203.0.113.9", {"For": "127.0.0.1", "Proto": "https", "Host": "evil"}, ("203.0.113.9", "http", "inner:8050")),
        ("192.0.2.7", {}, ("192.0.2.7", "http", "inner:8050")),
        ("192.0.2.7", {"For": "203.0.113.9", "Proto": "https"}, ("203.0.113.9", "https", "inner:8050")),
        ("192.0.2.7", {"For": "203.0.113.9", "Host": "dashboard"}, ("203.0.113.9", "http", "dashboard")),
        # what the client itself sent is further left, and not believed
        ("192.0.2.7", {"For": "127.0.0.1, 203.0.113.9", "Proto": "https"}, ("203.0.113.9", "https", "inner:8050")),
        ("192.0.2.7", {"For": "203.0.113.9", "Proto": "http, https"}, ("203.0.113.9", "https", "inner:8050")),
        # two trusted proxies, the inner one told only by the outer one's headers
        ("192.0.2.7", {"For": "127.0.0.1, 203.0.113.9, 198.51.100.3", "Proto": "https"},
         ("203.0.113.9", "https", "inner:8050")),
        ("192.0.2.7", {"For": "203.0.113.9, 198.51.100.3", "Proto": "https, http"},
         ("203.0.113.9", "https", "inner:8050")),
        ("2001:db8::1", {"For": "2001:db9::5"}, ("2001:db9::5", "http", "inner:8050")),
        ("::ffff:192.0.2.7", {"For": "203.0.113.9"}, ("203.0.113.9", "http", "inner:8050")),
        ("192.0.2.7", {"For": "unknown", "Proto": "gopher"}, ("192.0.2.7", "http", "inner:8050")),
        ("192.0.2.7", {"For": " , ,", "Proto": ","}, ("192.0.2.7", "http", "inner:8050")),
        ("not an address", {"For": "203.0.113.9"}, ("not", "an", "address", "http", "inner:8050")),
    ],
)  # fmt: skip
def test_who_is_believed(address: str, headers: dict[str, str], expected: Iterable[str]) -> None:
    assert seen(address, **headers) == expected
