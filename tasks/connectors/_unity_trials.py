"""What of a Unity server may be asked beside the reads: as nobody, or in the session that there is; never a log-in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from models.control import Which
from models.integration import Read
from models.ladder import Step
from models.reading import Rung
from tasks.clock import Clock
from tasks.http import BoundedClient
from tasks.ladder import answered
from tasks.observe import Answer
from tasks.trials import ABOVE, MOST_SIBLINGS, OF_READS, Ask, Trial, in_hand, never, over, root

MAY_LOCK = "a log-in here is a user's password, and a wrong one may lock the account"


class Server(NamedTuple):
    """A Unity server, as its connector has it."""

    base_url: str
    open_client: Callable[[], BoundedClient]
    clock: Clock
    as_nobody: Callable[[BoundedClient], Awaitable[Answer]]  # GetServerInfo without a session
    in_session: Callable[[BoundedClient, Read], Awaitable[Answer | None]]  # None: there is no session


def unity_trials(server: Server, plain: Sequence[Read]) -> Iterator[Trial]:
    """All that may be asked; `plain` reads name no patient."""

    async def nobody(client: BoundedClient) -> Step:
        return answered(Rung.HTTP, await server.as_nobody(client))

    def sibling(read: Read) -> Ask:
        async def work(client: BoundedClient) -> Step | str:
            return in_hand(await server.in_session(client, read))

        return over(server.open_client, work)

    lower: frozenset[Rung | None] = frozenset({Rung.HTTP})
    yield Trial(Which.AGAIN, "GetServerInfo", lower, over(server.open_client, nobody), shows=("service",))
    yield Trial(Which.OTHER_PATH, "GetServerInfo", ABOVE, over(server.open_client, nobody), shows=("service",))
    yield root(server.open_client, server.base_url, server.clock, lower)
    yield Trial(Which.TOKEN_ENDPOINT, "GetToken", frozenset({Rung.AUTH}), never(MAY_LOCK), most=0)
    for read in plain[:MOST_SIBLINGS]:
        yield Trial(Which.SIBLING, read.operation, OF_READS, sibling(read))
