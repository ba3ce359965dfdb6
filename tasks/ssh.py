"""The one way we speak SSH: to a host whose key was agreed on beforehand, with nothing of the user's own.

Neither ~/.ssh nor an agent, a proxy or the environment is consulted; there is no "accept new". A host is known by
the fingerprints in the configuration alone, and until it has shown one of those keys, nothing of ours is sent: no
name, no signature, no password.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import asyncssh
from pydantic import SecretStr

from models.errors import Misconfigured, Mistake, Transient
from models.lookup import ANYWHERE, Lookup
from models.reading import Code, Outcome, Rung
from tasks.folder import Unreachable
from tasks.network import Trouble, addresses, trouble_of

# Asked for one family at a time: a server has a key of each, and we may know any of them.
FAMILIES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
VERSION = "integration-healing"  # what we call ourselves to the server
MOST_ADDRESSES = 3
CLOSING_S = 1.0
SCRYPT_N = 1 << 14  # 16 MiB and some 50 ms for one guess at a password from its digest
GOODBYES = {  # a host that says why it hangs up
    asyncssh.DISC_SERVICE_NOT_AVAILABLE,
    asyncssh.DISC_BY_APPLICATION,
    asyncssh.DISC_TOO_MANY_CONNECTIONS,
}
NOT_CONSULTED: dict[str, Any] = {
    "config": None,
    "agent_path": None,
    "agent_forwarding": False,
    "pkcs11_provider": None,
    "gss_host": None,
    "x509_trusted_certs": None,
    "x509_trusted_cert_paths": [],
    "known_hosts": ([], [], []),  # not None, which would trust everybody, and not empty, which would ask ~/.ssh
    "compression_algs": None,  # a small packet stays small
    "utf8_decode_errors": "replace",
    "client_version": VERSION,
}
STRANGER = Trouble(Outcome.TLS_FAILED, "host_key_changed", Rung.TLS)
NO_COMMON = Trouble(Outcome.TLS_FAILED, "no_common_algorithm", Rung.TLS)
T = TypeVar("T")
logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # it writes names, addresses and paths into the log


class _OtherFamily(Unreachable):
    """Not with a key of this family; perhaps with one of another."""


@dataclass(frozen=True)
class Account:
    """A host as we know it, and who we are there."""

    host: str
    port: int
    username: str
    host_keys: tuple[str, ...]  # fingerprints, as `ssh-keygen -l` prints them
    lookup: Lookup = ANYWHERE  # how its name is looked up, and where that may lead
    key: asyncssh.SSHKey | None = field(default=None, repr=False)
    password: SecretStr | None = field(default=None, repr=False)

    @property
    def key_fingerprint(self) -> str | None:
        """Of our own key."""
        return self.key.get_fingerprint() if self.key else None

    @property
    def refused_as(self) -> Code:
        """What a refused log-in is called."""
        return "key_refused" if self.key and not self.password else "invalid_credentials"

    def identity(self) -> str:
        """Tells whether the log-in changed since it was refused; slow, so that it does not give a password away."""
        salt = f"{self.username}@{self.host}:{self.port} {self.key_fingerprint}".encode()
        secret = self.password.get_secret_value().encode() if self.password else b""
        return hashlib.scrypt(secret, salt=salt, n=SCRYPT_N, r=8, p=1, dklen=16).hex()


def private_key(pem: SecretStr, passphrase: SecretStr | None, place: str) -> asyncssh.SSHKey:
    """A private key from its text.

    Raises:
        Misconfigured: when it is none, or its passphrase is wrong or missing; names the place, never the text.
    """
    try:
        return asyncssh.import_private_key(
            pem.get_secret_value(), passphrase.get_secret_value() if passphrase else None
        )
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        says = "this is no private key that can be read; make one with ssh-keygen -t ed25519, and give its `passphrase`"
        raise Misconfigured((Mistake(file=place, line=0, says=says),)) from None


@dataclass
class Line:
    """An open connection, and how long each part of opening it took."""

    connection: asyncssh.SSHClientConnection
    host_key: str  # fingerprint of the key it showed
    dns_ms: float
    connect_ms: float
    exchange_ms: float
    login_ms: float

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""
        return not self.connection.is_closed()

    async def aclose(self) -> None:
        """Say goodbye; hang up on a host that does not answer it."""
        self.connection.close()
        try:
            async with asyncio.timeout(CLOSING_S):
                await self.connection.wait_closed()
        except TimeoutError:
            self.connection.abort()
            await self.connection.wait_closed()


class _Watch(asyncssh.SSHClient):
    """Judges the host's key, and notes when it was shown."""

    def __init__(self, trusted: tuple[str, ...], note: Callable[[Rung], None]) -> None:
        self._trusted, self._note = trusted, note
        self.shown: str | None = None
        self.shown_at = 0.0

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh's signature
        """Whether it is one of those that were agreed on."""
        self.shown, self.shown_at = key.get_fingerprint(), perf_counter()
        self._note(Rung.AUTH)
        return self.shown in self._trusted


async def resolved(account: Account) -> list[str]:
    """Every address of a name.

    Raises:
        Unreachable: when it has none, or one that we may not talk to.
    """
    found = await addresses(account.host, account.port, account.lookup)
    if isinstance(found, Trouble):
        raise Unreachable(found)
    return found


async def connected(found: list[str], port: int) -> socket.socket:
    """A socket to the first address that answers.

    Raises:
        Unreachable: when none does.
        Transient: when it is our own machine that cannot.
    """
    trouble = Trouble(Outcome.REFUSED, "no_route", Rung.TCP)
    for address in found[:MOST_ADDRESSES]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        plug = socket.socket(family, socket.SOCK_STREAM)
        plug.setblocking(False)  # noqa: FBT003 - the standard library's own
        try:
            await asyncio.get_running_loop().sock_connect(plug, (address, port))
        except OSError as error:
            plug.close()
            trouble = trouble_of(error, Rung.TCP)
        except asyncio.CancelledError:
            plug.close()
            raise
        else:
            return plug
    if trouble.is_ours:
        raise Transient("this machine is out of file descriptors or memory; raise its limits, then try again")
    raise Unreachable(trouble)


class Shown(NamedTuple):
    """What a host showed of itself."""

    fingerprint: str
    algorithm: str


async def host_key(account: Account, found: list[str]) -> Shown:
    """The key that the host shows, without a word about us; one that we know, if it has it.

    Raises:
        Unreachable: when it shows none.
    """
    shown: Shown | None = None
    trouble = NO_COMMON
    for family in FAMILIES:
        plug = await connected(found, account.port)
        try:
            key = await _spoken(asyncssh.get_server_host_key(sock=plug, config=None, server_host_key_algs=family), None)
        except _OtherFamily as error:
            trouble = error.trouble
            continue
        shown = Shown(key.get_fingerprint(), key.get_algorithm()) if key else shown
        if shown and shown.fingerprint in account.host_keys:
            break
    if shown is None:
        raise Unreachable(trouble)
    return shown


async def open_line(account: Account, note: Callable[[Rung], None]) -> Line:
    """Connect, know the host again, and log in, once.

    Args:
        account: where, and who we are there.
        note: is told each rung when its turn comes, for whoever must give up half-way.

    Raises:
        Unreachable: with the trouble that kept us from it.
        Transient: when it is our own machine that cannot.
    """
    began = perf_counter()
    note(Rung.DNS)
    found = await resolved(account)
    dns_ms = _since(began)
    trouble = NO_COMMON
    for family in FAMILIES:
        began = perf_counter()
        note(Rung.TCP)
        plug = await connected(found, account.port)
        note(Rung.TLS)
        connect_ms, began, watch = _since(began), perf_counter(), _Watch(account.host_keys, note)
        try:
            connection = await _spoken(_login(account, plug, family, watch), watch, account.refused_as)
        except _OtherFamily as error:
            trouble = trouble if trouble == STRANGER else error.trouble
            continue
        exchange_ms = (watch.shown_at - began) * 1000
        login_ms = _since(watch.shown_at)
        return Line(connection, str(watch.shown), dns_ms, connect_ms, exchange_ms, login_ms)
    raise Unreachable(trouble)


async def _login(
    account: Account, plug: socket.socket, family: tuple[str, ...], watch: _Watch
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        account.host,
        account.port,
        sock=plug,
        client_factory=lambda: watch,
        server_host_key_algs=family,
        username=account.username,
        client_keys=[account.key] if account.key else None,
        password=account.password.get_secret_value() if account.password else None,
        **NOT_CONSULTED,
    )


async def _spoken(talk: Awaitable[T], watch: _Watch | None, refused_as: Code = "key_refused") -> T:
    """What came of a conversation; every trouble is `Unreachable`, or `_OtherFamily` when another key may do."""
    try:
        return await talk
    except asyncssh.KeyExchangeFailed:
        raise _OtherFamily(NO_COMMON) from None
    except asyncssh.HostKeyNotVerifiable:
        raise _OtherFamily(STRANGER) from None
    except asyncssh.PermissionDenied:
        raise Unreachable(Trouble(Outcome.CREDENTIAL_REFUSED, refused_as, Rung.AUTH)) from None
    except Exception as error:  # noqa: BLE001 - what a peer sends can raise anything in the library that parses it
        rung = Rung.AUTH if watch and watch.shown else Rung.TLS
        trouble = trouble_of_ssh(error, rung)
        # A host without a key of this family may hang up before its refusal has arrived.
        is_early_end = trouble.outcome is Outcome.RESET and rung is Rung.TLS
        raise (_OtherFamily if is_early_end else Unreachable)(trouble) from None


def trouble_of_ssh(error: Exception, rung: Rung) -> Trouble:
    """What the library's error during a conversation means."""
    if isinstance(error, asyncssh.ConnectionLost):
        return Trouble(Outcome.RESET, "connection_lost", rung)
    if isinstance(error, OSError):
        return trouble_of(error, rung)
    if isinstance(error, asyncssh.DisconnectError) and error.code in GOODBYES:
        return Trouble(Outcome.RESET, "disconnected", rung)
    return Trouble(Outcome.MALFORMED, "not_ssh", rung)


def _since(began: float) -> float:
    return (perf_counter() - began) * 1000
