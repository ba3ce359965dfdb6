"""Silence: begin and end what a person asked to be quiet about, and tell at its end what is still broken."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ValidationError

from models.alert import Alert
from models.catalogue import names
from models.errors import BadInput
from models.notify.silence import KIND, LONGEST, Matcher, Silence, SilenceState
from models.signatures import known_signatures
from tasks.house import House
from tasks.ledger import Change
from tasks.stages import candidate_of_alert, candidate_of_incident
from tasks.word import person, word_of

WATCHES = "tasks.watches"


def begin_silence(house: House, matcher: Matcher, lasts: timedelta, by: str, reason: str) -> Silence:
    """Be quiet about something from now on.

    Raises:
        BadInput: it would last too long, or a word could name a patient.
    """
    word = word_of(house, by, reason, option="reason")
    if not timedelta(0) < lasts <= LONGEST:
        raise BadInput("a silence lasts 24h at most; for longer work agree on it with heal maintenance")
    with house.ledger.change(person(word.by), word.at) as change:
        fresh = Silence(
            id=change.numbered(KIND),
            matcher=matcher,
            reason=word.why,
            by=word.by,
            since=word.at,
            until=word.at + lasts,
        )
        change.keep(fresh)
    return fresh


def matcher_of(**named: str | None) -> Matcher:
    """What is meant, as it was written.

    Raises:
        BadInput: nothing is named, or something that there is not; what was written is not repeated.
    """
    cause, watch = named.get("cause"), named.get("watch")
    if cause and cause not in {signature.cause for signature in known_signatures()}:
        raise BadInput("--cause: there is no such cause; `heal signatures` lists them")
    if watch and watch not in names(WATCHES):
        raise BadInput(f"--watch: there is no such watch; there are: {', '.join(names(WATCHES))}")
    try:
        return Matcher.model_validate({name: value for name, value in named.items() if value})
    except ValidationError as error:
        says = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BadInput(f"{says}; e.g. --integration epic-fhir-main --cause rate_limited") from None


def end_silence(house: House, silence_id: str, by: str) -> Silence:
    """End it before its time; what is still broken is told.

    Raises:
        BadInput: there is none, it is over, or a word could name a patient.
    """
    word = word_of(house, by)
    known = house.ledger.kept(Silence, silence_id)
    if known is None or known.state is SilenceState.ENDED:
        raise BadInput(f"no silence {silence_id} holds; `heal silence list` shows those that do")
    return end(house, known.model_copy(update={"ended_by": word.by}))


def end_silences(house: House) -> tuple[Silence, ...]:
    """End those whose time is over."""
    now = house.clock.now()
    return tuple(end(house, one) for one in house.ledger.all_kept(Silence, state=SilenceState.ON) if one.until <= now)


def end(house: House, silence: Silence) -> Silence:
    """It is over: what routes were told of before, and what still stands, they are told again."""
    now = house.clock.now()
    ended = silence.model_copy(update={"state": SilenceState.ENDED})
    with house.ledger.change("silence", now) as change:
        known = change.kept(Silence, silence.id)
        if known is None or known.state is SilenceState.ENDED:
            return ended
        change.keep(ended)
        for subject in still_broken(house, change, silence):
            tell_still(change, subject, f"still broken after the silence {silence.id}")
    return ended


def still_broken(house: House, change: Change, silence: Silence) -> list[str]:
    """The incidents and alerts that it kept quiet and that are not over."""
    now = house.clock.now()
    incidents = [
        candidate_of_incident(house, one, None, one.id, "", now)
        for one in change.incidents(active_only=True)
        if one.escalated_for or one.warned_for
    ]
    alerts = [
        candidate_of_alert(house, one, one.id, "", now)
        for one in change.all_kept(Alert, state="raised")
        if one.is_notified
    ]
    return [one.subject for one in (*incidents, *alerts) if silence.quiets(one)]


def tell_still(change: Change, subject: str, says: str) -> None:
    """Every route that knew of it before; those that did not are told by what was withheld until now."""
    routes = [route for route, known in change.told({subject}) if known == subject]
    if routes:
        change.call_again(subject, routes, says, 1)
