"""An SFTP partner that means harm: ten gigabytes in every file, and folders without end. Prints port and host key.

`python -m tests.liar DIRECTORY`; anybody may come in, the key for it is written into the directory.
"""

# ruff: noqa: ARG002 - the signatures are asyncssh's

from __future__ import annotations

import asyncio
import stat
import sys
from pathlib import Path

import asyncssh


class Shelf(asyncssh.SFTPServer):
    """Says yes to everything."""

    def lstat(self, path):
        return asyncssh.SFTPAttrs(size=10 << 30, mtime=0, permissions=stat.S_IFREG | 0o600)

    def fstat(self, file_obj):
        return self.lstat(b"")

    def open(self, path, pflags, attrs):
        return object()

    def close(self, file_obj):
        return None

    def read(self, file_obj, offset, size):
        return b"1,Testpatient,2\n" * (size // 16)

    async def scandir(self, path):
        while True:
            yield asyncssh.SFTPName(b"x" * 200, attrs=asyncssh.SFTPAttrs(size=1, mtime=1, permissions=0o100600))


class Desk(asyncssh.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username):
        return False


async def run(root: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (root / "key").write_bytes(key.export_private_key())
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Desk, server_host_keys=[key], sftp_factory=Shelf)
    print(server.get_port(), key.get_fingerprint(), flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
