"""A path of routers in one process, for who may make a network namespace of its own.

    unshare --user --map-root-user --net python -m tests.pretend_path ROUTERS LOSSY SHARE MUTE SEED

Everything that is sent to 10.78.0.9 goes into a TUN device, and this file is the network behind it. A packet that
lives for fewer hops than the path has is answered by the router where it ends (ICMP, time exceeded); the others have
their addresses swapped, so that a server at 10.77.0.1 receives them as if they came from 10.78.0.9, and its answers
come back the same way. At one router a share of the packets that come to it is lost, and with them what those behind
it would have said.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import subprocess
import sys
from contextlib import suppress
from random import Random

HERE, THERE = "10.77.0.1", "10.78.0.9"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def time_exceeded(packet: bytes, hop: int) -> bytes:
    """What router 10.79.0.HOP answers to the sender of a packet that ends there."""
    quoted = packet[:28]
    icmp = struct.pack("!BBHI", 11, 0, 0, 0) + quoted
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, bytes((10, 79, 0, hop)), packet[12:16])
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + icmp


class Path:
    """So many routers, of which one may lose a share of what would pass it."""

    def __init__(self, routers: int, lossy: int, share: float, mute: int, seed: int) -> None:
        self.routers, self.lossy, self.share, self.mute = routers, lossy, share, mute
        self.rng = Random(seed)  # noqa: S311 - a pretend path

    def answer(self, packet: bytes) -> bytes | None:
        """What comes back for a packet; None: nothing does."""
        if packet[0] >> 4 != 4:
            return None
        swapped = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        hops, is_outward = packet[8], packet[16:20] == bytes((10, 78, 0, 9)) and packet[9] == 6 and self.is_ours(packet)
        if not is_outward:
            return swapped
        end = min(hops, self.routers + 1)
        if self.lossy and end >= self.lossy and self.rng.random() < self.share:
            return None
        if end > self.routers:
            return swapped
        return None if end == self.mute else time_exceeded(packet, end)

    def is_ours(self, packet: bytes) -> bool:
        """Whether the client sent it: the server answers from its own port."""
        length = (packet[0] & 15) * 4
        return struct.unpack_from("!HH", packet, length)[1] == self.port

    port = 0


def open_tun() -> int:
    """A TUN device with a route to the other side."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"path0", IFF_TUN | IFF_NO_PI))
    for words in (
        f"addr add {HERE}/24 dev path0",
        "link set path0 up",
        "link set lo up",
        f"route add {THERE}/32 dev path0",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    return device


async def trace(routers: int, lossy: int, share: float, mute: int, seed: int) -> tuple[str, str]:
    """A path trace and a burst over such a path, as JSON."""
    from models.lookup import ANYWHERE  # noqa: PLC0415 - the namespace is made before anything of ours is loaded
    from tasks.burst import burst  # noqa: PLC0415
    from tasks.path_trace import trace_path  # noqa: PLC0415
    from tasks.trials import Reach  # noqa: PLC0415

    device, path = open_tun(), Path(routers, lossy, share, mute, seed)

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            writer.write(b"SSH-2.0-pretend\r\n")
            await reader.read()

    def forward() -> None:
        while True:
            try:
                packet = os.read(device, 65_535)
            except BlockingIOError:
                return
            if back := path.answer(packet):
                os.write(device, back)

    server = await asyncio.start_server(greet, HERE, 0)
    path.port = server.sockets[0].getsockname()[1]
    asyncio.get_running_loop().add_reader(device, forward)
    reach = Reach(THERE, path.port, None, ANYWHERE, greets=True)
    traced, row = await trace_path(reach), await burst(reach)
    server.close()
    return traced.model_dump_json(), row.model_dump_json()


if __name__ == "__main__":
    routers, lossy, share, mute, seed = sys.argv[1:]
    told = asyncio.run(trace(int(routers), int(lossy), float(share), int(mute), int(seed)))
    print(*told, sep="\n")  # noqa: T201 - for the test
