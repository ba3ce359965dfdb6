"""Error texts of the catalogue S01–S75 with what varies in them, and of Python's own library; expanded by a seed.

Kinds are what a person would call the same error; the generator knows which kind each line is of, the miners do not.
Where the catalogue quotes a system, the text is that; where it describes one, the words are those of the product's own
log or of its standard. Silent failures (S09, S13, S65–S71 …) say nothing and have no text.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

Kind = str
START = datetime(2026, 11, 23, 8, tzinfo=UTC)

TEXTS: tuple[tuple[Kind, str], ...] = (
    (
        "S01",
        "HTTP 429 Too Many Requests: rate limit of {number} requests exceeded for client {uuid}, retry in {n} s",
    ),
    (
        "S02",
        'HTTP 401 from {host}: Bearer error="invalid_token", error_description="The token expired at {time}"',
    ),
    ("S03", 'token endpoint {url} answered 400: {{"error":"invalid_client","error_description":null}}'),
    ("S04", "Token request for client {uuid} failed: invalid_scope: scope not approved: {resource}.read"),
    ("S05", "HTTP 403 reading {resource}/{id}: OperationOutcome forbidden: user {user} is not authorized"),
    ("S06", "JWT signature verification failed: no matching key for kid {hex} in JWKS of {host}"),
    ("S07", "invalid_client: JWT is not yet valid: nbf {n} is {number} seconds ahead of server time {time}"),
    ("S08", "503 Service Unavailable: {host} is down for scheduled maintenance until {time}"),
    (
        "S09",
        "warning 4119: additional data may exist for patient {name}, MRN {mrn}, which you may not view",
    ),
    ("S11", "Patient {id} has been merged into Patient/{id}"),
    ("S12", "Session ID for cached search results has expired: {hex}"),
    ("S15", "CapabilityStatement of {host} changed: software version {version} replaced {version}"),
    ("S16", "Unsupported media type: expected application/fhir+json, received text/html from {url}"),
    ("S17", "Version conflict: If-Match W/{n} does not match current version {n} of {resource}/{id}"),
    ("S18", "POST {url} timed out after {n} ms, outcome unknown, idempotency key {uuid}"),
    ("S19", "Bulk export job {uuid} did not complete in {n} hours, status poll answered 429"),
    ("S20", "search {resource}?name={surname}&birthdate={dob} took {n} ms, slow query threshold is {number} ms"),
    ("S21", "GetToken failed: error: Username and password not valid for application {word}"),
    (
        "S22",
        '[{{"Error":"Magic Error - Action: {action} - As a Security precaution, you have been logged out."}}]',
    ),
    ("S23", "GetUserAuthentication for user {user}: password has expired, please contact your administrator"),
    ("S24", "{action} returned an empty dataset for patient id {mrn}, status Critical"),
    ("S25", "Unity server {host} reports ProductVersion {version}, time zone offset {n} minutes"),
    ("S26", "TypeError: expected array of rows from {action}, got object at index {n}"),
    (
        "S27",
        '{{"fault":{{"faultstring":"Access Token expired","errorcode":"keymanagement.service.access_token_expired"}}}}',
    ),
    ("S28", "MSA|AE|{n}|Application record locked, message {n} for {family}^{given}, retry in {n} s"),
    ("S29", "MSA|AR|{n}|Required field missing: PID-3 of patient {name} DOB {dob}"),
    ("S30", "MSA|AE|{n}|Unknown key identifier: visit {mrn} not found"),
    ("S31", "MSA|AE|{n}|Duplicate key identifier: message control id {n} already processed"),
    ("S32", "no acknowledgment received from {host}:{port} in {n} ms for message {n}"),
    ("S33", "java.net.SocketException: Connection reset by peer: {host}:{port} after {n} s idle"),
    ("S34", "ACK control id {n} does not match sent control id {n}, closing connection to {host}"),
    ("S35", "listener on port {port} has not received any message since {time}"),
    ("S36", "message {n} redelivered {number} times, moved to quarantine queue {word}"),
    ("S37", "expected file {path} did not arrive by {time}"),
    ("S38", "file {path} truncated: trailer count {n}, found {n} records"),
    ("S39", "file {path} is identical to the file of {dob}, hash {hex}, load skipped"),
    ("S40", "unexpected header in {path}: column {word} was removed"),
    ("S41", "Exhausted available authentication methods for {user}@{host}"),
    ("S42", "Host key verification failed for {host}: fingerprint SHA256:{hex} does not match {hex}"),
    ("S43", "ssh: connect to host {host} port {port}: Connection refused"),
    ("S43b", "ssh: connect to host {host} port {port}: Connection timed out"),
    ("S52", "TA1 interchange {n} rejected: invalid control number"),
    ("S53", "999 functional group {n} rejected: segment NM1 of claim {mrn} has a syntax error"),
    ("S54", "271 AAA 42 unable to respond at current time, subscriber {name}, member id {mrn}"),
    ("S55", "271 AAA 75 subscriber/insured not found: {family}, {given} DOB {dob} member {mrn}"),
    ("S56", "certificate verify failed: certificate has expired: {host}, notAfter {time}"),
    ("S57", "certificate verify failed: unable to get local issuer certificate for {host} ({path}:{n})"),
    ("S58", "getaddrinfo ENOTFOUND {host}: Name or service not known"),
    ("S59", "httpx.PoolTimeout: no connection available in pool for {url} after {n} s"),
    ("S60", "consumer {word} is deadlocked: queue depth {n}, no message processed since {time}"),
    ("S61", "backlog of {word} grows: oldest message waiting for {n} s, limit {number} s"),
    ("S63", "httpx.ReadTimeout: read timed out after {n} ms: {url}"),
    ("S64", "security alert: token of client {uuid} used after revocation from {ip}"),
    ("S72", "failed to refresh token in import {uuid}, skipping resource {resource}/{id}"),
    ("S73", "write accepted but not confirmed: appointment {mrn} of patient {name} not inserted in {n} minutes"),
    ("S74", "exam of patient {given} {family} completed at {time} without final prescription"),
    ("S75", "checksum mismatch on column {word}: expected {hex}, computed {hex}"),
)
TWELVE = ("S01", "S02", "S08", "S22", "S28", "S30", "S32", "S41", "S43", "S55", "S57", "S63")  # of every protocol

GIVEN = ("Jane", "Mark", "Grant", "Siobhan", "José", "Wei", "Oluwaseun", "Mary-Ann", "Art", "Will", "Aoife", "D'Andre")
FAMILY = ("Doe", "Page", "Nguyen", "O'Brien", "Quillfeather", "Park", "Müller", "Field", "Okafor", "van der Berg")
RESOURCES = (
    "Patient",
    "Appointment",
    "Observation",
    "MedicationRequest",
    "Coverage",
    "VisionPrescription",
    "Encounter",
)
ACTIONS = ("GetProviders", "GetPatient", "SaveRX", "GetSchedule", "EchoMagic", "GetServerInfo", "SearchPatients")
WORDS = ("appointments", "outbound", "eligibility", "status", "billing-3", "rx_refill", "nightly", "TEST")
USERS = ("svc-heal", "jdoe", "admin", "svc_epic7", "mpage", "interface")
FORMATTED = ("n", "word", "host", "id", "path", "user", "name", "hex", "url")  # what Python's texts are about
DOMAINS = ("example.org", "clinic.internal", "interconnect.example.com", "gateway.local")


def slots(random_: random.Random, at: datetime) -> dict[str, Callable[[], str]]:
    """What stands in the braces, by name; every call is another value."""
    pick, between = random_.choice, random_.randint

    def digits(length: int) -> str:
        return f"{between(0, 10**length - 1):0{length}}"

    def hexes(length: int) -> str:
        return f"{random_.getrandbits(4 * length):0{length}x}"

    def host() -> str:
        forms = (f"db-{between(1, 99)}.{pick(DOMAINS)}", f"ehr.{pick(DOMAINS)}", ip(), f"fhir{between(1, 9)}")
        return pick(forms)

    def ip() -> str:
        return ".".join(str(between(1, 254)) for _ in range(4))

    def resource_id() -> str:
        return pick((f"e{hexes(12)}", digits(9), f"{hexes(8)}-{hexes(4)}-{hexes(4)}"))

    def name() -> str:
        return pick(("{} {}", "{1}, {0}", "{1}^{0}")).format(pick(GIVEN), pick(FAMILY))

    forms = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%d/%b/%Y:%H:%M:%S", "%H:%M:%S.%f")
    return {
        "n": lambda: str(between(2, 900_000)),
        "number": lambda: pick((str(between(2, 99)), f"{between(1, 99)}.{between(0, 9)}", f"{between(1, 99)},000")),
        "uuid": lambda: "-".join(map(hexes, (8, 4, 4, 4, 12))),
        "hex": lambda: hexes(pick((16, 32, 40))),
        "host": host,
        "ip": ip,
        "port": lambda: str(pick((22, 443, 2575, 6661))),
        "url": lambda: f"https://{host()}/api/FHIR/R4/{pick(RESOURCES)}/{resource_id()}?identifier={digits(7)}",
        "path": lambda: f"/data/in/{pick(WORDS)}_{between(20260101, 20261231)}.csv",
        "time": lambda: (at + timedelta(seconds=between(0, 86_400))).strftime(pick(forms)),
        "dob": lambda: pick(("{0}-{1:02}-{2:02}", "{1:02}/{2:02}/{0}")).format(
            between(1930, 2020), between(1, 12), between(1, 28)
        ),
        "id": resource_id,
        "mrn": lambda: pick((digits(8), f"MRN-{digits(7)}", f"E{digits(6)}")),
        "name": name,
        "given": lambda: pick(GIVEN),
        "family": lambda: pick(FAMILY),
        "surname": lambda: pick(FAMILY),
        "user": lambda: pick(USERS),
        "resource": lambda: pick(RESOURCES),
        "action": lambda: pick(ACTIONS),
        "word": lambda: pick(WORDS),
        "version": lambda: f"{between(1, 20)}.{between(0, 9)}.{between(0, 99)}",
    }


class Slots(dict[str, object]):
    """Gives every brace a value of its own."""

    def __init__(self, known: dict[str, Callable[[], str]]) -> None:
        self.known = known

    def __missing__(self, name: str) -> str:
        return self.known[name]()


def mixed(lines: int, seed: int, kinds: tuple[Kind, ...] | None = None) -> list[tuple[Kind, str]]:
    """So many lines of these kinds (None: of all), frequent and seldom ones as in life, shuffled by the seed."""
    random_ = random.Random(seed)  # noqa: S311 - reproducible, and no secret
    chosen = [one for one in TEXTS if kinds is None or one[0] in kinds]
    random_.shuffle(chosen)
    weights = [1 / (place + 1) for place in range(len(chosen))]  # Zipf: one error makes most of the lines
    known = slots(random_, START)
    return [(kind, text.format_map(Slots(known))) for kind, text in random_.choices(chosen, weights, k=lines)]


def of_python(lines: int, seed: int) -> list[tuple[Kind, str]]:
    """Messages that Python's own library raises, of which no word list was made; what is formatted in varies.

    What kind of value stands in a place is drawn once a text: a host stays a host.
    """
    random_ = random.Random(seed)  # noqa: S311 - reproducible, and no secret
    texts = sorted(set(raised()))
    filled = {text: text.replace("{", "{{").replace("}", "}}") for text in texts}
    for text in texts:
        while "\0" in filled[text]:
            filled[text] = filled[text].replace("\0", f"{{{random_.choice(FORMATTED)}}}", 1)
    known = slots(random_, START)
    return [(text, filled[text].format_map(Slots(known))) for text in random_.choices(texts, k=lines)]


def raised() -> Iterator[str]:
    """Texts of `raise X(f"… {value} …")` in the standard library, each value a NUL."""
    folder = Path(random.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        if {"test", "tests", "idlelib", "site-packages", "lib2to3"} & set(path.relative_to(folder).parts):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                text = text_of(node.exc.args[0])
                if text is not None and len(text.replace("\0", "").split()) > 2 and "\0" in text:
                    yield f"{ast.unparse(node.exc.func)}: {text}"


def text_of(node: ast.expr) -> str | None:
    """The text of an f-string."""
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
