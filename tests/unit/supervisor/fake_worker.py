"""A worker that does as a file says: `fake_worker.py BEHAVIOUR-FILE LOG-FILE DESCRIPTOR`. It starts in a moment.

`serve`: what a worker does. `die`: ends at once. `fail REASON`: says why and ends. `silent`: never serves. `stubborn`:
pays no heed to Stop. `refuse`: takes no other certificate. `fragile`: serves, and dies a moment later. `babble`: speaks
no JSON.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time

BEAT_SECONDS = 0.05


def main(behaviour_file: str, log_file: str, descriptor: str) -> int:
    with open(behaviour_file) as file:
        behaviour, _, detail = file.read().strip().partition(" ")
    channel = socket.socket(fileno=int(descriptor))
    lines = channel.makefile("rb")
    note(log_file, json.loads(lines.readline())["type"])
    if behaviour == "die":
        return 7
    if behaviour == "fail":
        say(channel, {"type": "Failed", "reason": detail})
        return 3
    if behaviour == "babble":
        channel.sendall(b"hello\n")
    if behaviour in ("babble", "silent"):
        time.sleep(60)
    say(channel, {"type": "Ready"})
    if behaviour == "fragile":
        return 9
    while True:
        say(channel, {"type": "Beat"})
        if select.select([channel], [], [], BEAT_SECONDS)[0]:
            line = lines.readline()
            if not line:
                return 0
            kind = json.loads(line)["type"]
            note(log_file, kind)
            if kind == "ReplaceTls" and behaviour == "refuse":
                say(channel, {"type": "TlsKept", "reason": "it is no good"})
            if kind == "Stop" and behaviour != "stubborn":
                say(channel, {"type": "Stopping"})
                return 0


def say(channel: socket.socket, message: dict[str, str]) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


def note(log_file: str, kind: str) -> None:
    with open(log_file, "a") as log:
        log.write(f"{os.getpid()} {kind}\n")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
