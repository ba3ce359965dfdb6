"""Credentials: keep the credential ledger, from what is known anyway and from a look now and then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from models.acceptance import Acceptance, settled
from models.catalogue import load
from models.credential import CredentialKind
from models.credentials import CredentialRecord, PublishedKey, record_id, renewal_due, succeed
from models.errors import Misconfigured
from models.integration import Integration
from models.ladder import Ladder, Step
from models.reading import Outcome, Reading, Rung
from models.scopes import Scope, covers
from tasks.certificates import Leaf, Sight, leaf_in
from tasks.connectors._interface import PublishesKey
from tasks.house import House
from tasks.network import Trouble
from tasks.probe import connected, tuning_of
from tasks.sights import CONNECTORS, Place, all_in_time, is_due, look_around, name_of, path_of, places
from tasks.tokens import TokenStore

Records = dict[str, CredentialRecord]


async def keep_credentials(house: House, readings: Sequence[Reading] = ()) -> tuple[CredentialRecord, ...]:
    """One cycle: the tokens in the store, the ends that people declared, and the looks that are due."""
    known = ledgered(house)
    sights = await look_around(house, known, readings)
    keys = await look_at_keys(house, known)
    looked = [*seen(house, known, sights), *published(house, known, keys), *own_certificates(house, known)]
    return keep(house, known, [*present(house, known, readings), *looked])


def ledgered(house: House) -> Records:
    """What the ledger knows, by id; a change that somebody accepted is none any more."""
    accepted = {one.id: one for one in house.ledger.all_kept(Acceptance)}
    return {record.id: settled(record, accepted.get(record.id)) for record in house.ledger.all_kept(CredentialRecord)}


def current(house: House, readings: Sequence[Reading] = ()) -> tuple[CredentialRecord, ...]:
    """Every credential as it is now, without a call and without writing anything."""
    known = ledgered(house)
    return tuple(succeeded(house, known, tuple(present(house, known, readings))).values())


def keep(house: House, known: Records, fresh: Sequence[CredentialRecord]) -> tuple[CredentialRecord, ...]:
    """Write down what changed, in one transaction; returns every credential there is now."""
    now = succeeded(house, known, fresh)
    changed = [record for record in now.values() if known.get(record.id) != record]
    gone = known.keys() - now.keys()
    if changed or gone:
        with house.ledger.change("credentials", house.clock.now()) as change:
            for record in changed:
                change.keep(record)
            for record_id_ in sorted(gone):
                change.forget(CredentialRecord, record_id_)
    return tuple(now.values())


def succeeded(house: House, known: Records, fresh: Sequence[CredentialRecord]) -> Records:
    """What is known with what is fresh laid over it; what belongs to nothing that is watched any more is left out."""
    at = house.clock.now()
    now = known | {record.id: succeed(known.get(record.id), record, at) for record in fresh}
    fresh_ids = {record.id for record in fresh}
    belongs = {integration.id: integration for integration in house.configuration.integrations}
    return {
        name: record
        for name, record in sorted(now.items())
        if name in fresh_ids or (record.integration_id in belongs and still_there(house, record, belongs))
    }


def still_there(house: House, record: CredentialRecord, belongs: Mapping[str, Integration]) -> bool:
    """Whether an old row is still of something: a declaration or a host that was taken out is not."""
    if record.is_declared:
        return False
    if record.kind is CredentialKind.TLS_CERTIFICATE:
        return record.name in places(house, belongs[record.integration_id])
    return True


# --- what is known anyway ---------------------------------------------------------------------------------------------


def present(house: House, known: Records, readings: Sequence[Reading]) -> Iterator[CredentialRecord]:
    """What needs no look: tokens, declared ends, and the SSH keys that connectors met."""
    at = house.clock.now()
    stored = {path.stem for path in (house.home / "tokens").glob("*.json")}
    made: dict[str, list[Reading]] = {}
    for reading in readings:
        made.setdefault(reading.integration_id, []).append(reading)
    for integration in house.configuration.integrations:
        if integration.id in stored:
            yield token(house, integration, known, made.get(integration.id, []))
        yield from declared(integration, at)
        for kind, fingerprint in house.fingerprints.get(integration.id, {}).items():
            yield CredentialRecord(
                id=record_id(integration.id, kind),
                integration_id=integration.id,
                kind=kind,
                first_seen=at,
                fingerprint=fingerprint,
            )


def token(house: House, integration: Integration, known: Records, readings: Sequence[Reading]) -> CredentialRecord:
    """The present token, and what this cycle's calls say of its scopes."""
    credential = TokenStore(house.home, integration.id, house.clock).credential()
    needed = required_scopes(integration)
    name = record_id(integration.id, CredentialKind.ACCESS_TOKEN)
    before = known[name].denied if name in known else ()
    refused = scopes_of(needed, readings, Outcome.FORBIDDEN)
    served = scopes_of(needed, readings, Outcome.OK)
    held = credential.granted
    lasts = timedelta(seconds=credential.lifetime_s or 0.0)
    return CredentialRecord(
        id=name,
        integration_id=integration.id,
        kind=CredentialKind.ACCESS_TOKEN,
        first_seen=house.clock.now(),
        issued_at=credential.issued_at,
        expires_at=credential.issued_at + lasts if credential.issued_at and lasts else None,
        promised_s=credential.promised_s,
        observed_s=credential.observed_s,
        renewal_due_at=credential.refresh_at,
        last_refresh=credential.last_refusal or ("ok" if credential.issued_at else None),
        granted=held,
        required=tuple(dict.fromkeys(needed.values())),
        denied=tuple(
            scope
            for scope in dict.fromkeys(needed.values())
            if (scope in refused or (scope in before and scope not in served)) and (held is None or covers(held, scope))
        ),
    )


def required_scopes(integration: Integration) -> dict[str, Scope]:
    """The scope that each read needs, for kinds of system that have scopes."""
    tells: Any = getattr(load(CONNECTORS, integration.kind), "required_scopes", None)
    needed: dict[str, Scope] = tells(integration) if tells else {}
    return needed


def scopes_of(needed: Mapping[str, Scope], readings: Sequence[Reading], outcome: Outcome) -> set[Scope]:
    """The scopes behind the calls that ended like this."""
    return {
        needed[reading.operation] for reading in readings if reading.outcome is outcome and reading.operation in needed
    }


def declared(integration: Integration, as_of: datetime) -> Iterator[CredentialRecord]:
    """The ends that people wrote into integrations.yaml."""
    for one in integration.credentials:
        issued_at, expires_at = one.issued_at(integration.timezone), one.expires_at(integration.timezone)
        yield CredentialRecord(
            id=f"{record_id(integration.id, one.kind, one.name)}/declared",
            integration_id=integration.id,
            kind=one.kind,
            name=one.name,
            first_seen=as_of,
            issued_at=issued_at,
            expires_at=expires_at,
            is_declared=True,
            renewal_due_at=renewal_due(issued_at, expires_at),
        )


# --- what was looked at -----------------------------------------------------------------------------------------------


def seen(house: House, known: Records, sights: Mapping[Place, Sight | None]) -> Iterator[CredentialRecord]:
    """The certificates of everybody whose host was looked at."""
    at = house.clock.now()
    for integration in house.configuration.integrations if sights else ():
        for name, place in places(house, integration).items():
            if place in sights:
                yield certified(known, integration.id, name, sights[place], at)


def certified(known: Records, integration_id: str, name: str, sight: Sight | None, at: datetime) -> CredentialRecord:
    """The row of a server's certificate; what was not seen now stays as it was seen last."""
    here = record_id(integration_id, CredentialKind.TLS_CERTIFICATE, name)
    kind = CredentialKind.TLS_CERTIFICATE
    blank = CredentialRecord(id=here, integration_id=integration_id, kind=kind, name=name, first_seen=at)
    told: dict[str, object] = {"looked_at": at}
    if sight is not None:
        told["trouble"] = sight.trouble.code if sight.trouble else None
    if sight is not None and sight.certificate is not None:
        leaf = Leaf(*(getattr(sight.certificate, part) for part in Leaf._fields))
        told |= dated(leaf)
    return known.get(here, blank).model_copy(update=told)


def dated(leaf: Leaf) -> dict[str, object]:
    """The columns of a certificate."""
    return {
        "issued_at": leaf.begins,
        "expires_at": leaf.ends,
        "renewal_due_at": renewal_due(leaf.begins, leaf.ends),
        "fingerprint": leaf.sha256,
        "issuer": leaf.issuer,
    }


def own_certificates(house: House, known: Records) -> Iterator[CredentialRecord]:
    """The certificates that we show to those who ask for one, from their files."""
    at, kind = house.clock.now(), CredentialKind.CLIENT_CERTIFICATE
    for integration in house.configuration.integrations:
        path = path_of(house, integration.settings.get("client_certificate"))
        here = record_id(integration.id, kind)
        if path is None or not is_due(known.get(here), at):
            continue
        blank = CredentialRecord(id=here, integration_id=integration.id, kind=kind, first_seen=at)
        leaf = leaf_in(Path(path))
        told = {**dated(leaf), "trouble": None} if leaf else {"trouble": "unreadable"}
        yield known.get(here, blank).model_copy(update={"looked_at": at, **told})


async def look_at_keys(house: House, known: Records) -> dict[str, PublishedKey | None]:
    """The published keys that are due for a look, by integration."""
    due = [
        integration
        for integration in house.configuration.integrations
        if integration.settings.get("jwks_url")
        and is_due(known.get(record_id(integration.id, CredentialKind.JWKS_KEY)), house.clock.now())
    ]
    return await all_in_time({one.id: partial(look_at_key, house, one) for one in due})


async def look_at_key(house: House, integration: Integration) -> PublishedKey | None:
    """Ask one connector for it."""
    try:
        async with connected(house, integration) as connector:
            return await connector.published_key() if isinstance(connector, PublishesKey) else None
    except Misconfigured:  # whoever makes calls says so; this only looks
        return None


def published(house: House, known: Records, keys: Mapping[str, PublishedKey | None]) -> Iterator[CredentialRecord]:
    """The rows of our published keys."""
    at = house.clock.now()
    for integration_id, key in keys.items():
        here = record_id(integration_id, CredentialKind.JWKS_KEY)
        blank = CredentialRecord(id=here, integration_id=integration_id, kind=CredentialKind.JWKS_KEY, first_seen=at)
        told = {"trouble": key.trouble, "fingerprint": key.fingerprint} if key else {}
        yield known.get(here, blank).model_copy(update={"looked_at": at, **told})


def note_ladder(house: House, integration: Integration, ladder: Ladder) -> tuple[CredentialRecord, ...]:
    """What a climb showed of certificate and scopes, kept; returns the credentials of this integration."""
    known, at = ledgered(house), house.clock.now()
    fresh = list(present(house, known, ()))
    steps = {step.rung: step for step in ladder.steps}
    if (tls := steps.get(Rung.TLS)) and tls.outcome in {Outcome.OK, Outcome.TLS_FAILED}:
        route = tuning_of(house, integration).route
        name = "main" if route == "main" else f"route.{name_of(route)}"
        fresh.append(certified(known, integration.id, name, sight_of(tls), at))
    has_scopes = bool(required_scopes(integration))  # elsewhere the rung tells of an enrolment, not of a token
    if (scope := steps.get(Rung.SCOPE)) and scope.outcome is not None and (has_scopes or scope.missing):
        fresh = with_scopes(known, fresh, integration, scope, at)
    return tuple(record for record in keep(house, known, fresh) if record.integration_id == integration.id)


def with_scopes(
    known: Records, fresh: Sequence[CredentialRecord], integration: Integration, scope: Step, at: datetime
) -> list[CredentialRecord]:
    """These rows with what a climb's own token was refused; it has a row even before the first token is kept."""
    mine = record_id(integration.id, CredentialKind.ACCESS_TOKEN)
    kind, required = CredentialKind.ACCESS_TOKEN, tuple(dict.fromkeys(required_scopes(integration).values()))
    blank = CredentialRecord(id=mine, integration_id=integration.id, kind=kind, first_seen=at, required=required)
    held = next((record for record in fresh if record.id == mine), known.get(mine, blank))
    denied = tuple(dict.fromkeys((*held.denied, *scope.missing))) if scope.missing else held.denied
    return [*(record for record in fresh if record.id != mine), held.model_copy(update={"denied": denied})]


def sight_of(tls: Step) -> Sight:
    """What the TLS rung of a climb saw."""
    trouble = Trouble(Outcome.TLS_FAILED, tls.code, Rung.TLS) if tls.code else None
    return Sight(tls.certificate, trouble, tls.duration_ms or 0.0)
