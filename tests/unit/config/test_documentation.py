from __future__ import annotations

from pathlib import Path

from hyok.config.configuration import build_configuration
from hyok.config.documentation import BEGIN, END, renew_tables
from hyok.config.sources import parse_tables

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_documents_tables_are_current() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert BEGIN in text
    assert END in text
    assert renew_tables(text) == text, "run: python -m hyok.config.documentation docs/configuration.md"


def test_every_setting_is_documented_with_meaning_allowed_values_and_example() -> None:
    rows = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| `")]
    settings = rows[rows.index(next(row for row in rows if row.startswith("| `url`"))) :]
    assert all(cell.strip() for row in settings for cell in row.strip("|").split("|"))
    assert not [row for row in settings if row.endswith("= ` |")]


def test_the_documents_example_is_a_configuration() -> None:
    example = DOCUMENT.read_text("utf-8").split("```toml")[1].split("```")[0]
    configuration = build_configuration(
        parse_tables(example.encode(), name="example"), file=Path("/etc/hyok/hyok.toml"), environment={}
    )
    configuration.require_holder()
    configuration.require_proxy()
    configuration.require_kms()
    assert [setting.path for setting in configuration.effective if str(setting.origin) == "default"] == [
        "storage.password",
        "kms.certificate",
        "kms.private_key",
        "kms.client_certificate",
        "kms.client_private_key",
        "kms.storage.password",
    ]
