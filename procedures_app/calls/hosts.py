"""Where a step may call: hosts that the configuration lists, at the addresses that their names stand for right now.

The address is looked up once, checked, and connected to: a name that is answered otherwise a moment later leads
nowhere else (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}
LONGEST_URL = 2000
#: What no port number, user name or line break may hide in.
FORBIDDEN = frozenset("\\\t\r\n @")


class CallRefused(Exception):
    """This call is not allowed, now or later. The message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """One listed host, or the host of an address to call."""

    scheme: str
    host: str
    port: int


def listed(entry: str) -> Place:
    """A line of ``procedures.allowed_hosts``: ``host``, ``host:port`` or ``http://host:port``. Raises CallRefused."""
    return place(urlsplit(entry if "://" in entry else f"https://{entry}"), entry)


def place(url: SplitResult, text: str) -> Place:
    try:
        host, port = url.hostname, url.port
    except ValueError as error:
        raise CallRefused(f"'{text}' is not an address: {error}.") from error
    if url.scheme not in PORTS or not host:
        raise CallRefused(f"'{text}' is not an http or https address.")
    return Place(url.scheme, canonical(host), port or PORTS[url.scheme])


def canonical(host: str) -> str:
    """The name as it is looked up, so that spellings of one name are one."""
    try:
        return host.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise CallRefused(f"'{host}' is not the name of a host.") from error


def allowed(address: str, hosts: Iterable[str]) -> tuple[SplitResult, Place]:
    """The parsed address and where it leads. Raises CallRefused unless exactly that place is listed."""
    if len(address) > LONGEST_URL or FORBIDDEN & set(address):
        raise CallRefused("The address is too long, or holds spaces, line breaks, '@' or a backslash.")
    url = urlsplit(address)
    wanted = place(url, address)
    if not (url.path + url.query).isascii():
        raise CallRefused("Characters beyond ASCII in the address must be percent-encoded.")
    if wanted not in {listed(entry) for entry in hosts}:
        raise CallRefused(
            f"{wanted.scheme}://{wanted.host}:{wanted.port} is not among procedures.allowed_hosts. "
            "Ask an administrator to add it there."
        )
    return url, wanted


def address_of(wanted: Place) -> str:
    """One IP address of the place. Raises CallRefused where the name leads to this machine or to link-local services,
    OSError where it leads nowhere."""
    found = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    for one in addresses:
        refuse_inner(one, wanted)
    return addresses[0]


def refuse_inner(address: str, wanted: Place) -> None:
    """A listed name must not lead to this machine; who means it lists the address itself, or ``localhost``."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        raise CallRefused(f"{wanted.host} leads to {address}, where nothing may be called.")
    if ip.is_loopback and wanted.host != "localhost" and not is_address(wanted.host):
        raise CallRefused(f"{wanted.host} leads to {address}, which is this machine. List the address to allow it.")


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
