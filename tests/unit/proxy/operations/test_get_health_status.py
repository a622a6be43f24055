"""GetHealthStatus: who answers, and for whom."""

from __future__ import annotations

import pytest

from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus
from hyok.proxy.keystores import ExternalKey, ExternalKeys
from hyok.xks.messages import EkmHealthStatus
from tests.unit.proxy.managers import FailingManager, ReportingManager
from tests.unit.proxy.stage import KEY, MANAGER, Stage, content_of, health_request


def test_the_proxy_and_its_key_manager_introduce_themselves(stage: Stage) -> None:
    assert content_of(stage.ask(health_request())) == {
        "xksProxyFleetSize": 2,
        "xksProxyVendor": "hyok",
        "xksProxyModel": "hyok-proxy 1.2.3",
        "ekmVendor": "hyok",
        "ekmFleetDetails": [{"id": "embedded", "model": "hyok embedded", "healthStatus": "ACTIVE"}],
    }


def test_a_key_manager_that_fails_its_test_is_unavailable(stage: Stage) -> None:
    stage.managers[MANAGER] = FailingManager(stage.managers[MANAGER], KeyManagerFailure.UNAVAILABLE)

    assert content_of(stage.ask(health_request()))["ekmFleetDetails"] == [
        {"id": MANAGER, "model": "Watched Vendor", "healthStatus": "UNAVAILABLE"}
    ]


def test_only_the_key_managers_behind_the_key_store_are_reported(stage: Stage) -> None:
    stage.managers["other"] = ReportingManager(stage.managers[MANAGER], HealthStatus.DEGRADED)

    assert len(content_of(stage.ask(health_request()))["ekmFleetDetails"]) == 1


def test_a_key_store_without_keys_reports_all_key_managers(stage: Stage) -> None:
    stage.managers["other"] = ReportingManager(stage.managers[MANAGER], HealthStatus.DEGRADED)
    stage.change_key_store("alpha", external_keys=ExternalKeys())

    answer = content_of(stage.ask(health_request()))

    assert [member["id"] for member in answer["ekmFleetDetails"]] == ["embedded", "member-0"]
    assert answer["ekmVendor"] == "Watched Vendor, hyok"


def test_of_more_than_ten_members_the_most_able_are_reported(stage: Stage) -> None:
    statuses = [HealthStatus.UNAVAILABLE] * 6 + [HealthStatus.DEGRADED] * 3 + [HealthStatus.ACTIVE] * 2
    stage.managers["many"] = ReportingManager(stage.managers[MANAGER], *statuses)
    stage.change_key_store("alpha", external_keys=ExternalKeys([ExternalKey(KEY, "many", KEY)]))

    reported = [member["healthStatus"] for member in content_of(stage.ask(health_request()))["ekmFleetDetails"]]

    assert reported == ["ACTIVE"] * 2 + ["DEGRADED"] * 3 + ["UNAVAILABLE"] * 5


@pytest.mark.parametrize("status", HealthStatus)
def test_every_state_of_a_member_has_its_word_on_the_wire(status: HealthStatus) -> None:
    assert EkmHealthStatus(status.value).value == status.value
