from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ledger_pipelines.connections import source_client
from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.settings import read_settings
from ledger_pipelines.sources.codex.settings import CodexSettings
from ledger_pipelines.sources.fourgeeks.settings import FourGeeksSettings
from ledger_pipelines_tests.conftest import SHARED_DATA

NAMES = (
    "CORE_URL",
    "CORE_SERVICE_URL",
    "CODEX_URL",
    "CODEX_API_KEY",
    "LEDGER_DATABASE_URL",
    "LEDGER_FIRST_MONTH",
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_a_services_file_in_the_seeds_form_is_read(tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text(
        json.dumps({"codex": {"url": "http://codex:5010", "api_key": "geheim"}})
    )

    settings = read_settings(tmp_path)

    codex = settings.source(CodexSettings)
    assert codex.url == "http://codex:5010"
    assert codex.api_key is not None
    assert codex.api_key.get_secret_value() == "geheim"
    assert "geheim" not in repr(settings)
    assert "geheim" not in repr(settings.sources)


def test_the_environment_wins_over_dotenv_and_that_over_the_services_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services.json").write_text(
        json.dumps({"core": {"url": "http://file"}, "codex": {"url": "http://file"}})
    )
    (tmp_path / ".env").write_text("CORE_URL=http://dotenv\nLEDGER_CURRENCY=EUR\n")
    assert read_settings(tmp_path).source(CodexSettings).core_url == "http://dotenv"
    monkeypatch.setenv("CORE_URL", "http://environment")

    settings = read_settings(tmp_path)

    codex = settings.source(CodexSettings)
    assert (codex.core_url, codex.url, settings.currency) == (
        "http://environment",
        "http://file",
        "EUR",
    )


WRONG = [
    *(
        (name, value)
        for name in ("LEDGER_TIMEZONE", "FOURGEEKS_TIMEZONE")
        for value in ("Mars/Base", "Europe")
    ),
    *(("LEDGER_FISCAL_YEAR_START", value) for value in ("0", "1", "13", "January")),
    *(("LEDGER_SYNC_START_DATE", value) for value in ("20250101", "2025-02-30", "1735689600", "soon")),
    *(("LEDGER_CURRENCY", value) for value in ("dollars", "usd", "€")),
    *(("LEDGER_HTTP_TIMEOUT", value) for value in ("0", "-1", "soon", "1e400", "9" * 30, "nan")),
    *(
        ("LEDGER_FIRST_MONTH", value)
        for value in ("0202-01", "1989-12", "9999-12", "2026-13", "2024-01-05", "soon")
    ),
    *(
        (name, value)
        for name in (
            *("CORE_URL", "CORE_SERVICE_URL", "CODEX_URL", "HOLDED_URL", "FOURGEEKS_URL", "NOTION_URL"),
            "LEDGER_ALERT_WEBHOOK",
        )
        for value in (
            "geheim",
            "localhost:5000",
            "ftp://geheim",
            "http://",
            "http://host:99999",
            "http://[::1",
        )
    ),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=name) as refused:
        read_settings(tmp_path)
    assert " cannot be used: " in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_fiscal_year_and_a_start_of_the_synchronisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_FISCAL_YEAR_START", "07")
    monkeypatch.setenv("LEDGER_SYNC_START_DATE", "2025-02-01")
    settings = read_settings(tmp_path)
    assert (settings.fiscal_year_start, settings.sync_start_date) == ("07", date(2025, 2, 1))


def test_a_first_month_that_has_not_begun_is_refused_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_FIRST_MONTH", "2030-01")
    settings = read_settings(tmp_path)

    assert settings.first_month_on(date(2030, 1, 1)) == date(2030, 1, 1)
    with pytest.raises(ConfigurationError) as refused:
        settings.first_month_on(date(2029, 12, 31))
    assert str(refused.value) == (
        "LEDGER_FIRST_MONTH cannot be used: 2030-01 has not begun: the first month is 2029-12 or earlier."
    )


@pytest.mark.parametrize("system", ["core", "codex"])
def test_an_address_of_the_services_file_that_is_none_is_named(system: str, tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text(json.dumps({system: {"url": "localhost"}}))
    with pytest.raises(ConfigurationError, match=rf"services\.json: {system}\.url is not an address"):
        read_settings(tmp_path)


@pytest.mark.parametrize("text", ["not json", "[]", '{"codex": "http://codex"}'])
def test_a_services_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "services.json").write_text(text)

    with pytest.raises(ConfigurationError, match=r"services\.json cannot be read"):
        read_settings(tmp_path)


def test_the_first_month_is_the_january_two_years_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_settings(tmp_path).first_month_on(date(2026, 11, 21)) == date(2024, 1, 1)

    monkeypatch.setenv("LEDGER_FIRST_MONTH", "2020-05")
    assert read_settings(tmp_path).first_month_on(date(2026, 11, 21)) == date(2020, 5, 1)


def test_a_source_that_is_not_configured_says_what_to_set(tmp_path: Path) -> None:
    settings = read_settings(tmp_path)
    with pytest.raises(ConfigurationError, match="set CODEX_URL and CORE_URL"):
        source_client(settings, settings.source(CodexSettings))


@pytest.mark.parametrize("name", ["LEDGER_TIMEZONE", "FOURGEEKS_TIMEZONE"])
@pytest.mark.parametrize("zone", ["Europe/Narnia", "Europe", "../etc/passwd", "Madrid time"])
def test_a_zone_that_is_none_is_said_with_its_variable(
    name: str, zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, zone)
    with pytest.raises(ConfigurationError) as refused:
        read_settings(tmp_path)
    assert str(refused.value) == (
        f"{name} cannot be used: {zone!r} is not a time zone; write one like Europe/Madrid."
    )


def test_the_school_is_in_madrid_where_nobody_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOURGEEKS_TIMEZONE", raising=False)
    assert read_settings(tmp_path).source(FourGeeksSettings).zone == ZoneInfo("Europe/Madrid")


@pytest.mark.parametrize("name", ["14_env_utf16.env", "15_env_latin1.env"])
def test_an_env_file_in_another_encoding_is_one_sentence(name: str, tmp_path: Path) -> None:
    file = SHARED_DATA / "hostile" / name
    if not file.is_file():
        pytest.skip("../shared/data/hostile is not here")
    (tmp_path / ".env").write_bytes(file.read_bytes())
    with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8 text: save it again as UTF-8"):
        read_settings(tmp_path)


def test_a_folder_named_env_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigurationError, match=r"\.env is a folder"):
        read_settings(tmp_path)


def test_a_number_as_an_api_key_is_one_sentence(tmp_path: Path) -> None:
    file = SHARED_DATA / "hostile" / "16_services_int_key.json"
    if not file.is_file():
        pytest.skip("../shared/data/hostile is not here")
    (tmp_path / "services.json").write_bytes(file.read_bytes())
    with pytest.raises(ConfigurationError, match=r"codex\.api_key is not text: write it in quotes"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "FOURGEEKS_TOKEN"),
        ({"FOURGEEKS_EMAIL": "ledger@school.example"}, "FOURGEEKS_PASSWORD"),
        ({"FOURGEEKS_PASSWORD": "geheim"}, "FOURGEEKS_TOKEN"),
        ({"FOURGEEKS_EMAIL": "ledger@school.example", "FOURGEEKS_PASSWORD": "geheim"}, None),
        ({"FOURGEEKS_TOKEN": "geheim"}, None),
    ],
)
def test_what_4geeks_lacks_is_named(
    given: dict[str, str], missing: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FOURGEEKS_TOKEN", "FOURGEEKS_EMAIL", "FOURGEEKS_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert read_settings(tmp_path).missing_for("4geeks") == missing
