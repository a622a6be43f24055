from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from hyok.cli.logs import log_to_stderr


@pytest.fixture
def logging_restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("hyok")
    before = root.handlers, root.level, ours.level
    yield
    root.handlers, root.level, ours.level = before


@pytest.mark.usefixtures("logging_restored")
def test_a_record_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    logging.getLogger("hyok.proxy").info("serves on %s\n", "127.0.0.1:1")
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert record.pop("at").endswith("+00:00")
    assert record == {"level": "info", "logger": "hyok.proxy", "message": "serves on 127.0.0.1:1\n"}


@pytest.mark.usefixtures("logging_restored")
def test_a_traceback_stays_on_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("hyok").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["traceback"].endswith("ValueError: x\n")


@pytest.mark.usefixtures("logging_restored")
def test_others_are_heard_from_warnings_up(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    logging.getLogger("other").info("chatter")
    logging.getLogger("other").warning("trouble")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "trouble"
