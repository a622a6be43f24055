"""What systemd does for a socket unit: `activator.py DESCRIPTOR NAME COMMAND...` becomes COMMAND with the socket."""

from __future__ import annotations

import os
import sys


def main() -> None:
    descriptor, name, *command = sys.argv[1:]
    os.dup2(int(descriptor), 3)
    passed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": name}
    os.execve(command[0], command, os.environ | passed)  # noqa: S606  # what is tested is the exec


if __name__ == "__main__":
    main()
