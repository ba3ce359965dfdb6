"""Path traces and bursts over a path of real packets, in a network namespace of the test's own.

Where an ordinary user may make none (or there is no `unshare`, `ip` or TUN device), these tests are skipped by name.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from models.control import Control, Tried, where_it_loses
from models.control_setting import MOST_CONNECTS
from models.lookup import ANYWHERE
from models.reading import Outcome
from tasks import path_trace
from tasks.path_trace import trace_path
from tasks.trials import Reach
from tests.sockets import serving

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux hands on what routers say")


@functools.cache
def may_make_networks() -> bool:
    """Whether a namespace with a TUN device can be had."""
    if not (shutil.which("unshare") and shutil.which("ip") and Path("/dev/net/tun").exists()):
        return False
    tun = "import tests.pretend_path as p; p.open_tun()"
    return (
        subprocess.run([*NAMESPACE, sys.executable, "-c", tun], cwd=ROOT, capture_output=True, check=False).returncode
        == 0
    )


NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]


def over_a_path(routers: int, *, lossy: int = 0, share: float = 0.0, mute: int = 0) -> tuple[Control, Control]:
    """A trace and a burst over so many routers, one of which loses a share, one of which never says a word."""
    if not may_make_networks():
        pytest.skip("no network namespace with a TUN device can be made here")
    words = [sys.executable, "-m", "tests.pretend_path", str(routers), str(lossy), str(share), str(mute), "7"]
    done = subprocess.run([*NAMESPACE, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    traced, row = done.stdout.splitlines()
    return Control.model_validate_json(traced), Control.model_validate_json(row)


def test_every_router_on_the_way_is_found_and_none_loses():
    traced, row = over_a_path(5)
    assert [hop.address for hop in traced.hops] == [*(f"10.79.0.{n}" for n in range(1, 6)), "10.78.0.9"]
    assert (traced.verdict, traced.says) == (
        Tried.PASSED,
        "6 hops, 6 answering; no hop loses what those behind it lose too",
    )
    assert row.losses.lost == 0


def test_the_hop_from_which_on_probes_are_lost_is_named_with_its_figures():
    traced, row = over_a_path(5, lossy=3, share=0.4)
    hop = where_it_loses(traced.hops)
    assert hop.number == 3
    assert all(one.lost == 0 for one in traced.hops[:2])
    assert traced.verdict is Tried.FAILED
    assert f"loss begins at hop 3 (10.79.0.3): {hop.missed} of {hop.tried} probes" in traced.says
    assert traced.connects <= MOST_CONNECTS
    assert (row.verdict, row.losses.lost > 0) == (Tried.FAILED, True)  # although nearly all of them hold in the end


def test_a_router_that_never_answers_is_passed_over():
    traced, _ = over_a_path(4, mute=2)
    assert [hop.address for hop in traced.hops] == ["10.79.0.1", None, "10.79.0.3", "10.79.0.4", "10.78.0.9"]
    assert traced.verdict is Tried.PASSED


def test_where_nothing_passes_any_more_answers_end_at_a_hop():
    traced, row = over_a_path(5, lossy=3, share=1.0)
    assert (traced.verdict, traced.outcome, traced.connects) == (Tried.FAILED, Outcome.TIMEOUT, 0)
    assert traced.says == "answers end at hop 2 (10.79.0.2); 2 of 2 hops answer"
    assert row.losses.share == 1.0


async def silent(reader, _):
    await reader.read()


@linux
@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_one_hop_away(address):
    if ":" in address and not socket.has_ipv6:
        pytest.skip("no IPv6 here")

    async def run() -> Control:
        async with serving(silent) as port:
            return await trace_path(Reach(address, port, None, ANYWHERE))

    found = asyncio.run(run())
    if ":" in address and not found.hops:
        pytest.skip("no IPv6 here")
    assert [(hop.number, hop.address) for hop in found.hops] == [(1, address)]
    assert (found.verdict, found.hops[0].lost) == (Tried.PASSED, 0.0)


@linux
def test_connections_that_reach_the_system_are_counted_and_kept_within_what_is_allowed():
    met = 0

    async def count(reader, _):
        nonlocal met
        met += 1
        await reader.read()

    async def run(most: int) -> Control:
        nonlocal met
        met = 0
        async with serving(count) as port:
            return await trace_path(Reach("127.0.0.1", port, None, ANYWHERE), most)

    for most in (4, 6, 40):
        found = asyncio.run(run(most))
        assert met <= found.connects <= most
    assert asyncio.run(run(3)).verdict is Tried.UNTRIED


def test_where_the_system_hands_on_no_words_of_routers_that_is_said(monkeypatch):
    monkeypatch.setattr(path_trace.sys, "platform", "darwin")
    found = asyncio.run(trace_path(Reach("127.0.0.1", 1, None, ANYWHERE)))
    assert (found.verdict, "needs Linux" in found.says) == (Tried.UNTRIED, True)
