"""The alert rules, the dashboard and the operating guide speak of metrics that exist, and of all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hyok.metrics import names

ROOT = Path(__file__).parents[3]
RULES = ROOT / "packaging" / "prometheus" / "hyok.rules.yml"
DASHBOARD = ROOT / "packaging" / "grafana" / "hyok.json"
GUIDE = ROOT / "docs" / "operating.md"
SERIES = {series for metric in names.ALL for series in metric.series_names}
LABELS = {label for metric in names.ALL for label in metric.labels} | {"le", "instance"}


def rule_expressions() -> str:
    """The expressions of all rules, and nothing else of the file."""
    return "\n".join(
        re.findall(r"^ +expr: (?:\|\n)?(.*?)^ +(?:for|labels):", RULES.read_text(), re.MULTILINE | re.DOTALL)
    )


def dashboard_expressions() -> Iterator[str]:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield variable["query"]


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\bhyok_\w+", text))


def labels_in(text: str) -> set[str]:
    return set(re.findall(r'(\w+)(?:=|!=|=~)"', text))


def test_the_alert_rules_name_metrics_and_labels_that_exist() -> None:
    text = rule_expressions()
    assert len(metrics_in(text)) >= 9
    assert metrics_in(text) <= SERIES
    assert labels_in(text) <= LABELS


def test_the_dashboard_queries_metrics_and_labels_that_exist() -> None:
    text = "\n".join(dashboard_expressions())
    assert metrics_in(text) <= SERIES
    assert labels_in(text) <= LABELS


def test_the_dashboard_shows_every_metric() -> None:
    shown = metrics_in("\n".join(dashboard_expressions()))
    assert [metric.name for metric in names.ALL if not shown & set(metric.series_names)] == []


def test_the_dashboards_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_operating_guide_explains_every_metric_and_every_alert() -> None:
    guide = GUIDE.read_text()
    assert [metric.name for metric in names.ALL if f"`{metric.name}`" not in guide] == []
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert len(alerts) == len(set(alerts)) == 16
    assert [alert for alert in alerts if f"`{alert}`" not in guide] == []
