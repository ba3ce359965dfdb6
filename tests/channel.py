"""A small interface channel as a process of its own: takes messages over MLLP, keeps them, consumes them, answers.

    python channel.py serve   FOLDER PORT    until it is killed
    python channel.py restart FOLDER PORT    kill it and start another on the same queue; HEAL_KEY is written down
    python channel.py did     FOLDER KEY     ends with 0 when the latest restart had this key, else with 1
    python channel.py drain   FOLDER         nothing new is taken; `open` lets new messages in again
    python channel.py quiet   FOLDER         ends with 0 while it is drained, else with 1

While a file `jam` lies in its folder, its two threads take two locks in opposite orders, as a wrong program does: they
wait for each other for ever, and only another process consumes what they left. With a file `rejects` every message is
refused; with a file `broken` no further process comes up. It knows the standard library alone.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PATIENCE_S = 5.0
QUEUE, ORDER = threading.Lock(), threading.Lock()


def serve(folder: Path, port: int) -> None:
    """Two threads: who consumes the queue, and (here) who takes messages and waits until they were consumed."""
    threading.Thread(target=consume, args=(folder,), daemon=True).start()
    with socket.create_server(("127.0.0.1", port)) as listener:
        (folder / "pid").write_text(str(os.getpid()))
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=take, args=(peer, folder), daemon=True).start()


def take(peer: socket.socket, folder: Path) -> None:
    """Messages of one connection: kept first, answered when they were consumed."""
    with peer:
        held = b""
        while piece := peer.recv(65_536):
            held += piece
            while b"\x1c\r" in held:
                message, _, held = held.partition(b"\x1c\r")
                if (folder / "drained").exists():
                    return
                peer.sendall(answered(message, folder))


def answered(message: bytes, folder: Path) -> bytes:
    """The acknowledgement, once the message was consumed."""
    head = message.lstrip(b"\x0b").split(b"\r")[0].split(b"|")
    kept = folder / "queue" / f"{time.monotonic_ns()}"
    with QUEUE:
        kept.write_bytes(message)
        if (folder / "jam").exists():
            time.sleep(0.05)
            ORDER.acquire()
    while kept.exists():
        time.sleep(0.002)
    ids = head[4:6] + head[2:4]
    ack = b"|".join([b"MSH", head[1], *ids, head[6], b"", b"ACK", b"1" + head[9], head[10], head[11]])
    verdict = b"AR" if (folder / "rejects").exists() else b"AA"
    return b"\x0b" + ack + b"\rMSA|" + verdict + b"|" + head[9] + b"\r\x1c\r"


def consume(folder: Path) -> None:
    """Take from the queue, oldest first."""
    while True:
        if (folder / "jam").exists():
            with ORDER:
                time.sleep(0.1)
                QUEUE.acquire()
        for kept in sorted((folder / "queue").iterdir()):
            kept.rename(folder / "done" / kept.name)
        time.sleep(0.002)


def restart(folder: Path, port: int) -> None:
    """Another process in the place of the one that hangs."""
    if (folder / "pid").exists():
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    (folder / "pid").unlink(missing_ok=True)
    (folder / "jam").unlink(missing_ok=True)
    with (folder / "restarts").open("a") as told:
        told.write(os.environ.get("HEAL_KEY", "by hand") + "\n")
    process = subprocess.Popen(
        [sys.executable, __file__, "serve", str(folder), str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + PATIENCE_S
    while not (folder / "pid").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


def main(what: str, folder: Path, *rest: str) -> int:
    """See the head of this file."""
    if what == "serve" and not (folder / "broken").exists():
        serve(folder, int(rest[0]))
    elif what == "restart":
        restart(folder, int(rest[0]))
    elif what == "did":
        done = (folder / "restarts").read_text().split("\n") if (folder / "restarts").exists() else []
        return 0 if rest[0] in done else 1
    elif what == "drain":
        (folder / "drained").touch()
    elif what == "open":
        (folder / "drained").unlink(missing_ok=True)
    elif what == "quiet":
        return 0 if (folder / "drained").exists() else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
