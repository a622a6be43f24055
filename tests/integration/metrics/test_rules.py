"""The alert rules and the dashboard's queries, judged by Prometheus's own tool."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.unit.metrics.test_packaging import RULES, dashboard_expressions

CASES = Path(__file__).with_name("alerts.test.yml")


def promtool(*arguments: str | Path) -> tuple[int, str]:
    ended = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    return ended.returncode, ended.stdout + ended.stderr


def test_the_alert_rules_are_rules_of_prometheus() -> None:
    status, output = promtool("check", "rules", RULES)
    assert (status, "SUCCESS: 16 rules found" in output) == (0, True), output


def test_each_alert_goes_off_when_it_should_and_not_before() -> None:
    status, output = promtool("test", "rules", CASES)
    assert status == 0, output


def test_a_rule_that_never_goes_off_would_be_noticed(tmp_path: Path) -> None:
    ruined = RULES.read_text().replace("hyok_proxy_audit_log_failing == 1", "hyok_proxy_audit_log_failing == 2")
    (tmp_path / "hyok.rules.yml").write_text(ruined)
    (tmp_path / "cases.yml").write_text(re.sub(r"\S*hyok\.rules\.yml", "hyok.rules.yml", CASES.read_text()))
    assert promtool("test", "rules", tmp_path / "cases.yml")[0] != 0


def test_the_dashboards_queries_are_queries_of_prometheus(tmp_path: Path) -> None:
    queries = [query for query in dashboard_expressions() if "hyok_" in query and not query.startswith("label_values")]
    filled = [query.replace("$__rate_interval", "5m") for query in queries]
    rules = [{"record": f"panel_{number}", "expr": query} for number, query in enumerate(filled)]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML

    status, output = promtool("check", "rules", file)

    assert (status, f"SUCCESS: {len(queries)} rules found" in output) == (0, True), output
