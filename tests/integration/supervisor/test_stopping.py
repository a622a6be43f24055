"""The proxy's end: nothing that was accepted is lost, and it does not last for ever."""

from __future__ import annotations

import signal
import socket
import time

from tests.integration.supervisor.rig import Load, Start, running_proxy


def test_a_stop_answers_what_was_accepted_and_ends_with_status_0(start: Start) -> None:
    with running_proxy(start) as proxy, Load(start, proxy.port) as load:
        load.go_on()
        proxy.send(signal.SIGTERM)
        assert proxy.wait() == 0
    # Connections that were kept have had an answer to each request. Whoever came after the stop was not accepted.
    accepted = [each for each in load.failures if "ConnectionRefused" not in each and not each.startswith("new:")]
    assert accepted == []
    assert proxy.messages[-1] == "proxy stops: it answers what has come, then closes"
    assert proxy.other_lines == []


def test_asked_twice_it_ends_at_once(start: Start) -> None:
    with running_proxy(start, workers=1) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)):
            proxy.send(signal.SIGINT)
            proxy.await_message("proxy stops")
            began = time.monotonic()
            proxy.send(signal.SIGINT)
            assert proxy.wait() == 0
        assert time.monotonic() - began < 1
