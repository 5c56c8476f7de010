"""Settings, secrets and scope: what is accepted, and the words when it is not."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.access import Scope, load_access_settings
from dashboard.access.oidc import role_and_scope
from dashboard.access.settings import AccessSettingsError, OidcRule

TOML = """
code = "QZZ"
[access]
trusted_proxies = "192.0.2.7, 198.51.100.0/24"
idle_minutes = 15
contact = "the data team"
[oidc]
issuer = "https://issuer.example"
client_id = "switchboard"
[[oidc.rule]]
claim = "groups"
value = "managers"
scope = "practice:{ods_code}"
[[oidc.rule]]
claim = "groups"
value = "analysts"
role = "exporter"
scope = "icb"
"""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "ACCOUNTS_URL", "TRUSTED_PROXIES", "OIDC_ISSUER", "OIDC_CLIENT_ID", "HOME"):
        monkeypatch.delenv(f"ICB_{name}", raising=False)


def test_the_file_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "icb.toml").write_text(TOML)
    monkeypatch.setenv("ICB_HOME", str(tmp_path))
    monkeypatch.setenv("ICB_ACCESS_IDLE_MINUTES", "20")
    monkeypatch.setenv("ICB_OIDC_CLIENT_SECRET", "the client's secret")
    settings = load_access_settings()
    assert [str(network) for network in settings.trusted_proxies] == ["192.0.2.7/32", "198.51.100.0/24"]
    assert settings.access_idle_minutes == 20, "the environment wins"
    assert settings.access_contact == "the data team"
    assert settings.accounts_url == f"sqlite:///{tmp_path}/accounts.sqlite"
    assert settings.oidc_rule[1].role == "exporter"
    assert "the client's secret" not in repr(settings)
    assert settings.secret_key not in repr(settings)


def test_the_secret_key_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    keys: list[str] = []
    threads = [
        threading.Thread(target=lambda: keys.append(load_access_settings(home=tmp_path).secret_key)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys) == 6
    assert len(keys[0]) >= 32
    path = tmp_path / "secrets" / "secret_key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]
    path.chmod(0o644)
    with pytest.raises(AccessSettingsError, match="chmod 600"):
        load_access_settings(home=tmp_path)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[access]\nidle_minuets = 5", "Unknown setting `idle_minuets`"),
        ("[oidc]\nsecret = 'x'", "Unknown setting `secret`"),
        ("[oidc]\nclient_secret = 'x'", "is a secret"),
        ("[access]\nsecret_key = 'x'", "is a secret"),
        ("[access]\naccounts_url = 'postgresql://a:b@localhost/c'", "is a secret"),
        ("[access]\naccounts_url = 'mysql://localhost/c'", "sqlite:/// or postgresql://"),
        ("[access]\nidle_minutes = 0", "access_idle_minutes"),
        ("[access]\ntrusted_proxies = 'proxy.example'", "trusted_proxies"),
        ("[oidc]\nissuer = 'https://issuer.example'", "oidc_client_id"),
        ("[oidc]\nissuer = 'https://issuer.example'\nclient_id = 'a'", "ICB_OIDC_CLIENT_SECRET"),
        ("[[oidc.rule]]\nclaim = 'a'\nvalue = 'b'\nscope = 'everything'", "unknown kind of scope"),
        ("[[oidc.rule]]\nclaim = 'a'\nvalue = 'b'\nscope = '{scope}'", "practice:{claim}"),
        ("[[oidc.rule]]\nclaim = 'a'\nvalue = 'b'\nscope = 'icb'\nrole = 'root'", "viewer"),
        ("[access\n", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, toml: str, words: str) -> None:
    (tmp_path / "icb.toml").write_text(toml)
    with pytest.raises(AccessSettingsError) as caught:
        load_access_settings(home=tmp_path)
    assert words in str(caught.value)


def test_a_short_secret_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccessSettingsError, match="too short"):
        load_access_settings(home=tmp_path, secret_key="secret")


@pytest.mark.parametrize("text", ["icb", "pcn:U00001", "practice:Y00001"])
def test_scopes_are_written_as_they_are_read(text: str) -> None:
    assert str(Scope.parse(text)) == text
    assert Scope.parse(f" {text.upper()} ") == Scope.parse(text)


@given(st.text(max_size=20) | st.from_regex(r"(icb|pcn|practice|ICB)(:.{0,12})?", fullmatch=True))
def test_a_scope_is_good_or_refused(text: str) -> None:
    try:
        scope = Scope.parse(text)
    except ValueError:
        return
    assert Scope.parse(str(scope)) == scope
    assert (scope.code is None) == (scope.kind == "icb")
    assert scope.code is None or (scope.code.isascii() and scope.code.isalnum())


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"groups": ["managers"], "ods_code": "Y00001"}, ("viewer", "practice:Y00001")),
        ({"groups": "managers", "ods_code": "y00001"}, ("viewer", "practice:Y00001")),
        ({"groups": ["analysts", "managers"], "ods_code": "Y00001"}, ("viewer", "practice:Y00001")),
        ({"groups": ["analysts", "managers"]}, ("exporter", "icb")),
        ({"groups": ["managers"]}, None),
        ({"groups": ["managers"], "ods_code": ["Y00001"]}, None),
        ({"groups": ["managers"], "ods_code": ""}, None),
        ({"groups": ["managers"], "ods_code": "icb"}, ("viewer", "practice:ICB")),
        ({"groups": ["managers"], "ods_code": "Y1:icb"}, None),
        ({"groups": ["manager"]}, None),
        ({"groups": None}, None),
        ({}, None),
    ],
)
def test_claims_become_role_and_scope(claims: dict[str, object], expected: tuple[str, str] | None) -> None:
    rules = [
        OidcRule(claim="groups", value="managers", scope="practice:{ods_code}"),
        OidcRule(claim="groups", value="analysts", role="exporter", scope="icb"),
    ]
    granted = role_and_scope(rules, claims)
    assert (granted and (granted[0], str(granted[1]))) == expected
