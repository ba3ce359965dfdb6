"""What of a FHIR server may be asked beside the reads: what it tells anybody, its token endpoint, the token in hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from models.classification import judge_fhir
from models.control import Which
from models.integration import Read
from models.ladder import Step
from models.reading import Rung
from models.token import Grant
from tasks.clock import Clock
from tasks.fhir_surface import FHIR, SMART_PATH
from tasks.http import BoundedClient
from tasks.ladder import answered, granted
from tasks.observe import Answer, answer
from tasks.trials import ABOVE, MOST_SIBLINGS, OF_READS, Trial, any_word, as_stranger, in_hand, over, root

FHIR_READ = "FHIR read"


class TokenPlace(NamedTuple):
    """Where tokens are asked for."""

    url: str  # where the request goes
    audience: str  # what the assertion names: the official URL, by whatever route we come


class Server(NamedTuple):
    """A FHIR server, as its connector has it."""

    base_url: str
    open_client: Callable[[], BoundedClient]
    clock: Clock
    token_place: Callable[[BoundedClient], Awaitable[TokenPlace | Grant]]  # found out, where it is not configured
    page: Callable[[BoundedClient, Read], Awaitable[Answer | None]]  # of a read, with the token in hand
    reads: Sequence[Read]


def fhir_trials(server: Server) -> Iterator[Trial]:
    """All that may be asked."""

    async def metadata(client: BoundedClient) -> Step:
        fetched = await client.fetch("GET", f"{server.base_url}/metadata", headers=FHIR)
        return answered(Rung.READ, answer(fetched, server.clock.now(), judge_fhir))

    async def smart(client: BoundedClient) -> Step:
        fetched = await client.fetch("GET", server.base_url + SMART_PATH)
        return answered(Rung.HTTP, answer(fetched, server.clock.now(), any_word))

    async def token(client: BoundedClient) -> Step:
        place = await server.token_place(client)
        return granted(place, "") if isinstance(place, Grant) else await as_stranger(client, place.url, server.clock)

    def with_token(read: Read) -> Callable[[BoundedClient], Awaitable[Step | str]]:
        async def work(client: BoundedClient) -> Step | str:
            return in_hand(await server.page(client, read))

        return work

    lower: frozenset[Rung | None] = frozenset({Rung.HTTP})
    first, *others = server.reads
    yield Trial(Which.OTHER_PATH, "metadata", ABOVE, over(server.open_client, metadata), shows=(FHIR_READ,))
    yield Trial(Which.AGAIN, "metadata", lower, over(server.open_client, metadata), shows=(FHIR_READ,))
    yield Trial(Which.OTHER_PATH, "smart-configuration", lower, over(server.open_client, smart), shows=("service",))
    yield root(server.open_client, server.base_url, server.clock, lower)
    login = frozenset({*lower, Rung.AUTH})
    yield Trial(Which.TOKEN_ENDPOINT, "token endpoint", login, over(server.open_client, token), most=2)
    again = over(server.open_client, with_token(first))
    yield Trial(Which.HELD_TOKEN, first.operation, ABOVE, again, shows=(FHIR_READ,))
    for read in others[:MOST_SIBLINGS]:
        yield Trial(Which.SIBLING, read.operation, OF_READS, over(server.open_client, with_token(read)))
