"""A CA of one's own, and a proxy that speaks HTTPS in front of a server, as operators put one there."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A CA. `path` is its certificate. Skips the test where there is no program `openssl`."""

    def __init__(self, directory: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("needs the program openssl, to make certificates")
        directory.mkdir()
        self.path, self._key = directory / "ca.pem", directory / "ca.key"
        _openssl(
            "req", "-x509", *_KEY, "-days", "2", "-subj", "/CN=a CA of the tests", "-keyout", self._key, "-out",
            self.path, "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def certificate(self, name: str) -> tuple[Path, Path]:
        """The files of a certificate for a host of that name, and of its key."""
        made, key, request, extensions = (self.path.with_name(f"{name}.{end}") for end in ("pem", "key", "csr", "ext"))
        extensions.write_text(
            f"subjectAltName=DNS:{name}\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        _openssl("req", "-new", *_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl(
            "x509", "-req", "-days", "1", "-in", request, "-out", made, "-extfile", extensions,
            "-CA", self.path, "-CAkey", self._key, "-CAcreateserial",
        )  # fmt: skip
        return made, key


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def https_before(port: int, certificate: tuple[Path, Path]) -> Iterator[int]:
    """The port on which HTTPS is spoken with that certificate, for a server that speaks HTTP on `port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):  # it was closed
                while True:
                    came, _ = listening.accept()
                    threading.Thread(target=_relay, args=[came, context, port], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def _relay(came: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """Pass on what a client sends, and what it is answered."""
    with (
        contextlib.suppress(OSError),
        came,
        context.wrap_socket(came, server_side=True) as client,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):
        # One thread each way: TLS may be read by one while another one writes.
        answering = threading.Thread(target=_copy, args=[server, client], daemon=True)
        answering.start()
        _copy(client, server)
        answering.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while part := source.recv(65_536):
            target.sendall(part)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
