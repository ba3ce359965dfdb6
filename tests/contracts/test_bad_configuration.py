"""Every mistake a person can make in the two files, and the exact sentence that it deserves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import catalogue
from models.errors import Misconfigured, Mistake
from models.integration import Integration
from tasks.configure import load

INTEGRATIONS = """\
integrations:
  - id: epic-fhir-main
    name: Epic FHIR API
    kind: epic_fhir
    timezone: America/New_York
    probe_every: 60s
    settings:
      base_url: https://fhir.example.org/api/FHIR/R4
      client_id: our-app
      key_id: key-1
      private_key: env:HEAL_TEST_KEY
    reads:
      - operation: Patient.search
        component: Patient API
    routes:
      - name: second
        base_url: https://two.example.org/R4
"""
POLICY = """\
version: "1"
owner: Integration Team
review_by: 2099-12-31
min_confidence: 80%
remedies:
  retry_failed:
    mode: auto
    lasts: 1h
channels:
  - route: console
"""
SECOND = INTEGRATIONS.split("\n", 1)[1]
DURATION = "write a duration as a number with s, m, h or d, e.g. 90s or 5m"
LIST = "must be a list, each entry with `- ` on a line of its own"
BLOCK = "must be a block of keys, indented below it"
PLAIN = "write env:NAME or file:/PATH there, and change the secret, because it may have been read"
TEXT = "write text; put it in quotes if it looks like a number, a date or yes/no"
COPY = "start from the example: `cp deployments/integrations.yaml integrations.yaml`"
COMPARE = "compare it with the example"
DEFAULTS = "leave the key out for the defaults"
TOO_FEW = "has too few entries; write 1 or more"
UNFOLDS = "its aliases (`*name`) unfold into too much; write the values out"
NO_VALUE = "this value looks like a date, number or tag and is none; put it in quotes"
NAME = "a variable's name in capitals, digits and underscores, e.g. env:UNITY_PASSWORD"
CANARY = "hunter2-CANARY-9f31"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEAL_TEST_KEY", "a key")


def mistakes(directory: Path, integrations: str | bytes, policy: str | bytes = POLICY) -> list[str]:
    """What `load` says of two texts, with the directory left out."""
    for name, text in (("integrations.yaml", integrations), ("policy.yaml", policy)):
        (directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load(directory)
    except Misconfigured as error:
        return [str(mistake).replace(f"{directory}/", "") for mistake in error.mistakes]
    return []


def test_the_good_files_have_no_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, INTEGRATIONS) == []


def kinds(room: str) -> str:
    return ", ".join(catalogue.names(room))


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param(
            "probe_every:", "probe_evry:", 6, "no such key `probe_evry`; did you mean `probe_every`?", id="misspelt"
        ),
        pytest.param(
            "    probe_every: 60s",
            "    sla:\n      colour: red",
            7,
            "no such key `colour`; there are: availability, error_rate, latency_p95",
            id="unknown key, nothing near",
        ),
        pytest.param(
            "probe_every: 60s",
            "7x9-Q: 1",
            6,
            f"there is no such key; there are: {', '.join(Integration.model_fields)}",
            id="a key that is no word is not repeated",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    actuators:\n      restrat: {kind: command}",
            7,
            "no such key `restrat`; did you mean `restart`?",
            id="misspelt role",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    actuators:\n      restart: {kind: comand, settings: {}}",
            7,
            "there is no such kind of actuator; did you mean `command`?",
            id="misspelt kind of actuator",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    actuators:\n      restart:\n        kind: command\n        settings: {runs: [/bin/true]}",
            9,
            "no such key `runs`; did you mean `run`?",
            id="misspelt key of an actuator",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    actuators:\n      restart:\n        kind: command",
            7,
            "`settings` is missing; add it (docs/configuration.md says what it means)",
            id="an actuator without settings",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    actuators:\n      restart:\n        kind: command\n        settings: {run: [systemctl, restart, x]}",
            9,
            "`run`: write the program by its whole path, then each argument as an entry of its own",
            id="a program without its path",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    actuators:\n      restart:\n        kind: command\n        settings: {run: [/no/such/program]}",
            9,
            "`run`: there is no program /no/such/program that can be reached",
            id="a program that is not there",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    actuators:\n      restart:\n        kind: http_call\n        settings: {url: 'http://engine.example.org/'}",
            9,
            "`url`: plain http would send credentials in the clear; use https (http is for localhost)",
            id="an actuator in the clear",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    networks: [0.0.0.0/0]",
            6,
            "this entry: must lie in a private range (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, "
            "fc00::/7); public addresses need no entry",
            id="a network that is everything",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    networks: [10.1.2.3/16]",
            6,
            "this entry: write a range of addresses such as 10.20.0.0/16",
            id="a network that is an address",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    resolvers: [dns.example.org]",
            6,
            "this entry: write a name server by its address, such as 10.0.0.53 or 127.0.0.1:5353",
            id="a name server by its name",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    controls:\n      hosts: [www.example.org]",
            7,
            "this entry: write a host with its port, such as www.example.org:443",
            id="a control host without its port",
        ),
        pytest.param(
            "integrations:\n",
            "controls: {vantage: 'http://user:secret@proxy.example.org:3128'}\nintegrations:\n",
            1,
            "`vantage`: write a host with its port, such as www.example.org:443",
            id="a proxy with its password is not repeated",
        ),
        pytest.param(
            "integrations:\n",
            "controls:\n  limit: 31s\nintegrations:\n",
            2,
            "`limit`: must be at most 30s",
            id="controls that would hold up a diagnosis",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    credentials:\n      - {kind: password, changed: 2026-11-01}",
            7,
            "this entry: write either `ends`, or both `changed` and `max_age`",
            id="a password that was changed, and ends nobody knows when",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    limits:\n      - {metric: latency, above: 2000, below: 10}",
            7,
            "this entry: write either `above` or `below`; for both, two entries",
            id="a limit from both sides",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    limits:\n      - {metric: latency, lasts: 5m}",
            7,
            "this entry: write either `above` or `below`; for both, two entries",
            id="a limit without a value",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    limits:\n      - {metric: error_rate, above: 5%, clear: 6%}",
            7,
            "this entry: `clear` must lie within the limit: not over `above`, not under `below`",
            id="a limit that is cleared beyond itself",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    credentials:\n      - {kind: passport, ends: 2026-11-01}",
            7,
            "`kind`: use `access_token`, `refresh_token`, `client_secret`, `tls_certificate`, `client_certificate`, "
            "`jwks_key`, `private_key`, `ssh_host_key`, `ssh_user_key` or `password`",
            id="a credential of no kind",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    credentials:\n      - {kind: password, changed: 2026-11-01, max_age: 9999d}",
            7,
            "`max_age`: must be at most 3650d",
            id="a password for life",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    credentials:\n      - {kind: password, ends: 2026-12-01}\n      - {kind: password, ends: 2027-12-01}",
            8,
            "`kind` and `name` are the same as on line 7; give each a `name` of its own",
            id="two passwords of one name",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    hours:\n      monday: 18:00-08:00",
            7,
            "`monday`: write hours like 08:00-18:00 (24:00 is midnight), or closed; a night is two days' hours",
            id="hours that end before they begin",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    hours:\n      monday: 18:00",
            7,
            "`monday`: write hours like 08:00-18:00 (24:00 is midnight), or closed; a night is two days' hours",
            id="hours that YAML takes for a number",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    feeds:\n      - {name: a, resource: A, operations: [A.get]}\n"
            "      - {name: a, resource: B, operations: [B.get]}",
            8,
            "`name` is the same as on line 7; each must be its own",
            id="two feeds of one name",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    feeds:\n      - {name: a, resource: A, operations: []}",
            7,
            "`operations`: has too few entries; write 1 or more",
            id="a feed that consists of nothing",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    bridges:\n      - {name: desk, every: 2h}",
            7,
            "`every`: must be at most 30m",
            id="a bridge that beats too slowly for an hour to tell",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    canary: {every: 1m, consent: Dr. Muster}",
            6,
            "`every`: must be at least 5m",
            id="canaries too often",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    canary: {every: 15m}",
            6,
            "`consent` is missing: it is production; write who agreed, and when, e.g. Dr. Muster, 2026-11-20",
            id="writing into production without consent",
        ),
        pytest.param("60s", "5 minutes", 6, f"`probe_every`: {DURATION}", id="5 minutes"),
        pytest.param(
            "    probe_every: 60s",
            "    sla:\n      availability: 100%",
            7,
            "`availability`: write a share above 0% and below 100%, e.g. 99.9%: some budget must be left to spend",
            id="an SLA that allows nothing",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    objectives:\n      - name: quick\n        kind: latency\n        target: 95%",
            7,
            "`threshold`: `kind: latency` needs one, e.g. 2s; no other kind takes one",
            id="a latency objective without a limit",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    objectives:\n      - name: up\n        target: 99%\n        period: 90d",
            9,
            "`period`: must be at most 30d",
            id="a period longer than hours are kept",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    objectives:\n      - name: up\n        target: 99%\n      - name: up\n        target: 98%",
            9,
            "`name` is the same as on line 7; each must be its own",
            id="two objectives of one name",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    maintenance:\n      - reason: upgrade\n        agreed_by: Epic\n        every: week",
            7,
            "this entry: write `since` and `until` for once, or `every`, `day`, `start` and `lasts` for what repeats",
            id="half a rule",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    maintenance:\n      - reason: upgrade\n        agreed_by: Epic\n        every: week\n"
            "        day: sunday\n        start: 12:30\n        lasts: 3h",
            11,
            '`start`: write a time of day with hours and minutes in quotes, e.g. "02:30"',
            id="a time that YAML reads as a number",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    maintenance:\n      - reason: upgrade\n        agreed_by: Epic\n        every: week\n"
            '        day: third sunday\n        start: "02:30"\n        lasts: 3h',
            10,
            "`day`: write a weekday for every week; third sunday, last sunday or 1 to 28 for every month",
            id="a third sunday of the week",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    maintenance:\n      - reason: move\n        agreed_by: Epic\n"
            "        since: 2026-12-01T20:00:00-05:00\n        until: 2026-12-24T20:00:00-05:00",
            10,
            "`until`: must be after `since`, and at most 7d after it",
            id="a maintenance of three weeks",
        ),
        pytest.param("60s", "0s", 6, "`probe_every` must be at least 1s", id="no time between rounds"),
        pytest.param(
            "America/New_York",
            "Eastern",
            5,
            "`timezone`: no such time zone; use an IANA name such as America/New_York",
            id="a time zone by nickname",
        ),
        pytest.param(
            "kind: epic_fhir",
            "kind: epic_fihr",
            4,
            "there is no such kind of system; did you mean `epic_fhir`?",
            id="misspelt kind",
        ),
        pytest.param(
            "kind: epic_fhir",
            "kind: telegraph",
            4,
            f"there is no such kind of system; there are: {kinds('tasks.connectors')}",
            id="unknown kind",
        ),
        pytest.param(
            "kind: epic_fhir",
            "kind: Epic FHIR",
            4,
            "`kind`: use lower-case letters, digits and underscores, e.g. epic_fhir",
            id="kind in prose",
        ),
        pytest.param(
            "id: epic-fhir-main",
            "id: Epic_Main",
            2,
            "`id`: use lower-case letters, digits and hyphens, e.g. epic-fhir-main",
            id="id with capitals",
        ),
        pytest.param(
            "    name: Epic FHIR API\n",
            "",
            2,
            "`name` is missing; add it (docs/configuration.md says what it means)",
            id="name is missing",
        ),
        pytest.param("name: Epic FHIR API", "name: 2026", 3, f"`name`: {TEXT}", id="a name that is a number"),
        pytest.param(
            "name: Epic FHIR API", "name: ''", 3, "`name`: is too short; write 1 or more characters", id="empty name"
        ),
        pytest.param(
            "probe_every: 60s", "concurrency: 20", 6, "`concurrency`: must be at most 8", id="too many calls at once"
        ),
        pytest.param(
            "probe_every: 60s", "concurrency: many", 6, "`concurrency`: write a whole number", id="a number in words"
        ),
        pytest.param(
            "probe_every: 60s",
            "environment: prod",
            6,
            "`environment`: use `production` or `test`",
            id="no such environment",
        ),
        pytest.param(
            "probe_every: 60s",
            "sla: {error_rate: 5}",
            6,
            "`error_rate`: must be at most 1; write a share as a percentage, e.g. 5%",
            id="5 instead of 5%",
        ),
        pytest.param(
            "probe_every: 60s",
            "sla: {error_rate: five%}",
            6,
            "`error_rate`: write a share as a percentage, e.g. 5%",
            id="a share in words",
        ),
        pytest.param(
            "probe_every: 60s",
            "sla: 99%",
            6,
            f"`sla`: {BLOCK}; leave the key out for the defaults",
            id="a block as a value",
        ),
        pytest.param(
            "https://fhir.example.org/api",
            "fhir.example.org/api",
            8,
            "`base_url`: write a full URL that begins with https:// and names a host",
            id="settings: URL without scheme",
        ),
        pytest.param(
            "key_id: key-1",
            "key-id: key-1",
            7,
            "`key_id` is missing; add it (docs/configuration.md says what it means)",
            id="settings: a key is missing",
        ),
        pytest.param(
            "client_id:", "clientid:", 9, "no such key `clientid`; did you mean `client_id`?", id="settings: misspelt"
        ),
        pytest.param(
            "env:HEAL_TEST_KEY", CANARY, 11, f"`private_key` holds a secret in plain; {PLAIN}", id="a secret in plain"
        ),
        pytest.param(
            "private_key: env:HEAL_TEST_KEY",
            f"private_key: env:HEAL_TEST_KEY\n      password: {CANARY}",
            12,
            f"`password` holds a secret in plain; {PLAIN}",
            id="a secret in plain at a key we do not know",
        ),
        pytest.param(
            "our-app",
            '"-----BEGIN PRIVATE KEY-----"',
            9,
            f"`client_id` holds a secret in plain; {PLAIN}",
            id="a private key at the wrong place",
        ),
        pytest.param(
            "HEAL_TEST_KEY",
            "HEAL_NOT_SET",
            11,
            "`private_key`: the environment variable HEAL_NOT_SET is not set; set it where heal is started "
            "(export HEAL_NOT_SET=…)",
            id="a variable that is not set",
        ),
        pytest.param(
            "HEAL_TEST_KEY",
            "hunter2",
            11,
            f"`private_key`: after env: comes {NAME}",
            id="a secret behind env:",
        ),
        pytest.param(
            "env:HEAL_TEST_KEY",
            "file:/nowhere/key.pem",
            11,
            "`private_key`: there is no file /nowhere/key.pem that can be reached; put the secret there and "
            "`chmod 600 /nowhere/key.pem`",
            id="a file that is not there",
        ),
        pytest.param(
            "env:HEAL_TEST_KEY",
            "file:key.pem",
            11,
            "`private_key`: there is no file key.pem that can be reached; put the secret there and `chmod 600 key.pem`",
            id="a relative path starts from the configuration",
        ),
        pytest.param(
            "    reads:\n",
            "    reads: []\n    more:\n",
            12,
            "`reads`: has too few entries; write 1 or more",
            id="nothing to read",
        ),
        pytest.param(
            "operation: Patient.search",
            "operation: Patient/123",
            13,
            "`operation`: write the operation's name without identifiers, e.g. Patient.search",
            id="a record in an operation",
        ),
        pytest.param(
            "        component: Patient API\n",
            "        component: Patient API\n      - operation: Patient.search\n        component: Again\n",
            15,
            "`operation` is the same as on line 13; each must be its own",
            id="a read twice",
        ),
        pytest.param(
            "https://two.example.org/R4",
            "http://two.example.org/R4",
            17,
            "`base_url`: plain http would send credentials in the clear; use https (http is for localhost)",
            id="a route over plain http",
        ),
        pytest.param(
            "https://two.example.org",
            f"https://user:{CANARY}@two.example.org",
            17,
            "`base_url`: leave user, password, query and fragment out of the URL; secrets go by reference",
            id="a password in a route",
        ),
        pytest.param(
            "name: second",
            "name: main",
            16,
            "`main` is the way in the settings; choose another name",
            id="a route named main",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    probe_every: 60s\n    name: Again",
            7,
            "`name` is written twice, first on line 3; keep one of them",
            id="a key twice",
        ),
        pytest.param(
            "    probe_every: 60s", "\tprobe_every: 60s", 6, "this line is indented with a tab; use spaces", id="a tab"
        ),
        pytest.param(
            "    probe_every: 60s",
            "   probe_every: 60s",
            6,
            "this line does not line up with the list above; start it under the `-`",
            id="crooked indentation",
        ),
        pytest.param(
            "Epic FHIR API",
            "Epic: FHIR API",
            3,
            "a `:` stands where none may; check the indentation, or quote the value",
            id="a colon in a value",
        ),
        pytest.param(
            "Epic FHIR API",
            '"Epic FHIR API',
            3,
            "a quotation mark is opened here and never closed; close it",
            id="open quote",
        ),
        pytest.param(
            "Epic FHIR API",
            "@Epic",
            3,
            "a value may not begin with this character; put the value in quotes",
            id="an @ in front",
        ),
        pytest.param(
            "Epic FHIR API",
            "*epic",
            3,
            "this `*name` refers to no `&name` above; quote the value if it begins with `*`",
            id="a * in front",
        ),
        pytest.param(
            "Epic FHIR API",
            "!epic x",
            3,
            NO_VALUE,
            id="a ! in front",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    probe_every: 60s\n    <<: {}",
            7,
            "`<<` is not read; write the keys out",
            id="a merge key",
        ),
        pytest.param(
            "    probe_every: 60s",
            "    yes: 60s",
            6,
            "a key must be a word; put it in quotes if it looks like a number or yes/no",
            id="yes is no key",
        ),
        pytest.param(
            "Epic FHIR API", "Epic\x00API", 3, "there is a control character; delete it", id="a control character"
        ),
        pytest.param(
            "Epic FHIR API",
            "[Epic",
            4,
            "a `[` is not closed, or a comma is missing; close it with `]`",
            id="an open bracket",
        ),
    ],
)
def test_each_mistake_in_integrations_has_its_line_and_its_sentence(tmp_path, old, new, line, says) -> None:
    assert old in INTEGRATIONS
    assert f"integrations.yaml:{line}: {says}" in mistakes(tmp_path, INTEGRATIONS.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param(
            "retry_failed",
            "retry_faild",
            6,
            "no such remedy `retry_faild`; did you mean `retry_failed`?",
            id="misspelt remedy",
        ),
        pytest.param(
            "retry_failed",
            "pray",
            6,
            f"no such remedy `pray`; there are: {kinds('tasks.remedies')}",
            id="unknown remedy",
        ),
        pytest.param(
            "mode: auto", "mode: always", 7, "`mode`: use `auto`, `approve`, `dry_run` or `never`", id="unknown mode"
        ),
        pytest.param(
            "    lasts: 1h\n",
            "",
            7,
            "with `mode: auto`, say when it is taken back, e.g. `lasts: 1h`",
            id="auto without an end",
        ),
        pytest.param(
            "1h",
            "2d",
            8,
            "`lasts` must be more than 0s and at most 4h with `mode: auto`",
            id="a temporary change for days",
        ),
        pytest.param("1h", "1 hour", 8, f"`lasts`: {DURATION}", id="1 hour"),
        pytest.param(
            "    mode: auto", "    mod: auto", 7, "no such key `mod`; did you mean `mode`?", id="misspelt mode"
        ),
        pytest.param(
            "    lasts: 1h",
            "    lasts: 1h\n    limits: {per_week: 3}",
            9,
            "no such key `per_week`; there are: attempts_per_incident, per_hour, per_day, all_per_10_minutes, cooldown",
            id="unknown limit",
        ),
        pytest.param(
            "    lasts: 1h",
            "    lasts: 1h\n    limits: {per_hour: 0}",
            9,
            "`per_hour`: must be more than 0",
            id="a limit of nothing",
        ),
        pytest.param(
            "route: console",
            "route: consol",
            10,
            "there is no such route; did you mean `console`?",
            id="misspelt route",
        ),
        pytest.param(
            "route: console",
            "route: pigeon",
            10,
            f"there is no such route; there are: {kinds('tasks.notifiers')}",
            id="unknown route",
        ),
        pytest.param(
            "route: console",
            "route: webhook",
            10,
            "this route needs `settings:` with url, secret",
            id="a route without its settings",
        ),
        pytest.param(
            "  - route: console",
            "  - route: console\n  - route: console",
            11,
            "this route stands here already; only the first would be used",
            id="a route twice",
        ),
        pytest.param(
            "  - route: console",
            "  - route: slack\n    settings: {url: https://hooks.example.org/services/T0/B0/canary}",
            11,
            "`url`: a secret is written by reference: env:NAME or file:PATH, never as itself",
            id="a URL that lets anybody post, as itself",
        ),
        pytest.param(
            "  - route: console",
            "  - route: email\n    settings: {host: m.example, security: none, sender: a@b.c, recipients: [a@b.c]}",
            11,
            "this entry: without TLS anybody on the way could read it; use starttls or tls (none is for localhost)",
            id="mail in the clear",
        ),
        pytest.param(
            "  - route: console",
            f"  - route: webhook\n    settings: {{url: https://a.example.org, secret: {CANARY}}}",
            11,
            f"`secret` holds a secret in plain; {PLAIN}",
            id="a webhook's secret in plain",
        ),
        pytest.param(
            "  - route: console",
            "  - route: console\n    settings: {colour: red}",
            11,
            "no such key `colour`; there are none",
            id="a setting where there are none",
        ),
        pytest.param(
            "channels:\n  - route: console",
            "channels: []",
            9,
            "nobody would be told of anything; keep one, e.g. `- route: console`",
            id="nobody is told",
        ),
        pytest.param("2099-12-31", "next year", 3, "`review_by`: write a date like 2026-12-31", id="a date in words"),
        pytest.param(
            "2099-12-31",
            "2099-13-31",
            3,
            NO_VALUE,
            id="a 13th month",
        ),
        pytest.param('"1"', "1", 1, f"`version`: {TEXT}", id="a version that is a number"),
        pytest.param(
            "min_confidence: 80%",
            "min_confidence: 80%\npropose_confidence: 90%",
            5,
            "`propose_confidence` must not be above `min_confidence`: acting alone needs the surer diagnosis",
            id="asking needs more than acting",
        ),
        pytest.param(
            "owner: Integration Team",
            "owner: *us",
            2,
            "this `*name` refers to no `&name` above; quote the value if it begins with `*`",
            id="unknown alias",
        ),
        pytest.param(
            "channels:\n", "channels: console\nescalation:\n", 9, f"`channels`: {LIST}", id="a value as a list"
        ),
        pytest.param(
            "channels:",
            "heartbeat:\n  url: https://hc-ping.example.org/0b1c\nchannels:",
            10,
            "`url`: a secret is written by reference: env:NAME or file:PATH, never as itself",
            id="a heartbeat that anybody could send",
        ),
    ],
)
def test_each_mistake_in_the_policy_has_its_line_and_its_sentence(tmp_path, old, new, line, says) -> None:
    assert old in POLICY
    assert f"policy.yaml:{line}: {says}" in mistakes(tmp_path, INTEGRATIONS, POLICY.replace(old, new, 1))


REACHABLE = (
    POLICY
    + """\
groups:
  Integration Team: [console]
  Vendor Support: [console]
  Network Operations: [console]
  Security: [console]
"""
)
NOBODY = "nobody can reach its vendor contact `Epic Desk`: name it under `groups:` of policy.yaml"
UNWRITTEN = "nobody can reach its security contact `Security`: name it under `groups:` of policy.yaml"

CHAINED = REACHABLE + "chains:\n  Integration Team: { then: Security }\n"
NO_STEP = "this step reaches nobody; write a group that has a channel under `groups:`"
BACK = "the chain leads back to where it began"
ROUND = f"{BACK}: `Integration Team` → `Security` → `Integration Team`; end it with a group"
ITSELF = f"{BACK}: `Network Operations` → `Network Operations`; end it with a group"


@pytest.mark.parametrize(
    ("watched", "permitted", "told"),
    [
        pytest.param("", REACHABLE, [], id="everybody can be reached"),
        pytest.param("    contacts:\n      vendor: Epic Desk\n", POLICY, [], id="no group has channels of its own"),
        pytest.param(
            "    contacts:\n      vendor: Epic Desk\n",
            REACHABLE,
            [f"integrations.yaml:19: {NOBODY}"],
            id="a contact that nobody can reach",
        ),
        pytest.param(
            "",
            REACHABLE.replace("  Security: [console]\n", ""),
            [f"integrations.yaml:2: {UNWRITTEN}, or another one under `contacts:` here"],
            id="a contact by default that nobody can reach",
        ),
        pytest.param("", CHAINED, [], id="a chain to somebody who can be reached"),
        pytest.param(
            "",
            CHAINED.replace("then: Security", "then: Head of IT"),
            [f"policy.yaml:17: {NO_STEP}"],
            id="a step that reaches nobody",
        ),
        pytest.param(
            "",
            CHAINED.replace("Security: [console]", "Security: []"),
            [
                "policy.yaml:15: `Security` could not be reached; name one of `channels`",
                f"policy.yaml:17: {NO_STEP}",
            ],
            id="a group without a channel",
        ),
        pytest.param(
            "",
            CHAINED + "  Security: { then: Integration Team }\n  Network Operations: { then: Network Operations }\n",
            [f"policy.yaml:17: {ROUND}", f"policy.yaml:19: {ITSELF}"],
            id="chains that lead back",
        ),
        pytest.param(
            "",
            CHAINED.replace("then: Security", "then: Security, after: 0s"),
            ["policy.yaml:17: `after`: must be at least 1s"],
            id="a step without time to answer",
        ),
        pytest.param(
            "",
            REACHABLE.replace("- route: console", "- route: console\n    fallback: console"),
            ["policy.yaml:11: `console` cannot stand in for itself; name another of `channels`"],
            id="a channel that stands in for itself",
        ),
        pytest.param(
            "",
            REACHABLE + "acknowledge:\n  url: http://heal.example.org\n  secret: env:HEAL_TEST_KEY\n",
            [
                "policy.yaml:17: write the https address of `heal serve` as people reach it, e.g. https://heal.example.org"
            ],
            id="links in the clear",
        ),
        pytest.param(
            "",
            REACHABLE.replace("Security: [console]", "Security: [pager]"),
            ["policy.yaml:15: there is no such channel of this policy; there are: console"],
            id="a group behind a channel that there is not",
        ),
        pytest.param(
            "",
            REACHABLE.replace("Security: [console]", "Security: []"),
            ["policy.yaml:15: `Security` could not be reached; name one of `channels`"],
            id="a group behind no channel",
        ),
        pytest.param(
            "    healing: auto\n",
            POLICY + "highest:\n  production: approve\n",
            [
                (
                    "integrations.yaml:18: `healing: auto` is above the policy: `highest` allows approve in "
                    "production; ask for no more, or leave it out"
                )
            ],
            id="more healing than policy allows",
        ),
        pytest.param("    healing: never\n", POLICY + "highest:\n  production: approve\n", [], id="less is fine"),
        pytest.param("", POLICY + "highest:\n  production: approve\n", [], id="left out, it is what policy allows"),
    ],
)
def test_what_the_two_files_say_of_each_other_is_checked(tmp_path, watched, permitted, told):
    assert mistakes(tmp_path, INTEGRATIONS + watched, permitted) == told


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param("", 0, f"there is nothing in it; {COPY}", id="empty"),
        pytest.param("# later\n", 0, f"there is nothing in it; {COPY}", id="comments only"),
        pytest.param("- one\n", 1, f"the file must consist of keys, `key: value`; {COMPARE}", id="a list"),
        pytest.param("hello\n", 1, f"the file must consist of keys, `key: value`; {COMPARE}", id="a word"),
        pytest.param("integrations:\n", 1, f"`integrations`: {LIST}", id="nothing below the key"),
        pytest.param("integrations: []\n", 1, f"`integrations`: {TOO_FEW}", id="nothing watched"),
        pytest.param("integrations: [x]\n", 1, f"this entry: {BLOCK}; {DEFAULTS}", id="an entry that is a word"),
        pytest.param(
            INTEGRATIONS + SECOND, 18, "`id` is the same as on line 2; each must be its own", id="the same id twice"
        ),
        pytest.param(
            f"{INTEGRATIONS}---\na: 1\n",
            18,
            "a second document begins here; keep one, without `---` between",
            id="two documents",
        ),
        pytest.param(
            b"a: 1\nb: \xff\n", 2, "this line is not UTF-8; save the file with encoding UTF-8", id="not UTF-8"
        ),
        pytest.param("a: " + "[" * 40 + "]" * 40, 1, f"nested deeper than 16 levels; {COMPARE}", id="too deep"),
        pytest.param(
            "a: &a 1\nb: [" + "*a, " * 60 + "]",
            2,
            "more than 50 aliases (`*name`); write the values out",
            id="too many aliases",
        ),
        pytest.param("a: &a [*a]\n", 1, UNFOLDS, id="an alias of itself"),
        pytest.param(
            "x: 1\n" * 300_000,
            0,
            "it is larger than 1 MiB; a configuration is not; is this the right file?",
            id="too large",
        ),
        pytest.param("a: " + "9" * 5000, 1, NO_VALUE, id="5,000 digits"),
        pytest.param(
            "a: 0x" + "f" * 5000,
            1,
            "this number is too large, or is none; put it in quotes if it is text",
            id="a huge number",
        ),
    ],
)
def test_a_file_that_is_no_configuration_says_what_to_do(tmp_path, text, line, says) -> None:
    place = f"integrations.yaml:{line}: " if line else "integrations.yaml: "
    assert f"{place}{says}" in mistakes(tmp_path, text)


def test_a_small_file_cannot_unfold_into_a_large_one(tmp_path: Path) -> None:
    levels = ["a0: &a0 [" + "1, " * 2000 + "]"]
    levels += [f"a{n}: &a{n} [" + f"*a{n - 1}, " * 7 + "]" for n in range(1, 7)]
    said = mistakes(tmp_path, "\n".join(levels))
    assert len(said) == 1
    assert said[0].endswith("its aliases (`*name`) unfold into too much; write the values out")


def test_missing_files_are_both_reported_with_the_way_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path / "none")
    first, second = map(str, caught.value.mistakes)
    assert f"`cp deployments/integrations.yaml {tmp_path}/none/integrations.yaml`" in first
    assert f"`cp deployments/policy.yaml {tmp_path}/none/policy.yaml`" in second


def test_nobody_is_told_to_copy_a_file_onto_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured) as caught:
        load(Path("deployments"))
    assert all(one.says.endswith("or let `heal add` write a first one") for one in caught.value.mistakes)


def test_a_folder_in_place_of_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "integrations.yaml").mkdir()
    with pytest.raises(Misconfigured, match="this is not a file"):
        load(tmp_path)


def test_all_mistakes_of_both_files_are_told_at_once_from_top_to_bottom(tmp_path: Path) -> None:
    integrations = (
        INTEGRATIONS.replace("America/New_York", "Eastern")
        .replace("60s", "5 minutes")
        .replace("client_id", "clientid")
        .replace("env:HEAL_TEST_KEY", CANARY)
        .replace("https://two", "http://two")
    )
    policy = POLICY.replace("retry_failed", "retry_faild").replace("route: console", "route: consol")
    said = mistakes(tmp_path, integrations, policy)
    places = [one.split(": ")[0] for one in said]
    assert places == [f"integrations.yaml:{n}" for n in (5, 6, 7, 9, 11, 17)] + [f"policy.yaml:{n}" for n in (6, 10)]
    assert CANARY not in "".join(said)


def test_the_two_integrations_of_a_file_are_both_checked(tmp_path: Path) -> None:
    two = INTEGRATIONS.replace("60s", "soon") + SECOND.replace("epic-fhir-main", "other").replace("60s", "later")
    assert mistakes(tmp_path, two) == [f"integrations.yaml:{n}: `probe_every`: {DURATION}" for n in (6, 22)]


FRAGMENTS = [
    *INTEGRATIONS.splitlines(keepends=True),
    *POLICY.splitlines(keepends=True),
    f"password: {CANARY}\n",
    f"      private_key: {CANARY}\n",
    f"      token: [{CANARY}, 1]\n",
    f"secret: '{CANARY}\n",
    f'secret: "{CANARY}": x\n',
    f"timezone: {CANARY}\n",
    f"    timezone: {CANARY}\n",
    f"    probe_every: {CANARY}s\n",
    f"{CANARY}: {CANARY}\n",
    f"*{CANARY}",
    f"&{CANARY} ",
    f"!{CANARY} ",
    "    timezone: America\n",
    "    probe_every: 99999999999999999999d\n",
    "    probe_every: ²s\n",
    "\t", "{", "}", "[", "]", "- ", "? ", ": ", "|\n", ">-\n", "#", "---\n", "...\n", "<<: ", "=", "~", "%",
    "2026-13-45", "1:99:99", ".inf", ".nan", "-0x", "0b", "!!binary ", "!!set ", "!!python/name:os.system ",
    "\u2028", "\ufeff", "\x07",
]  # fmt: skip
mutations = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(FRAGMENTS) | st.text(max_size=8)), max_size=6)


def mutated(text: str, changes: list[tuple[int, str]]) -> str:
    """A text with fragments put between, or instead of, some of its lines."""
    lines = text.splitlines(keepends=True)
    for at, fragment in changes:
        place = at % (len(lines) + 1)
        lines[place : place + at % 2] = [fragment]
    return "".join(lines)


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp())
    yield place
    shutil.rmtree(place)


@settings(max_examples=300, deadline=None)
@given(mutations, mutations)
def test_any_text_is_either_a_configuration_or_misconfigured_and_no_secret_is_told(room, one, other) -> None:
    texts = mutated(INTEGRATIONS, one), mutated(POLICY, other)
    for name, text in zip(("integrations.yaml", "policy.yaml"), texts, strict=True):
        (room / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    told: tuple[Mistake, ...] = ()
    try:
        answer = repr(load(room).sha256)
    except Misconfigured as error:
        told, answer = error.mistakes, str(error) + repr(error)
    assert CANARY not in answer + repr(told)
    assert all(mistake.says and mistake.line >= 0 for mistake in told)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_bytes_are_misconfigured_and_nothing_else(room, text) -> None:
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    (room / "integrations.yaml").write_bytes(content)
    (room / "policy.yaml").write_bytes(content)
    with pytest.raises(Misconfigured):
        load(room)


API_CANARY = """\
integrations:
  - id: notes-main
    name: Notes
    kind: http_api
    environment: test
    settings:
      base_url: https://api.example.org/v1
      calls:
        Note.list: {path: notes}
      canary_record:
        resource: Note
        create:
          path: notes
          body: {number: "{key}", text: "{words}"}
        look:
          path: "notes?number={key}"
          records: "data[]"
    reads:
      - operation: Note.list
        component: Notes
    canary: {every: 15m}
"""
RECORD = API_CANARY[API_CANARY.index("      canary_record:") : API_CANARY.index("    reads:")]
HL7_CANARY = """\
integrations:
  - id: engine-main
    name: Engine
    kind: hl7_mllp
    environment: test
    settings:
      host: interface.example.org
      port: 2575
      canary_record: {message: ADT.A08}
    reads:
      - operation: Echo
        component: Engine
    canary: {every: 15m}
"""
UNSAID = "`canary`: say under `settings` what may be written, as `canary_record` (docs/configuration.md)"


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "says"),
    [
        pytest.param(API_CANARY, "", "", None, None, id="an API as it is"),
        pytest.param(HL7_CANARY, "", "", None, None, id="an engine as it is"),
        pytest.param(API_CANARY, RECORD, "", 13, UNSAID, id="nobody said what is harmless in an API"),
        pytest.param(
            HL7_CANARY, "      canary_record: {message: ADT.A08}\n", "", 12, UNSAID, id="nor what in an engine"
        ),
        pytest.param(
            API_CANARY,
            'text: "{words}"',
            "text: hello",
            12,
            "`create`: write {words} into a field that people read there, so that it says what it is",
            id="a record that says not what it is",
        ),
        pytest.param(
            HL7_CANARY,
            "ADT.A08",
            "Echo",
            9,
            "`message` names none that writes; choose ADT.A08, SIU.S12, ORM.O01, or one of `messages` that does",
            id="a message that writes nothing",
        ),
        pytest.param(
            HL7_CANARY,
            "environment: test",
            "environment: production",
            13,
            "`consent` is missing: it is production; write who agreed, and when, e.g. Dr. Muster, 2026-11-20",
            id="into production without consent",
        ),
    ],
)
def test_what_may_be_written_to_see_whether_it_arrives_is_said_first(tmp_path, text, old, new, line, says):
    expected = [] if says is None else [f"integrations.yaml:{line}: {says}"]
    assert mistakes(tmp_path, text.replace(old, new, 1) if old else text) == expected
