"""Call: one call of a JSON API as a configuration declares it, and the moments that its path may name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal, get_args
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, model_validator

from models.integration import SECONDS_PER_UNIT, Duration
from models.json_path import JsonPath, check_path
from models.noun import Advice, Noun
from models.reading import Code, Direction, Outcome
from models.scopes import Scope

RELATIVE = re.compile(
    r"^(?!/)(?:[A-Za-z0-9._~%!$'()*+,;=:@{}-]+/?)*(?:\?[A-Za-z0-9._~%!$'()*+,;:@/?={}&\[\]-]*)?$"
)  # the characters of RFC 3986, 3.3 and 3.4, without `//` and without a fragment
MOMENT = re.compile(r"\{(now|today)(?:([+-])([0-9]{1,5})([smhd]))?\}")
SECRET_PARAMETER = re.compile(
    r"[?&](?:[A-Za-z0-9_.-]*(?:token|secret|passw|signature|credential)[A-Za-z0-9_.-]*|sig|auth|(?:[a-z]*[_-]?)key)=",
    re.IGNORECASE,
)
LINK_HEADER = "link header"  # written as `next:` where the next page stands in a header (RFC 8288)
DEFAULT_ERRORS = ("error", "fault")


def check_relative(value: str) -> str:
    """Refuse a path that could lead to another server, or that carries a secret.

    Raises:
        Advice: with a sentence that does not repeat it.
    """
    if SECRET_PARAMETER.search(value):
        raise Advice("a secret in a URL lands in the logs of every machine on the way; put it under auth")
    plain = MOMENT.sub("", value)
    if len(value) > 500 or "{" in plain or "}" in plain:  # noqa: PLR2004 - longer than any path that people write
        raise Advice("between { and } stands now or today, and what to add: {now-1h}, {today+7d}")
    first, *others = plain.split("?", 1)[0].split("/")
    if not RELATIVE.match(plain) or ":" in first or ".." in (first, *others):
        raise Advice("write a path relative to base_url, such as appointments?per_page=50")
    return value


def as_meanings(value: object) -> object:
    """`[A, B]` → `{A: None, B: None}`; a mapping is left as it is."""
    return dict.fromkeys(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value


def check_following(value: str) -> str:
    """Refuse what says neither where in the answer nor that it is in a header.

    Raises:
        Advice: with a sentence that says both.
    """
    if re.sub("[-_ ]", " ", value).lower() == LINK_HEADER:
        return LINK_HEADER
    try:
        return check_path(value)
    except Advice:
        raise Advice(f"write a path such as page.next, or `{LINK_HEADER}`") from None


RelativePath = Annotated[str, AfterValidator(check_relative)]
Meaning = Literal["unauthenticated", "forbidden", "throttled", "client_error", "server_error", "semantic", "partial"]
Codes = Annotated[dict[Code, Meaning | None], BeforeValidator(as_meanings)]
"""Machine codes of the vendor that may leave, each with what it means; None: what the status means."""
Paths = Annotated[tuple[JsonPath, ...], Field(max_length=20)]
Following = Annotated[str, AfterValidator(check_following)]
Status = Annotated[int, Field(ge=100, le=599)]


class Call(Noun):
    """What one operation asks, and how its answer is to be understood."""

    path: RelativePath  # relative to base_url
    method: Literal["GET", "HEAD", "POST"] = "GET"
    safe: bool = False  # a person says so: this POST only asks, and may be sent again
    body: Any = Field(default=None, repr=False)  # JSON of a POST; may name a patient
    expect: Annotated[frozenset[Status], Field(min_length=1)] = frozenset({HTTPStatus.OK})
    records: JsonPath | None = None  # a list, or how many there are
    newest: JsonPath | None = None  # when records last changed
    fresh_within: Duration | None = None  # an answer whose newest record is older is stale
    require: Paths = ()  # what must be there, in every record
    error: Paths = DEFAULT_ERRORS  # what is there only when it went wrong, whatever the status says
    next: Following | None = None  # where the next page is
    cursor: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")] | None = None
    scope: Scope | None = None  # what a token must be good for; to notice when it is taken away
    resource: Code | None = None
    direction: Direction = Direction.IN
    max_pages: Annotated[PositiveInt, Field(le=50)] = 5

    @model_validator(mode="after")
    def _is_possible(self) -> Call:
        """Keys that need each other."""
        if self.method == "POST" and not self.safe:
            raise Advice("a POST is only sent with `safe: true`, by which you say that it changes nothing there")
        if self.method != "POST" and self.body is not None:
            raise Advice("`body` goes with `method: POST`")
        if self.method == "HEAD" and self.reads_json:
            raise Advice("HEAD brings no body; leave records, newest, require and next out, or use GET")
        if self.fresh_within is not None and self.newest is None:
            raise Advice("`fresh_within` needs `newest`: the path to when records last changed")
        if self.cursor is not None and self.next in {None, LINK_HEADER}:
            raise Advice("`cursor` needs `next`: the path to the value that it is given")
        return self

    @property
    def reads_json(self) -> bool:
        """Whether the answer must be JSON to be of use."""
        return bool(self.records or self.newest or self.require or self.next)

    def written(self, as_of: datetime, timezone: str) -> str:
        """The path with its moments filled in: `{now-1h}` in UTC, `{today}` as the practice's calendar has it."""

        def moment(match: re.Match[str]) -> str:
            word, sign, number, unit = match.groups()
            away = timedelta(seconds=int(number or 0) * SECONDS_PER_UNIT[unit or "s"])
            at = as_of - away if sign == "-" else as_of + away
            if word == "today":
                return at.astimezone(ZoneInfo(timezone)).date().isoformat()
            return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        return MOMENT.sub(moment, self.path)


def with_parameter(path: str, name: str, value: str) -> str:
    """A path with one query parameter set, in place of an earlier one."""
    place, _, query = path.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] != quote(name)]
    return f"{place}?{'&'.join([*kept, urlencode({name: value})])}"


MEANINGS: Mapping[str, Outcome] = {word: Outcome(word) for word in get_args(Meaning)}
