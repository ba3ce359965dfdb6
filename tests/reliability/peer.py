"""The other side, on a real socket: a small Unity, and a thing that can be done to it. It counts everything.

Stories share one server; each has a site of its own, the first part of its path.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4


@dataclass
class Site:
    """What one story did to us."""

    issued: int = 0
    live: set[str] = field(default_factory=set)
    reads: list[float] = field(default_factory=list)  # when, by `now`
    effects: Counter[str] = field(default_factory=Counter)  # calls by idempotency key
    now_acting: int = 0
    overlaps: int = 0
    takes_s: float = 0.0  # how long an effect takes
    refuses: Callable[[datetime], dict[str, str]] | None = None  # headers of a 429; None: we are well
    refusals_left: int = 0
    now: Callable[[], float] = time.time


class Peer(ThreadingHTTPServer):
    """All sites."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.sites: defaultdict[str, Site] = defaultdict(Site)
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Callers die in the middle; that is what they are for."""

    @property
    def port(self) -> int:
        return self.server_address[1]


@cache
def peer() -> Peer:
    """The one server of this process."""
    return Peer()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Peer

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        """Whether an effect is in place."""
        _, name, _, key = self.path.split("/")
        self.say(json.dumps({"done": bool(self.server.sites[name].effects[key])}))

    def do_POST(self) -> None:
        """Everything else."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, name, *_, door = self.path.split("/")
        site = self.server.sites[name]
        known = {"GetToken": self.log_in, "RetireSecurityToken": self.retire, "MagicJson": self.magic}
        known.get(door, self.act)(site, json.loads(body) if body else {})

    def log_in(self, site: Site, _: dict[str, Any]) -> None:
        token = str(uuid4())
        with self.server.lock:
            site.issued += 1
            site.live.add(token)
        self.say(token)

    def retire(self, site: Site, asked: dict[str, Any]) -> None:
        site.live.discard(asked["Token"])
        self.say("true")

    def magic(self, site: Site, asked: dict[str, Any]) -> None:
        with self.server.lock:
            site.reads.append(site.now())
            refused = site.refusals_left > 0 and site.refuses is not None
            site.refusals_left -= refused
        if refused and site.refuses is not None:
            self.say("", 429, **site.refuses(datetime.fromtimestamp(site.now(), UTC)))
        elif asked["Token"] not in site.live:
            self.say('[{"Error": "error: Security Token is not valid"}]')
        else:
            self.say(json.dumps([{f"{asked['Action'].lower()}info": [{"ID": "1"}]}]))

    def act(self, site: Site, _: dict[str, Any]) -> None:
        key = self.path.rpartition("/")[2]
        with self.server.lock:
            site.effects[key] += 1
            site.overlaps += site.now_acting > 0
            site.now_acting += 1
        time.sleep(site.takes_s)
        with self.server.lock:
            site.now_acting -= 1
        self.say("done")

    def say(self, text: str, status: int = 200, **headers: str) -> None:
        content = text.encode()
        self.send_response_only(status)
        if "date" not in headers:
            headers["date"] = format_datetime(datetime.now(UTC), usegmt=True)
        for name, value in {**headers, "content-length": str(len(content))}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)
