"""Where a gateway listens, and how that is told."""

from __future__ import annotations

import os
import socket

import pytest

from escalera.apps.gateway import address
from escalera.errors import InputError


@pytest.mark.network
@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_the_socket_is_one(host: str, shown: str) -> None:
    """It listens already, those who are started inherit it, and its URL can be asked."""
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with address.listening(host, 0) as found:
        port = found.getsockname()[1]
        assert os.get_inheritable(found.fileno())
        assert address.url(host, found) == f"http://{shown}:{port}"
        with socket.create_connection((host, port), timeout=1):
            pass
        with pytest.raises(InputError, match=r"in use\. Choose another --host or --port"):
            address.listening(host, port)


@pytest.mark.network
@pytest.mark.parametrize("host", ["[::1]", "127.0.0.1:80"])
def test_what_is_no_host_is_told_with_what_is_one(host: str) -> None:
    """Another port would not help."""
    with pytest.raises(InputError, match="without brackets or port") as told:
        address.listening(host, 0)
    assert repr(host) in str(told.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "localhost"])
def test_every_address_of_this_machine_alone_is_one(host: str) -> None:
    """The whole network 127/8 is (RFC 1122, section 3.2.1.3)."""
    assert address.is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "128.0.0.1", "192.168.1.1", "localhost.example", "127.0.0.1.nip"]
)
def test_what_others_reach_is_none(host: str) -> None:
    """Nor is a name that only begins like one."""
    assert not address.is_loopback(host)
