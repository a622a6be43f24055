"""nginx as the yardstick: a constant 330-byte reply to every request over the same TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import free_port, pinned_server

_CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u;
  scgi_temp_path {directory}/s;
  server {{
    listen 127.0.0.1:{port} ssl; server_name localhost; default_type application/json;
    ssl_certificate {certificate}; ssl_certificate_key {private_key}; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{ return 200 '{reply}'; }}
  }}
}}
"""


@contextmanager
def constant_reply(directory: Path, *, certificate: Path, private_key: Path) -> Iterator[tuple[int, int]]:
    """Run nginx; yields its process id and port."""
    port = free_port()
    configuration = directory / "nginx.conf"
    reply = '{"answer":"' + "A" * 317 + '"}'
    configuration.write_text(
        _CONFIGURATION.format(
            directory=directory, port=port, certificate=certificate, private_key=private_key, reply=reply
        )
    )
    with pinned_server(["nginx", "-c", configuration, "-p", directory], port=port) as pid:
        yield pid, port
