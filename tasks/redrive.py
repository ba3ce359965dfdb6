"""Redrive: a person's word about messages in quarantine: try again, try this instead, or it is settled."""

from __future__ import annotations

from models.errors import BadInput
from models.sending import Because, Rest, Send, SendState, Settlement, rest_of
from tasks.house import House
from tasks.letters import Letters
from tasks.send import hashes, letters_of
from tasks.word import person, word_of


def redrive(house: House, sends: tuple[Send, ...], by: str) -> tuple[Send, ...]:
    """Let these go again, each in its old place; what may have arrived is asked about first.

    Raises:
        BadInput: one of them is not in quarantine, its content is gone, or who says so could be a patient.
    """
    now, who = house.clock.now(), person(word_of(house, by).by)
    for send in sends:
        check_quarantined(send)
        if send.because is Because.LOST:
            raise BadInput(
                f"what {send.id} said is gone from this disk; send it anew, and settle this one as withdrawn"
            )
    with house.ledger.change(who, now) as change:
        moved = tuple(change.save_send(send.redriven(now), None) for send in sends)
        for integration_id in {send.integration_id for send in moved}:
            change.forget(Rest, rest_of(integration_id))
    return moved


def replace(house: House, send: Send, written: bytes, by: str) -> Send:
    """Send this message in the place of a refused one: under its key, before all that waits behind it.

    Raises:
        BadInput: the other was not refused, this is not one message, or who says so could be a patient.
    """
    who = person(word_of(house, by).by)
    check_quarantined(send)
    letters = letters_of(house, send.integration_id, written, "the replacement")
    if send.because is not Because.REFUSED or len(letters) != 1:
        raise BadInput(f"{send.id} can be replaced by one message, and only when it was refused: nothing was changed")
    now, store = house.clock.now(), Letters(house.home)
    (name,) = store.put([letters[0].content])
    said = hashes(house, send.integration_id, letters[0], None)
    said |= {"letter": name, "place": str(store.place), "order_key": send.order_key}
    with house.ledger.change(who, now) as change:
        moved = change.save_send(send.redriven(now).model_copy(update=said), None)
    store.drop(send.letter)
    return moved


def settle(house: House, send: Send, settlement: Settlement, by: str) -> Send:
    """A person has looked at the other side: it arrived, it did not and may go, or it is not to be sent at all.

    Raises:
        BadInput: it is not in quarantine, or who says so could be a patient.
    """
    check_quarantined(send)
    now, who = house.clock.now(), person(word_of(house, by).by)
    with house.ledger.change(who, now) as change:
        moved = change.save_send(send.settled(settlement, now), None)
    if moved.state.is_over:
        Letters(house.home).drop(moved.letter)
    return moved


def check_quarantined(send: Send) -> None:
    """Refuse what goes without a person."""
    if send.state is not SendState.QUARANTINED:
        raise BadInput(f"{send.id} is {send.state}, not in quarantine: there is nothing to decide")
