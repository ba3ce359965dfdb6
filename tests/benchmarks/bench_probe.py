"""Probes per CPU-second beside blackbox_exporter. Run it from the root: `python -m tests.benchmarks.bench_probe`.

The same nginx, the same targets, over HTTP and over TLS, eight at a time, a fresh connection for each probe as
blackbox_exporter makes it; then the same with connections kept, as within one of our cycles. Ours is a whole
classified `Reading`-ready answer: bounded, address checked, every phase timed. Counted is the CPU time of the
prober alone: of this process, or of the exporter's (from /proc), not of nginx and not of whoever asks it.
Rounds alternate, so that the machine's moods meet both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx

from models.classification import judge_fhir
from tasks.http import BoundedClient
from tasks.observe import answer
from tests.benchmarks.fleet import Peers, WallClock, free_port, peers, wait_for

EXPORTER = shutil.which("prometheus-blackbox-exporter")
TARGETS, ROUNDS, AT_ONCE = 400, 5, 8
MODULES = """
modules:
  fhir:
    prober: http
    timeout: 10s
    http:
      valid_status_codes: [200]
      follow_redirects: false
      preferred_ip_protocol: ip4
      fail_if_body_not_matches_regexp: ["resourceType"]
      tls_config: {{ca_file: {ca}}}
"""

Probe = Callable[[str], Awaitable[bool]]


async def every(targets: list[str], probe: Probe) -> None:
    """Probe each target, eight at a time; a failed one ends the benchmark."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(target: str) -> None:
        async with gate:
            if not await probe(target):
                raise SystemExit(f"a probe failed: {target}")

    await asyncio.gather(*map(one, targets))


def ours(targets: list[str], where: Peers, *, kept: bool) -> float:
    """CPU seconds of this process."""
    clock, shared = WallClock(), BoundedClient(ca_bundle=str(where.ca_bundle))

    async def probe(target: str) -> bool:
        client = shared if kept else BoundedClient(ca_bundle=str(where.ca_bundle))
        fetched = await client.fetch("GET", target, headers={"Accept": "application/fhir+json"})
        if not kept:
            await client.aclose()
        return answer(fetched, clock.now(), judge_fhir).outcome.is_ok

    async def run() -> None:
        await every(targets, probe)
        await shared.aclose()

    began = time.process_time()
    asyncio.run(run())
    return time.process_time() - began


def theirs(targets: list[str], exporter: str, pid: int) -> float:
    """CPU seconds of the exporter."""

    async def run() -> None:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=AT_ONCE), timeout=20) as client:

            async def probe(target: str) -> bool:
                asked = await client.get(f"{exporter}/probe?module=fhir&target={quote(target, safe='')}")
                return "\nprobe_success 1" in asked.text

            await every(targets, probe)

    began = cpu_of(pid)
    asyncio.run(run())
    return cpu_of(pid) - began


def cpu_of(pid: int) -> float:
    """User and system seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def exporter(home: Path, ca_bundle: Path) -> Iterator[tuple[str, int]]:
    """blackbox_exporter on a free port; its address and process."""
    if EXPORTER is None:
        raise SystemExit("This benchmark needs blackbox_exporter: apt-get install prometheus-blackbox-exporter")
    (home / "blackbox.yml").write_text(MODULES.format(ca=ca_bundle))
    port = free_port()
    command = [EXPORTER, f"--config.file={home / 'blackbox.yml'}", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Print probes per CPU-second, and their ratio."""
    with (
        tempfile.TemporaryDirectory() as folder,
        peers(Path(folder) / "peers") as where,
        exporter(Path(folder), where.ca_bundle) as (address, pid),
    ):
        print(f"{TARGETS} targets, {AT_ONCE} at a time, best of {ROUNDS} alternating rounds; probes per CPU-second")
        print(f"{'':>6}{'blackbox_exporter':>20}{'ours, fresh':>14}{'ratio':>8}{'ours, kept':>13}{'ratio':>8}")
        for name, base in (("HTTP", where.http), ("HTTPS", where.https)):
            targets = [f"{base}/{n}/Patient" for n in range(TARGETS)]
            rounds = [
                (
                    theirs(targets, address, pid),
                    ours(targets, where, kept=False),
                    ours(targets, where, kept=True),
                )
                for _ in range(ROUNDS)
            ]
            other, fresh, kept = (TARGETS / min(column) for column in zip(*rounds, strict=True))
            print(f"{name:>6}{other:20.0f}{fresh:14.0f}{fresh / other:8.2f}{kept:13.0f}{kept / other:8.2f}")


if __name__ == "__main__":
    main()
