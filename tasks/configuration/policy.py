"""What `policy.yaml` may permit, beyond the shape of its nouns (spec: safety, 1.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from models import catalogue
from models.errors import Mistake
from models.notify.chain import circle
from models.policy import NEVER, Permission, Policy
from models.remedy import EffectClass, Remedy
from models.tier import Mode
from tasks.configuration.integrations import entries
from tasks.configuration.page import Page, Place, quoted
from tasks.configuration.wording import no_such, validate
from tasks.http import check_base_url

REMEDIES, NOTIFIERS = "tasks.remedies", "tasks.notifiers"
FOR_PEOPLE = NEVER | {EffectClass.DATA}  # never without a person, whatever a policy says
TEMPORARY = frozenset({EffectClass.LOCAL, EffectClass.TRAFFIC})  # taken back by a timer
LONGEST = timedelta(hours=4)  # a temporary change that nobody looked at (spec: safety, 1.4)


def check_policy(page: Page) -> tuple[Policy | None, list[Mistake]]:
    """The policy, and every mistake."""
    if page.data is None:
        return None, []
    policy, mistakes = validate(page, Policy)
    mistakes += check_remedy_names(page)
    mistakes += check_channels(page)
    if policy is not None:
        mistakes += check_permissions(page, policy)
        mistakes += check_whole(page, policy)
    return policy, mistakes


def check_remedy_names(page: Page) -> Iterator[Mistake]:
    """Whether there is a remedy of every name."""
    known = catalogue.names(REMEDIES)
    remedies = (page.data or {}).get("remedies")
    for name in remedies if isinstance(remedies, dict) else ():
        if name not in known:
            yield page.mistake(("remedies", name), no_such(quoted(name), name, known, "remedy"))


def check_permissions(page: Page, policy: Policy) -> Iterator[Mistake]:
    """Whether every remedy that may run alone is one that may be left alone."""
    for name, permission in policy.remedies.items():
        if permission.mode is Mode.AUTO and name in catalogue.names(REMEDIES):
            remedy: Remedy = catalogue.load(REMEDIES, name).remedy
            yield from check_auto(page, ("remedies", name), remedy, permission)


def check_auto(page: Page, place: Place, remedy: Remedy, permission: Permission) -> Iterator[Mistake]:
    """Whether this remedy may run without a person, and ends by itself when its change is temporary."""
    if remedy.effect in FOR_PEOPLE:
        says = f"`{remedy.name}` changes {remedy.effect} and is for people only; write `mode: never` or `approve`"
        yield page.mistake((*place, "mode"), says)
        return
    if not (remedy.reversible and remedy.effect in TEMPORARY) or remedy.is_momentary:
        return
    if "lasts" not in permission.model_fields_set:
        yield page.mistake((*place, "mode"), "with `mode: auto`, say when it is taken back, e.g. `lasts: 1h`")
    elif not timedelta(0) < permission.lasts <= LONGEST:
        yield page.mistake((*place, "lasts"), "`lasts` must be more than 0s and at most 4h with `mode: auto`")


def check_channels(page: Page) -> Iterator[Mistake]:
    """Whether there is a notifier for every route, and what it says of its settings."""
    known, before = catalogue.names(NOTIFIERS), set[str]()
    for index, channel in entries(page.data, "channels"):
        place, route = ("channels", index), channel.get("route")
        if not isinstance(route, str):
            continue
        if route in before:
            yield page.mistake((*place, "route"), "this route stands here already; only the first would be used")
        before.add(route)
        if route not in known:
            yield page.mistake((*place, "route"), no_such("", route, known, "route"))
        elif isinstance(channel.get("settings", {}), dict):
            yield from check_notifier(page, place, route, asked="settings" in channel)


def check_notifier(page: Page, place: Place, route: str, *, asked: bool) -> list[Mistake]:
    """What a notifier says of its settings, those left out included."""
    notifier = catalogue.load(NOTIFIERS, route)
    if asked:
        return validate(page, notifier.Settings, (*place, "settings"))[1]
    needed = [name for name, field in notifier.Settings.model_fields.items() if field.is_required()]
    says = f"this route needs `settings:` with {', '.join(needed)}"
    return [page.mistake((*place, "route"), says)] if needed else []


def check_whole(page: Page, policy: Policy) -> Iterator[Mistake]:
    """Whether the parts fit each other."""
    if policy.propose_confidence > policy.min_confidence:
        says = "`propose_confidence` must not be above `min_confidence`: acting alone needs the surer diagnosis"
        yield page.mistake(("propose_confidence",), says)
    if not policy.channels:
        yield page.mistake(("channels",), "nobody would be told of anything; keep one, e.g. `- route: console`")
    known = [channel.route for channel in policy.channels]
    yield from check_fallbacks(page, policy, known)
    yield from check_chains(page, policy)
    if policy.acknowledge is not None and not is_address(policy.acknowledge.url):
        says = "write the https address of `heal serve` as people reach it, e.g. https://heal.example.org"
        yield page.mistake(("acknowledge", "url"), says)
    for group, routes in policy.groups.items():
        if not routes:
            yield page.mistake(("groups", group), f"{quoted(group)} could not be reached; name one of `channels`")
        for index, route in enumerate(routes):
            if route not in known:
                yield page.mistake(("groups", group, index), no_such("", route, known, "channel of this policy"))


def check_fallbacks(page: Page, policy: Policy, known: Sequence[str]) -> Iterator[Mistake]:
    """Whether each channel's fallback is another channel."""
    for index, channel in enumerate(policy.channels):
        place, other = ("channels", index, "fallback"), channel.fallback
        if other == channel.route:
            yield page.mistake(place, f"{quoted(other)} cannot stand in for itself; name another of `channels`")
        elif other is not None and other not in known:
            yield page.mistake(place, no_such("", other, known, "channel of this policy"))


def check_chains(page: Page, policy: Policy) -> Iterator[Mistake]:
    """Whether every step of a chain reaches somebody, and none leads back to where it began."""
    told: set[str] = set()
    for group, link in policy.chains.items():
        place = ("chains", group)
        if not policy.groups.get(link.then):
            says = "this step reaches nobody; write a group that has a channel under `groups:`"
            yield page.mistake((*place, "then"), says)
        if (around := circle(group, policy.chains)) and group not in told:
            told.update(around)
            path = " → ".join(f"`{one}`" if one in policy.groups else quoted(one) for one in around)
            yield page.mistake((*place, "then"), f"the chain leads back to where it began: {path}; end it with a group")


def is_address(url: str) -> bool:
    """Whether people can follow it: https, or plain http on this host."""
    try:
        check_base_url(url)
    except ValueError:
        return False
    return True
