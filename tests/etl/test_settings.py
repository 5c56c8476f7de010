"""Settings: from the environment and icb.toml; a slip is named, never ignored."""

from pathlib import Path

import pytest

from etl.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("ICB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ICB_HOME", str(tmp_path))


def test_everything_has_a_default_and_a_description(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.home == tmp_path
    assert settings.warehouse_url == f"duckdb:///{tmp_path}/warehouse.duckdb"
    assert (settings.code, settings.inbox_settle_seconds, settings.maximum_rejected_share) == ((), 60, 0.05)
    assert settings.inbox == tmp_path / "inbox"
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "icb.toml").write_text('code = "QSL"\ngenerations_kept = 5\n', encoding="utf-8-sig")
    monkeypatch.setenv("ICB_CODE", " qwo, qsl ,")
    settings = load_settings()
    assert settings.code == ("QWO", "QSL")
    assert settings.generations_kept == 5


def test_a_merged_icb_may_list_its_codes_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "icb.toml").write_text('code = ["d7t5g", "QH8"]\n')
    assert load_settings().code == ("D7T5G", "QH8")


@pytest.mark.parametrize("name", ["ICB_CODES", "ICB_GENERATION_KEPT", "ICB_X"])
def test_an_unknown_variable_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=f"Unknown setting {name} in the environment"):
        load_settings()


@pytest.mark.parametrize("name", ["ICB_SECRET_KEY", "ICB_OIDC_CLIENT_ID", "ICB_MESH_PASSWORD"])
def test_settings_of_the_dashboard_and_of_delivery_are_not_unknown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    load_settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("codes = 'QSL'", "Unknown setting `codes` in"),
        ("generations_kept = 0", "`generations_kept`"),
        ("maximum_rejected_share = 5", "`maximum_rejected_share`"),
        ("inbox_settle_seconds = 'soon'", "`inbox_settle_seconds`"),
        ("code = 5", "`code`"),
        ("code = ", "not valid TOML"),
    ],
)
def test_a_slip_in_the_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "icb.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert said in str(caught.value)
