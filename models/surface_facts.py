"""From what a system publishes of itself to facts: one function for each kind of document.

Every name and value passes a grammar of its own; what does not is left out, or is the word `unreadable`. Nothing
here raises on what a peer sends. A document that cannot be one is None: then nothing was learned, and nothing
is compared.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from models.credential import CredentialKind
from models.credentials import CredentialRecord
from models.plain import UNREADABLE, looks_identifying, plain
from models.surface import Part, Surface, Trait

Said = Iterator[tuple[Trait, str, str]]

MOST = 4000  # facts of one document; Epic's capability statement makes about 1,500
KIND = re.compile(r"[A-Z][A-Za-z]{2,39}")  # of a resource
CODE = re.compile(r"(?=.{1,48}$)(?!.*[0-9]{3})[a-z]+(?:-[a-z0-9]+)*")
ALGORITHM = re.compile(r"[A-Z]{2}[0-9]{3}|EdDSA|none")
MEDIA_TYPE = re.compile(r"[a-z]{2,20}(?:/[a-z0-9.+-]{1,40})?")
PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,59}")
SCOPE = re.compile(r"[A-Za-z][A-Za-z_]{0,30}(?:/[A-Za-z*]{1,40}(?:\.[a-z*]{1,6})?)?")
KEY_ID = re.compile(r"[A-Za-z0-9_.:=+/-]{1,64}")
ORIGIN = re.compile(r"[A-Za-z0-9.-]{1,200}(?::[0-9]{1,5})?")
SEGMENT = re.compile(r"[A-Za-z0-9._~-]{1,40}")  # of a path
DAY = re.compile(r"(20[0-9]{2})-?(0[1-9]|1[0-2])-?(0[1-9]|[12][0-9]|3[01])(?:T|$)")
ENDPOINTS = (
    "token_endpoint",
    "authorization_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "jwks_uri",
    "issuer",
)
LISTS = {  # of a SMART configuration (SMART App Launch 2.2, 2.1.3): member → trait and grammar
    "capabilities": (Trait.SMART_CAPABILITY, CODE),
    "scopes_supported": (Trait.SCOPE, SCOPE),
    "grant_types_supported": (Trait.GRANT_TYPE, PARAMETER),
    "token_endpoint_auth_methods_supported": (Trait.CLIENT_METHOD, PARAMETER),
    "token_endpoint_auth_signing_alg_values_supported": (Trait.SIGNING_ALGORITHM, ALGORITHM),
}
THUMBPRINT_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
BORN_FORMATS = ("%b %d %Y %I:%M%p", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")


def surface_of(part: Part, said: Said, received_bytes: int = 0) -> Surface:
    """The surface of what was said; what is beyond all measure is cut."""
    return Surface.of(part, (fact for fact, _ in zip(said, range(MOST), strict=False)), received_bytes)


def capabilities(content: object, received_bytes: int = 0) -> Surface | None:
    """A FHIR CapabilityStatement; None when it is none, or tells nothing of what can be done."""
    if not isinstance(content, dict) or content.get("resourceType") != "CapabilityStatement":
        return None
    resources = [one for rest in dicts(content.get("rest")) for one in dicts(rest.get("resource"))]
    return surface_of(Part.CAPABILITIES, capability_facts(content, resources), received_bytes) if resources else None


def capability_facts(statement: dict[str, Any], resources: Iterable[dict[str, Any]]) -> Said:
    """Software, versions and formats, and for each resource what can be done with it."""
    software = statement.get("software")
    if isinstance(software, dict):
        yield from single(Trait.SOFTWARE_NAME, software.get("name"))
        yield from single(Trait.SOFTWARE_VERSION, software.get("version"))
        yield from dated(Trait.RELEASE_DATE, software.get("releaseDate"))
    yield from single(Trait.FHIR_VERSION, statement.get("fhirVersion"))
    yield from listed(Trait.FORMAT, statement.get("format"), MEDIA_TYPE)
    for resource in resources:
        kind = resource.get("type")
        if isinstance(kind, str) and KIND.fullmatch(kind):
            yield Trait.RESOURCE, kind, ""
            codes = (one.get("code") for one in dicts(resource.get("interaction")))
            yield from ((Trait.INTERACTION, f"{kind}.{code}", "") for code in words(codes, CODE))
            parameters = (one.get("name") for one in dicts(resource.get("searchParam")))
            yield from ((Trait.SEARCH_PARAMETER, f"{kind}.{name}", "") for name in words(parameters, PARAMETER))


def smart(content: object, received_bytes: int = 0) -> Surface | None:
    """A SMART configuration; None when it is none."""
    if not isinstance(content, dict) or not isinstance(content.get("token_endpoint"), str):
        return None
    return surface_of(Part.SMART, smart_facts(content), received_bytes)


def smart_facts(content: dict[str, Any]) -> Said:
    """Where its doors are, and what they take."""
    for name in ENDPOINTS:
        if isinstance(content.get(name), str):
            yield Trait.ENDPOINT, name, place(content[name])
    for member, (trait, grammar) in LISTS.items():
        yield from listed(trait, content.get(member), grammar)


def keys(content: object, received_bytes: int = 0) -> Surface | None:
    """A JSON Web Key Set; None when it is none, or holds no public key."""
    found = [key for key in dicts(content.get("keys")) if thumbprint(key)] if isinstance(content, dict) else []
    facts = ((Trait.SIGNING_KEY, str(thumbprint(key)), key_id(key)) for key in found)
    return surface_of(Part.KEYS, facts, received_bytes) if found else None


def thumbprint(key: Mapping[str, Any]) -> str | None:
    """The thumbprint of a public key (RFC 7638, SHA-256, base64url); None when it lacks what it must have."""
    members = THUMBPRINT_MEMBERS.get(str(key.get("kty")))
    if members is None or not all(isinstance(key.get(name), str) for name in members):
        return None
    canonical = json.dumps({name: key[name] for name in members}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).decode().rstrip("=")


def key_id(key: Mapping[str, Any]) -> str:
    """The `kid` of a key, when it is a code."""
    kid = key.get("kid")
    return kid if isinstance(kid, str) and KEY_ID.fullmatch(kid) else UNREADABLE


def certificates(records: Iterable[CredentialRecord]) -> Surface | None:
    """What was last seen of the TLS certificates and SSH host keys of one system; None when nothing was."""
    seen = [one for one in records if one.fingerprint and not one.is_declared]
    facts = (fact for one in seen for fact in certificate_facts(one))
    surface = surface_of(Part.CERTIFICATE, facts)
    looked = min((one.looked_at for one in seen if one.looked_at), default=None)
    return surface.model_copy(update={"seen_at": looked}) if surface.facts else None


def certificate_facts(record: CredentialRecord) -> Said:
    """Who vouches for it, when it ends, and its fingerprint; of the one at the main door, without a name."""
    name = "" if record.name == "main" else record.name
    if record.kind is CredentialKind.SSH_HOST_KEY:
        yield Trait.HOST_KEY, name, str(record.fingerprint)
    elif record.kind is CredentialKind.TLS_CERTIFICATE:
        if record.issuer:
            yield Trait.CERTIFICATE_ISSUER, name, plain(record.issuer)
        if record.expires_at:
            yield Trait.CERTIFICATE_ENDS, name, f"{record.expires_at:%Y-%m-%d}"
        yield Trait.CERTIFICATE, name, str(record.fingerprint)


def server_info(row: object, received_bytes: int = 0) -> Surface | None:
    """The row of Unity's GetServerInfo; None when it does not tell a product version."""
    if not isinstance(row, dict) or not isinstance(row.get("ProductVersion"), str):
        return None
    return surface_of(Part.SERVER, server_facts(row), received_bytes)


def server_facts(row: dict[str, Any]) -> Said:
    """Product, system, time zone, and when its bridge (`uai`) was set up."""
    yield from single(Trait.PRODUCT_VERSION, row.get("ProductVersion"))
    yield from single(Trait.SYSTEM, row.get("System"))
    yield from single(Trait.TIME_ZONE, row.get("ServerTimeZone"))
    yield from dated(Trait.BORN_ON, row.get("uaibornondate"))


def single(trait: Trait, value: object) -> Said:
    """A fact that a system has once."""
    if isinstance(value, str) and value.strip():
        yield trait, "", plain(value)


def dated(trait: Trait, value: object) -> Said:
    """A day; how the vendor writes it does not matter."""
    if isinstance(value, str) and value.strip():
        yield trait, "", day(value.strip())


def day(text: str) -> str:
    """ISO 8601, without the time of day; `unreadable` when it is no date of this century."""
    if written := DAY.match(text):
        return "-".join(written.groups())
    for form in BORN_FORMATS:
        try:
            return f"{datetime.strptime(text, form):%Y-%m-%d}"  # noqa: DTZ007 - only the day is kept
        except ValueError:
            continue
    return UNREADABLE


def listed(trait: Trait, values: object, grammar: re.Pattern[str]) -> Said:
    """One fact for each code in a list."""
    yield from ((trait, word, "") for word in words(values if isinstance(values, list) else [], grammar))


def words(values: Iterable[Any], grammar: re.Pattern[str]) -> Iterator[str]:
    """The texts that are codes; of a scope with a query, the part before it."""
    cut = (value.partition("?")[0] for value in values if isinstance(value, str))
    return (word for word in cut if grammar.fullmatch(word) and not looks_identifying(word))


def place(url: str) -> str:
    """Origin and path of a URL, without its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return UNREADABLE
    if parts.scheme not in {"http", "https"} or not ORIGIN.fullmatch(parts.netloc):
        return UNREADABLE
    host, colon, port = parts.netloc.partition(":")
    name, path = ".".join(map(masked, host.split("."))), "/".join(map(masked, parts.path.split("/")))
    return f"{parts.scheme}://{name}{colon}{port}{path}"[:200]


def masked(segment: str) -> str:
    """A label of a host or a segment of a path; `x` for one that could be an identifier."""
    return segment if not segment or (SEGMENT.fullmatch(segment) and not looks_identifying(segment)) else "x"


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none when it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
