"""Client of Latchkey. The messages and stubs of each service are in latchkey.{identity,role,key,audit}.v1."""

import json
import os
import pathlib

import grpc

from latchkey import errors

__all__ = ["Metadata", "as_key", "as_user", "connect", "errors", "from_endpoints"]

Metadata = tuple[tuple[str, str], ...]
Path = str | os.PathLike[str]


def connect(address: str, *, ca: Path, cert: Path, key: Path) -> grpc.Channel:
    """Opens a channel to one service over mutual TLS. Use one channel per service and process, and close it at the end.

    address: "host:port". ca, cert, key: PEM files: the authority, the caller's certificate and its private key, read now.
    It connects with the first call, so a wrong address or certificate shows there, as UNAVAILABLE.
    """
    authority, certificate, private_key = (pathlib.Path(path).read_bytes() for path in (ca, cert, key))
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(authority, private_key, certificate))


def from_endpoints(path: Path, service: str) -> grpc.Channel:
    """Opens a channel to "identity", "role" or "key" as an endpoints.json describes it, such as the quick start's."""
    file = pathlib.Path(path)
    endpoints = json.loads(file.read_text())
    # Relative paths are relative to the file, absolute ones stay.
    tls = {name: file.parent / endpoints["tls"][name] for name in ("ca", "cert", "key")}
    return connect(endpoints[service]["address"], **tls)


def as_user(user_id: str) -> Metadata:
    """Metadata of a call on behalf of a person (a user_ id) whom the caller, a front end, has signed in."""
    return (("latchkey-actor", user_id),)


def as_key(secret: str) -> Metadata:
    """Metadata of a call on behalf of the holder of a personal token or service key."""
    return (("authorization", f"Bearer {secret}"),)
