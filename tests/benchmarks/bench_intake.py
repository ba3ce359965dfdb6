"""What taking traffic in costs. Run it from the root: `python -m tests.benchmarks.bench_intake`.

Prints lines per CPU-second into the history for each format, beside a bare `json.loads` loop and DuckDB's
`read_json` over the same file (neither of which checks, screens or stores anything), how it grows with twice the
lines, what error texts add where a part of the calls or all of them failed, and what the observed transport adds to a
call. Times depend on the machine; the ratios should not.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import httpx

from tasks.intake import take_in
from tasks.observed import Call, Log, log_of, observed
from tests.builders import EPIC
from tests.error_texts import mixed
from tests.traffic import a_call, a_house, an_access

LINES = 200_000
CALLS = 8_000
ROUNDS = 3  # the best of them: whatever else the machine does only ever adds


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def best(work: Callable[[], float]) -> float:
    """The quickest round."""
    return min(work() for _ in range(ROUNDS))


def nginx(n: int) -> str:
    """A line of nginx as JSON."""
    stamp = json.loads(a_call(n))["at"]
    told = {"time": stamp, "request": "GET /R4/Patient/eX HTTP/1.1", "status": "200", "request_time": "0.120"}
    return json.dumps({**told, "body_bytes_sent": str(n)})


def some_failed(path: Path, one_in: int, name: str) -> Path:
    """Calls of which every so manieth failed and says why, under a name that is looked at or not."""
    texts = [text for _, text in mixed(LINES // one_in, seed=1)]
    lines = (
        a_call(n, status=503, **{name: texts[n // one_in]}) if n % one_in == 0 else a_call(n) for n in range(LINES)
    )
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def show_errors(place: Path, one_in: int) -> None:
    """What the same lines cost with their error texts looked at and not, in turns."""
    paths = [some_failed(place / f"{name}-{one_in}", one_in, name) for name in ("unlooked", "message")]
    rounds = [[taken(path, LINES) for path in paths] for _ in range(ROUNDS)]
    without, spent = (min(times) for times in zip(*rounds, strict=True))
    per_text = (spent - without) / (LINES / one_in) * 1e6
    print(
        f"  1 call in {one_in} failed: {LINES / without:,.0f} lines/s without texts, {LINES / spent:,.0f} with,"
        f" {without / spent - 1:+.1%}; {per_text:.0f} µs a text"
    )


def taken(path: Path, lines: int) -> float:
    """Seconds to take a file into a new history; no line may be missing."""
    with tempfile.TemporaryDirectory() as home:
        house = a_house(Path(home))
        house.ledger  # noqa: B018  # opened before the stopwatch runs
        spent = cpu_s(lambda: take_in(house, [path], integration_id=EPIC))
        found = sum(int(p.stem.rpartition("-n")[2]) for p in (Path(home) / "history" / "readings").rglob("*.parquet"))
    if found != lines:
        raise SystemExit(f"{found} rows found, {lines} written")
    return spent


def through_json(path: Path) -> float:
    """Seconds for `json.loads` of each line, and nothing else."""
    with path.open() as file:
        return cpu_s(lambda: [None for line in file if json.loads(line) is None])


def through_duckdb(path: Path) -> float:
    """Seconds for DuckDB to read the same file into a table."""
    with duckdb.connect() as db:
        db.execute("SET threads = 1")
        return cpu_s(lambda: db.execute("CREATE TABLE t AS SELECT * FROM read_json($1)", [str(path)]))


def show(name: str, lines: int, seconds: float, beside: float) -> None:
    """One row."""
    rate, cost = f"{lines / seconds:,.0f} lines/s", f"{seconds / lines * 1e6:.1f} µs"
    print(f"  {name:<34}{rate:>18}{cost:>10}{seconds / beside:>9.1f}×")


def per_call_us(transport: httpx.BaseTransport) -> float:
    """Microseconds of one call, through a client, to an answer that costs nothing."""
    with httpx.Client(transport=transport) as client:
        began = time.perf_counter()
        for n in range(CALLS):
            client.get(f"http://a/api/FHIR/R4/Patient/eX{n}?identifier=MRN-{n}")
        return (time.perf_counter() - began) / CALLS * 1e6


LOGS = (("json_lines", a_call), ("access_log", lambda n: an_access(n % 3600)), ("nginx_json", nginx))


def record_us(to: Path) -> float:
    """Microseconds that one record costs the call itself; a thread writes it later."""
    log, request = Log(to), httpx.Request("GET", "http://a/api/FHIR/R4/Patient/eX1?identifier=MRN-1")
    began = time.perf_counter()
    for _ in range(CALLS):
        call = Call(log, EPIC, request)
        call.record["status"] = 200
        call.ended()
    spent = (time.perf_counter() - began) / CALLS * 1e6
    log.close()
    return spent


def main() -> None:
    """Every format, twice the lines, and the transport."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, line in (
            ("json_lines", a_call),
            ("access_log", lambda n: an_access(n % 3600)),
            ("nginx_json", nginx),
        ):
            (place / name).write_text("".join(f"{line(n)}\n" for n in range(LINES)))
        (place / "twice").write_text("".join(f"{a_call(n)}\n" for n in range(2 * LINES)))
        bare = best(lambda: through_json(place / "json_lines"))
        print(f"\n{LINES:,} lines, per CPU-second, best of {ROUNDS}; × json.loads of our own records")
        show("json.loads alone", LINES, bare, bare)
        show("DuckDB read_json alone", LINES, best(lambda: through_duckdb(place / "json_lines")), bare)
        for name in ("json_lines", "access_log", "nginx_json"):
            show(f"{name} into history", LINES, best(lambda name=name: taken(place / name, LINES)), bare)  # type: ignore[misc]
        show("twice the json_lines", 2 * LINES, best(lambda: taken(place / "twice", 2 * LINES)), bare)
        print("\nError texts, of failed calls alone:")
        for one_in in (100, 10, 1):
            show_errors(place, one_in)
        answer = httpx.MockTransport(lambda _: httpx.Response(200, content=b"{}"))
        plain = best(lambda: per_call_us(answer))
        seen = best(lambda: per_call_us(observed(answer, to=place / "inbox", integration=EPIC)))
        log = log_of(place / "inbox")
        log.close()
        print(f"\n{CALLS:,} calls: plain {plain:.0f} µs, observed {seen:.0f} µs: {seen - plain:.1f} µs a call;")
        inline = best(lambda: record_us(place / "records"))
        print(f"  {inline:.1f} µs of it in the call's own path, the rest beside the thread that writes")
        print(f"  {log.written:,} written, {log.dropped:,} dropped")


if __name__ == "__main__":
    main()
