"""What may go wrong with files, and with the SSH server before them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from simulator.faults import Fault

SFTP = ("sftp",)
Part = Annotated[float, Field(gt=0, lt=1)]


class FileMissing(Fault):
    """The newest file does not come."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    operation: str | None = None
    elsewhere: bool = False  # it lies in a folder beside


class FileLate(Fault):
    """The newest file comes `minutes` later than usual."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    minutes: PositiveInt
    operation: str | None = None


class FileTruncated(Fault):
    """The newest file breaks off after a share of its bytes."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    share: Part = 0.6
    operation: str | None = None


class TrailerWrong(Fault):
    """The trailer of the newest file states `by` rows too many."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    by: PositiveInt = 3
    operation: str | None = None


class SameFileAgain(Fault):
    """The newest file has the content of the one before."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    operation: str | None = None


class ColumnsChanged(Fault):
    """The newest file has another header: a column `added`, `removed`, `renamed`, `reordered`, or a new `delimiter`."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    how: Literal["added", "removed", "renamed", "reordered", "delimiter"] = "removed"
    operation: str | None = None


class EncodingChanged(Fault):
    """The newest file is written in another encoding, or with a byte order mark."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    to: Literal["cp1252", "utf-16", "utf-8-sig"] = "cp1252"
    operation: str | None = None


class HalfSize(Fault):
    """The newest file holds a share of its rows, and says so in its trailer."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    share: Part = 0.4
    operation: str | None = None


class StillGrowing(Fault):
    """The newest file is being written, for as long as the fault lasts."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    operation: str | None = None


class UploadBroken(Fault):
    """What we sent last does not lie at the partner's (`lost`), or not all of it (`short`)."""

    systems: ClassVar[tuple[str, ...]] = SFTP
    how: Literal["lost", "short"] = "lost"


class HostKeyChanged(Fault):
    """The server shows another host key."""

    systems: ClassVar[tuple[str, ...]] = SFTP


class KeyRefused(Fault):
    """No key and no password is accepted."""

    systems: ClassVar[tuple[str, ...]] = SFTP
