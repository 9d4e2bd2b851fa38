"""Clients that send or read a byte at a time: what they do to readers, without nginx and behind it."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.drills.sites import Answer, Site, tell
from tests.hosts import LOOPBACK, Server, find_free_port, is_open

pytestmark = [pytest.mark.drill, pytest.mark.own_servers]
SLOW = 60
ASKED, ASKED_ALONE = 10, 3  # alone, each may wait for as long as `ask` does
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
# What docs/operations.md tells of the way through nginx, with shorter times than there.
CONFIGURATION = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
worker_processes 1; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    limit_conn_zone $binary_remote_addr zone=per_address:10m;
    client_header_timeout 10s; client_body_timeout 10s; send_timeout 10s;
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 12m;
        limit_conn per_address 200; limit_conn_status 429;
        location / {{
            proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_set_header Host $host;
            proxy_request_buffering on; proxy_buffering on; proxy_max_temp_file_size 1024m;
        }}
    }}
}}
"""


class SlowClient(threading.Thread):
    """Sends a request byte by byte, or reads an answer byte by byte, until it is told to stop."""

    def __init__(self, port: int, kind: str, is_over: threading.Event):
        super().__init__()
        self.port, self.kind, self.is_over = port, kind, is_over

    def run(self):
        head = f"{'POST /admin/login/' if self.kind == 'body' else 'GET /'} HTTP/1.1\r\n"
        head += f"Host: {LOOPBACK}\r\n"
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            try:
                connection.connect((LOOPBACK, self.port))
                match self.kind:
                    case "header":
                        connection.sendall(head.encode())
                        self.trickle(connection, b"X-Slow: " + b"a" * 1000)
                    case "body":
                        head += "Content-Length: 100000\r\nContent-Type: text/plain\r\n\r\n"
                        connection.sendall(head.encode())
                        self.trickle(connection, b"a" * 1000)
                    case "reading":
                        large = "GET /open-data/settlement-items.jsonl HTTP/1.1\r\n"
                        connection.sendall(f"{large}Host: {LOOPBACK}\r\n\r\n".encode())
                        while not self.is_over.wait(1):
                            connection.recv(1)
            except OSError:
                return  # cut off, which is what should become of it

    def trickle(self, connection, data):
        for byte in data:
            if self.is_over.wait(1):
                return
            connection.sendall(bytes([byte]))


def measure(site: Site, port: int, kind: str, asked: int) -> list[Answer]:
    """Return what readers get through a port while the slow clients are at it."""
    own_port, site.port = site.port, port
    is_over = threading.Event()
    clients = [SlowClient(port, kind, is_over) for _ in range(SLOW)]
    try:
        for client in clients:
            client.start()
        time.sleep(2)
        return [site.ask("/") for _ in range(asked)]
    finally:
        is_over.set()
        for client in clients:
            client.join()
        site.port = own_port


@pytest.fixture(scope="module")
def site():
    with Site.in_its_own_folder("sqlite") as running:
        for _ in range(12):
            running.ask("/")
        yield running


@pytest.fixture(scope="module")
def nginx(site):
    if NGINX is None:
        pytest.skip("needs nginx (apt-get install nginx)")
    port = find_free_port()
    with tempfile.TemporaryDirectory(prefix="portal-nginx-") as folder, ExitStack() as stack:
        user = "user root;" if os.geteuid() == 0 else ""
        told = CONFIGURATION.format(folder=folder, port=port, behind=site.port, user=user)
        (Path(folder) / "nginx.conf").write_text(told)
        command = [NGINX, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
        subprocess.run([*command, "-t"], check=True, capture_output=True)
        server = Server("nginx", command, Path(folder) / "nginx.log", lambda: is_open(port))
        stack.callback(server.stop)
        server.start()
        yield port


@pytest.mark.parametrize("kind", ["header", "body", "reading"])
def test_behind_nginx_readers_notice_nothing(site, nginx, kind):
    answers = measure(site, nginx, kind, ASKED)
    print(tell(f"nginxの後ろ、{kind}", answers))
    assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize("kind", ["header", "body", "reading"])
def test_without_nginx_gunicorn_is_measured_and_recovers(site, kind):
    """Gunicorn alone may be held up: docs/operations.md therefore puts nginx before it."""
    answers = measure(site, site.port, kind, ASKED_ALONE)
    print(tell(f"gunicornだけ、{kind}", answers))
    assert site.ask("/").status == 200  # as soon as they are gone


def test_a_file_that_breaks_off_is_told_as_broken_by_nginx(site, nginx):
    """A response of unknown length that ends too early must not read as a whole one."""
    with socket.create_connection((LOOPBACK, nginx)) as connection:
        connection.sendall(
            b"GET /open-data/settlement-items.csv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        )
        head = connection.recv(65536).lower()
    assert b"transfer-encoding: chunked" in head  # its end is told, not guessed from a closed line
