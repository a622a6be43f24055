"""PyKMIP's server as a program: `python -m tests.integration.kmip.pykmip_program DIRECTORY PORT`.

It serves KMIP 1.0 to 1.4 and 2.0 over mutual TLS 1.2, with certificates, database and log in the directory.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kmip.services.server import KmipServer


def serve(directory: Path, port: int) -> None:
    policies = directory / "policies"
    policies.mkdir(exist_ok=True)
    server = KmipServer(
        hostname="127.0.0.1",
        port=port,
        certificate_path=str(directory / "server.pem"),
        key_path=str(directory / "server.key"),
        ca_path=str(directory / "ca.pem"),
        auth_suite="TLS1.2",
        config_path=None,
        log_path=str(directory / "server.log"),
        policy_path=str(policies),
        enable_tls_client_auth=True,
        logging_level="WARNING",
        database_path=str(directory / "keys.db"),
    )
    with server:
        server.serve()


if __name__ == "__main__":
    # Shutting down in order takes it a second a connection.
    try:
        serve(Path(sys.argv[1]), int(sys.argv[2]))
    finally:
        os._exit(0)
