"""The page behind the link of a notice. Reading it changes nothing, so that a preview of the link answers no call.

GET  /v1/ack/{token}  a form that asks who has heard
POST /v1/ack/{token}  the answer; a second one changes nothing
"""

from __future__ import annotations

import asyncio
import logging
from html import escape
from time import perf_counter
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from models.errors import BadInput, HealError
from models.notify.calling import Calling, CallState
from tasks.acknowledge import LinkOver, acknowledge, read_link
from tasks.house import House
from tasks.receive.limits import Trouble, body_of

LARGEST = 1 << 12  # bytes of a form
PER_MINUTE = 120  # requests of anybody: a link is followed by people
LONGEST_NAME = 80  # characters
CONTENT = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": CONTENT,
    "referrer-policy": "no-referrer",  # the address answers a call
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 3rem auto; padding: 0 1rem }}
input, button {{ font: inherit; padding: .6rem; width: 100%; box-sizing: border-box; margin: .3rem 0 1rem }}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""
FORM = """<p>Integration <b>{integration}</b>. Say that you have heard of it: nobody else is called meanwhile.</p>
<form method="post"><label for="by">Who are you? A person or a group.</label>
<input id="by" name="by" required maxlength="{longest}" autocomplete="name">
<button type="submit">I have heard</button></form>"""
log = logging.getLogger("heal")


class AnswerDesk:
    """Takes the answers of people to calls.

    Args:
        house: the configuration and the stores.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.minute, self.asked = 0, 0

    async def serve(self, request: Request) -> Response:
        """The page, or what became of the answer; no word of detail about what went wrong."""
        try:
            self._count()
            token = request.path_params["token"]
            calling = await asyncio.to_thread(read_link, self.house, token)
            if request.method == "POST":
                return await self._answered(request, calling)
            return shown(calling)
        except Trouble as trouble:
            return Response(status_code=trouble.status, headers=HEADERS)
        except BadInput as error:
            return page("Not acknowledged", f"<p>{escape(str(error))}</p>", 410 if isinstance(error, LinkOver) else 404)
        except HealError as error:
            log.warning("an answer could not be taken: %s", type(error).__name__)
            return Response(status_code=503, headers=HEADERS)
        except Exception as error:  # noqa: BLE001 - raised further, the server would log it with what it says
            log.error("an answer could not be taken: %s", type(error).__name__)  # noqa: TRY400 - the same
            return Response(status_code=503, headers=HEADERS)

    async def _answered(self, request: Request, calling: Calling) -> Response:
        body = (await body_of(request, LARGEST)).decode("utf-8", errors="replace")
        by = next(iter(parse_qs(body).get("by", [])), "")[:LONGEST_NAME].strip()
        try:
            found = await asyncio.to_thread(acknowledge, self.house, calling.id, by)
        except BadInput as error:
            return page("Not acknowledged", f"<p>{escape(str(error))}</p>" + form_of(calling), 400)
        return shown(found.calling)

    def _count(self) -> None:
        minute = int(perf_counter() // 60)
        self.asked = self.asked + 1 if minute == self.minute else 1
        self.minute = minute
        if self.asked > PER_MINUTE:
            raise Trouble(429)


def shown(calling: Calling) -> Response:
    """The form, or who has answered."""
    if calling.state is CallState.ACKNOWLEDGED and calling.forgotten_at is None and calling.acknowledged_at:
        by, at = escape(calling.acknowledged_by or ""), f"{calling.acknowledged_at:%Y-%m-%d %H:%M} UTC"
        return page(f"{calling.id} is acknowledged", f"<p>By <b>{by}</b> at {at}. Nobody else is called.</p>")
    return page(calling.id, form_of(calling))


def form_of(calling: Calling) -> str:
    """The form."""
    return FORM.format(integration=escape(calling.integration_id), longest=LONGEST_NAME)


def page(title: str, body: str, status: int = 200) -> Response:
    """One page."""
    return HTMLResponse(PAGE.format(title=escape(title), body=body), status_code=status, headers=HEADERS)
