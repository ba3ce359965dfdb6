"""What goes wrong with *us*. A sick integration is a value (a `Reading`), never one of these.

    HealError                    exit code, and a sentence that says what to do
    ├── Misconfigured     (2)    the configuration is wrong; carries every mistake with its place
    ├── BadInput          (2)    a file, argument or report a person gave us cannot be used
    ├── Refused           (3)    policy forbids it; a person must decide
    ├── Permanent         (3)    trying again cannot help
    ├── Transient         (1)    trying again may help
    └── LedgerConflict    (1)    somebody else moved first (stale token or version)

`Transient` is the only one that a flow retries, see `is_transient`.
"""

from __future__ import annotations

from models.noun import Noun

HEALTHY, DEGRADED, MISCONFIGURED, NEEDS_HUMAN = 0, 1, 2, 3


class HealError(Exception):
    """The root: `str(error)` is one clear sentence with the place and the cure."""

    exit_code = DEGRADED


class Mistake(Noun):
    """One thing wrong in a file a person wrote.

    `line` is 1-based; 0 when the mistake belongs to the whole file.
    """

    file: str
    line: int
    says: str  # what is wrong, and what to do about it

    def __str__(self) -> str:
        """`file:line: says`, the form editors and terminals can jump to."""
        return f"{self.file}:{self.line}: {self.says}" if self.line else f"{self.file}: {self.says}"


class Misconfigured(HealError):
    """The configuration is wrong; every mistake is listed at once."""

    exit_code = MISCONFIGURED

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(map(str, mistakes)))


class BadInput(HealError):
    """Something a person handed us cannot be used."""

    exit_code = MISCONFIGURED


class Refused(HealError):
    """Policy does not allow it."""

    exit_code = NEEDS_HUMAN


class Permanent(HealError):
    """Trying again cannot help."""

    exit_code = NEEDS_HUMAN


class Transient(HealError):
    """Trying again may help; not before `retry_after_s` where the other side has said so."""

    def __init__(self, *says: object, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(*says)


class LedgerConflict(HealError):
    """Another process won: the lease token or the version we hold is stale."""


def is_transient(error: BaseException) -> bool:
    """Whether to try again; the one judgement shared by every retry in the house."""
    return isinstance(error, Transient)
