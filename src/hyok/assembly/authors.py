"""Who is at work, for administrative records."""

from __future__ import annotations

import os
import pwd
import socket

from hyok.custody.records import Author, Operator


def this_process(operator: Operator | None = None, reason: str = "") -> Author:
    """Return whoever runs this process, as the operating system has it; through sudo, who is behind it."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    behind = os.environ.get("SUDO_USER", "")
    return Author(f"{behind} as {user}" if behind else user, socket.gethostname(), operator, reason)
