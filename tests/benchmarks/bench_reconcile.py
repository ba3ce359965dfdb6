"""What comparing two tables costs, beside a bare hash join on the same files and beside datacompy.

Run it from the root: `python -m tests.benchmarks.bench_reconcile`; `--rows N` for a smaller look.

Two Parquet files of 20 columns; in the second, one row of a thousand is missing, extra, there twice, or has another
value, and one of a hundred is written otherwise. Each contender runs in a process of its own with two threads, in
turns, so that a busy machine is busy for all; the peak of memory is that of the process less that of one that only
imports. The bare join finds the keys whose rows differ in any letter, and nothing else: it is the floor.

With a PostgreSQL at 127.0.0.1 the second part counts what two databases send: equal tables beside differing ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import duckdb
import pyarrow.parquet as pq
import sqlalchemy as sa

from tasks.compare import Asked, compare

COLUMNS = 20
ROUNDS = 3
PLANTED = 1000  # one row of so many, of each kind
URL = "postgresql://postgres@127.0.0.1:5432/test"

MAKE = """
select
    'K' || lpad(i::varchar, 12, '0') as key,
    (timestamp '2025-01-01' + to_seconds(i * 37 % 31000000))::varchar as start,
    (date '1930-01-01' + (hash(i, 1) % 30000)::int)::varchar as birth_date,
    printf('555-%03d-%04d', hash(i, 2) % 1000, hash(i, 3) % 10000) as phone,
    'Family' || (hash(i, 4) % 5000) as family, 'Given' || (hash(i, 5) % 900) as given,
    ['booked', 'fulfilled', 'cancelled', 'noshow'][1 + (hash(i, 6) % 4)::int] as status,
    printf('%.2f', -8 + (hash(i, 7) % 64)::int * 0.25) as sphere,
    printf('%.2f', (hash(i, 8) % 16)::int * -0.25) as cylinder,
    (1 + hash(i, 9) % 180)::varchar as axis, 'P' || (hash(i, 10) % 400000) as patient,
    'D' || (hash(i, 11) % 60) as provider, 'L' || (hash(i, 12) % 12) as location,
    md5(i::varchar) as note, (hash(i, 13) % 100000)::varchar as amount, 'C' || (hash(i, 14) % 300) as code,
    'street ' || (hash(i, 15) % 90000) as line, 'city ' || (hash(i, 16) % 800) as city,
    printf('%05d', hash(i, 17) % 100000) as postal, ['true', 'false'][1 + (hash(i, 18) % 2)::int] as active
from range({rows}) as r(i)
"""
SPOIL = """
with numbered as (select *, row_number() over (order by key) as n from source)
select * exclude n replace (
    case when n % {p} = 1 then '-' || sphere else sphere end as sphere,
    case when n % 100 = 50 then '+1 (555) ' || substr(phone, 5) else phone end as phone
) from numbered where n % {p} <> 2
union all select * exclude n from numbered where n % {p} = 3
union all select * exclude n replace ('X' || key as key) from numbered where n % {p} = 4
"""


def make(folder: Path, rows: int) -> None:
    """Write both sides."""
    db = duckdb.connect()
    db.execute(f"create table source as {MAKE.format(rows=rows)}")
    db.execute(f"copy source to '{folder}/source.parquet'")
    db.execute(f"copy ({SPOIL.format(p=PLANTED)}) to '{folder}/target.parquet'")


def bare(folder: Path) -> int:
    """A hash join of everything, by DuckDB alone."""
    db = duckdb.connect()
    db.execute("set threads = 2")
    names = pq.read_schema(folder / "source.parquet").names[1:]
    differ = " or ".join(f"s.{n} is distinct from t.{n}" for n in names)
    asked = f"""select key from '{folder}/source.parquet' s full join '{folder}/target.parquet' t using (key)
        where s.key is null or t.key is null or {differ}"""  # noqa: S608  # names of ours
    return len(db.execute(asked).fetchall())


def ours(folder: Path) -> int:
    """`heal reconcile`, without its command line."""
    return len(compare(Asked(f"{folder}/source.parquet", f"{folder}/target.parquet", ("key",))).findings)


def datacompy(folder: Path) -> int:
    """The best kept library for it: pandas frames, joined and compared column by column."""
    import pandas as pd  # noqa: PLC0415  # only who needs it shall hold it in memory
    from datacompy import PandasCompare  # noqa: PLC0415  # as above

    frames = [pd.read_parquet(folder / f"{side}.parquet") for side in ("source", "target")]
    found = PandasCompare(*frames, join_columns="key")
    missing, extra = len(found.df1_unq_rows), len(found.df2_unq_rows)
    return missing + extra + sum(int(one["unequal_cnt"]) for one in found.column_stats)


def nothing(_: Path) -> int:
    """Only what every contender imports."""
    return 0


CONTENDERS: dict[str, Callable[[Path], int]] = {
    "nothing": nothing,
    "bare join": bare,
    "ours": ours,
    "datacompy": datacompy,
}


def peak_mib() -> float:
    """Of this process, since it began: what getrusage tells is that of its parent as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def one_run(name: str, folder: Path) -> None:
    """What one contender took, as a line of JSON; imports are not counted."""
    CONTENDERS["nothing"](folder)
    began, spent = perf_counter(), process_time()
    found = CONTENDERS[name](folder)
    peak = peak_mib()
    sys.stdout.write(json.dumps([perf_counter() - began, process_time() - spent, peak, found]))


def side_mib(folder: Path) -> float:
    """One side in memory, as Arrow holds it."""
    return float(pq.read_table(folder / "source.parquet").nbytes) / 2**20


def files(rows: int) -> None:
    """Both sides as files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, rows)
        side = side_mib(folder)
        took: dict[str, list[list[float]]] = {one: [] for one in CONTENDERS}
        for _ in range(ROUNDS):
            for one in CONTENDERS:
                command = [sys.executable, "-m", "tests.benchmarks.bench_reconcile", "--one", one, "--in", name]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{one}: not run ({done.stderr.strip().splitlines()[-1] if done.stderr else 'killed'})")
                    continue
                took[one].append(json.loads(done.stdout))
    print(f"{rows:,} rows x {COLUMNS} columns a side; one side is {side:.0f} MiB in Arrow; median of {ROUNDS}\n")
    print(f"{'':12}{'wall s':>9}{'CPU s':>9}{'rows/s':>13}{'x bare':>9}{'peak MiB':>10}{'of a side':>11}{'found':>9}")
    idle = median(run[2] for run in took["nothing"])
    floor = median(run[0] for run in took["bare join"])
    for one, runs in took.items():
        if one == "nothing" or not runs:
            continue
        wall, cpu, peak = (median(run[n] for run in runs) for n in range(3))
        ratio = median(run[0] / base[0] for run, base in zip(runs, took["bare join"], strict=False))
        more = peak - idle
        print(
            f"{one:12}{wall:9.2f}{cpu:9.2f}{2 * rows / wall:13,.0f}{ratio:9.2f}{more:10.0f}{more / side:11.2f}"
            f"{runs[0][3]:9,.0f}"
        )
    print(f"\nThe bare join took {floor:.2f} s. Rows/s are those of both sides together.")


def databases(rows: int) -> None:
    """Both sides in PostgreSQL."""
    try:
        engine = sa.create_engine(URL.replace("postgresql", "postgresql+psycopg"), connect_args={"connect_timeout": 3})
        with engine.begin() as db:
            db.execute(sa.text("drop schema if exists heal_bench cascade"))
            db.execute(sa.text("create schema heal_bench"))
            values = ", ".join(f"md5((i * {n})::text) as c{n}" for n in range(1, COLUMNS))
            made = f"create table heal_bench.a as select i::text as key, {values} from generate_series(1, {rows}) i"  # noqa: S608  # numbers
            db.execute(sa.text(made))
            for table, share in (("b", 0), ("c", 1000), ("d", 10)):
                db.execute(sa.text(f"create table heal_bench.{table} as select * from heal_bench.a"))  # noqa: S608  # ours
                if share:
                    spoil = f"update heal_bench.{table} set c3 = 'x' where key::int % {share} = 7"  # noqa: S608  # as above
                    db.execute(sa.text(spoil))
    except sa.exc.SQLAlchemyError:
        print("\nNo PostgreSQL at 127.0.0.1:5432: what databases send was not counted.")
        return
    try:
        print(f"\n{rows:,} rows x {COLUMNS} columns a side in PostgreSQL: values sent, of {2 * rows * COLUMNS:,}\n")
        sent: dict[str, int] = {}
        for table, says in (("b", "equal"), ("c", "1 of 1,000 rows"), ("d", "1 of 10 rows")):
            began = perf_counter()
            found = compare(Asked(f"{URL}#heal_bench.a", f"{URL}#heal_bench.{table}", ("key",)))
            sent[says] = found.cells
            share = found.cells / (2 * rows * COLUMNS)
            print(
                f"{says:18}{found.cells:14,}{share:9.2%}{perf_counter() - began:9.2f} s{len(found.findings):9,} found"
            )
        print(f"\nEqual tables cost {sent['equal'] / sent['1 of 10 rows']:.2%} of a full compare of differing ones.")
    finally:
        with engine.begin() as db:
            db.execute(sa.text("drop schema if exists heal_bench cascade"))
        engine.dispose()


def main() -> None:
    parser: Any = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--one", choices=tuple(CONTENDERS))
    parser.add_argument("--in", dest="folder", type=Path)
    asked = parser.parse_args()
    if asked.one:
        one_run(asked.one, asked.folder)
        return
    files(asked.rows)
    databases(min(asked.rows, 200_000))


if __name__ == "__main__":
    main()
