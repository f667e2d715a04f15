"""Which addresses of clients may be called: no request is led into the platform's own network.

The setting lists them, comma-separated:

    https://fraud.example.org/hooks/      this host and port, and paths that begin so
    https://*.example.org                 any host below example.org
    http://10.0.3.7:8080/                 an address of the own network, because it is listed
    10.20.0.0/16                          names may lead to these addresses, too

A name is resolved at each attempt, every address of it is checked, and the one that was checked is
the one that is called: a name that later leads elsewhere leads nowhere.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from infra.webhooks.delivery import DeliveryError

LONGEST_URL = 1024  # characters
PORTS = {"http": 80, "https": 443}
_NAT64 = ip_network("64:ff9b::/96")
_USUAL = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]  # addresses of a host; raises OSError


class TargetError(ValueError):
    """An address that may not be called; the sentence says why."""


@dataclass(frozen=True)
class Target:
    """An address that is on the list."""

    scheme: str
    host: str
    port: int
    path: str  # with the query

    @property
    def receiver(self) -> str:
        """For sentences and for taking turns: without the path, which may be a secret."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        """The value of the header Host."""
        host = _bracketed(self.host)
        return host if PORTS[self.scheme] == self.port else f"{host}:{self.port}"

    def url_at(self, address: str) -> str:
        """Its URL with an address in the place of the name."""
        return f"{self.scheme}://{_bracketed(address)}:{self.port}{self.path}"


@dataclass(frozen=True)
class _Prefix:
    scheme: str
    host: str  # may begin with *.
    port: int
    path: str

    def covers(self, target: Target) -> bool:
        if (target.scheme, target.port) != (self.scheme, self.port):
            return False
        below = self.host.startswith("*.") and target.host.endswith(self.host[1:])
        return (target.host == self.host or below) and target.path.startswith(self.path)


@dataclass(frozen=True)
class AllowedTargets:
    """The list of the setting; empty: nobody is called."""

    prefixes: tuple[_Prefix, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, setting: str) -> AllowedTargets:
        """Read the setting; raises ValueError that quotes the entry."""
        entries = [entry.strip() for entry in setting.split(",") if entry.strip()]
        prefixes = [_prefix(entry) for entry in entries if "://" in entry]
        networks = [_network(entry) for entry in entries if "://" not in entry]
        literal = [ip_network(p.host) for p in prefixes if _literal(p.host) is not None]
        return cls(tuple(prefixes), (*networks, *literal))

    def target(self, url: str) -> Target:
        """The target of a URL; raises TargetError where it is not on the list."""
        target = _target(url)
        if not any(prefix.covers(target) for prefix in self.prefixes):
            raise TargetError(f"{target.receiver} with this path is not in the list of webhooks")
        return target

    def address(self, target: Target, resolve: Resolve | None = None) -> str:
        """The address to call now. Raises DeliveryError if a name leads where nobody may go."""
        try:
            addresses = (resolve or _resolve)(target.host, target.port)
        except OSError as error:
            raise DeliveryError(f"{target.receiver}: the name has no address ({error})") from error
        for address in addresses:
            if not self._may_call(ip_address(address)):
                raise DeliveryError(
                    f"{target.receiver}: the name leads to {address}, which is no public address "
                    "and in no network of the list of webhooks"
                )
        return addresses[0]

    def _may_call(self, address: Address) -> bool:
        if any(address in network for network in self.networks):
            return True
        return all(inner.is_global and not inner.is_multicast for inner in _unwrapped(address))


def _target(url: str) -> Target:
    if len(url) > LONGEST_URL or not _USUAL.fullmatch(url):
        raise TargetError(f"a URL of at most {LONGEST_URL} printable ASCII characters expected")
    try:
        parts, port = urlsplit(url), urlsplit(url).port
    except ValueError as error:
        raise TargetError(f"a URL expected ({error})") from error
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise TargetError("https://HOST/PATH without a user name or a fragment expected")
    if _climbs(parts):
        raise TargetError("a path without . and .. expected")
    query = f"?{parts.query}" if parts.query else ""
    path = (parts.path or "/") + query
    host = parts.hostname.rstrip(".")
    return Target(parts.scheme, host, PORTS[parts.scheme] if port is None else port, path)


def _climbs(parts: SplitResult) -> bool:
    """Whether a receiver could read the path as another one than its beginning."""
    path = parts.path.lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/")
    return any(segment in (".", "..") for segment in path.split("/"))


def _prefix(entry: str) -> _Prefix:
    try:
        target = _target(entry)
    except TargetError as error:
        raise ValueError(f"{error}, in {entry!r}") from error
    if "*" in target.host.removeprefix("*.") or target.host in ("*.", "*"):
        raise ValueError(f"* only as the first part of a host expected, in {entry!r}")
    return _Prefix(target.scheme, target.host, target.port, target.path)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise ValueError(f"https://HOST/PATH or a network expected ({error})") from error


def _unwrapped(address: Address) -> list[Address]:
    """An address, and the IPv4 addresses that it stands for."""
    if isinstance(address, IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    known = [one for one in inner if one is not None]
    # a mapped address is called as IPv4, and whether its form is global says nothing
    return known if address.ipv4_mapped is not None else [address, *known]


def _resolve(host: str, port: int) -> Sequence[str]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]).partition("%")[0] for info in infos]


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
