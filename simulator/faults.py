"""Everything that can be broken, by name, with its parameters. To add a fault is to add a class here."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, ValidationError, model_validator

from models.catalogue import load, names
from models.errors import BadInput
from models.noun import Noun

HTTP = ("epic", "unity", "api", "clearinghouse")  # whose service speaks HTTP, and can play what is on this page
WITH_TOKENS = ("epic", "unity", "api")  # those of them whose log-ins end
PORTS = (*HTTP, "mllp", "sftp")  # systems behind ports of our own, which can be shut, silent, slow or cut
ROOM = "simulator.systems"

Probability = Annotated[float, Field(gt=0, le=1)]


class Fault(Noun):
    """A way to be broken; the first line of a fault's docstring is what people read about it."""

    systems: ClassVar[tuple[str, ...]] = HTTP
    route: Literal["main", "all"] = "all"  # `all`: both Epic ports share one troubled network path

    def concerns(self, route: str, operation: str) -> bool:
        """Whether a request by this route, for this operation, meets the fault."""
        wanted = getattr(self, "operation", None)
        return self.route in ("all", route) and wanted in (None, operation)


class TokenExpiresEarly(Fault):
    """Tokens live only `lifetime_s` simulated seconds, also those issued before; the answer hides it."""

    systems: ClassVar[tuple[str, ...]] = WITH_TOKENS
    lifetime_s: PositiveFloat


class RefreshRefused(Fault):
    """No new token: OAuth says invalid_client; Unity refuses log-in until expired sessions are retired."""

    systems: ClassVar[tuple[str, ...]] = WITH_TOKENS


class RateLimit(Fault):
    """Calls above `per_minute` (simulated) get 429, and nothing gets through for `wait_s` if that is set."""

    per_minute: PositiveInt
    retry_after: Literal["none", "seconds", "date"] = "seconds"
    wait_s: PositiveFloat | None = None  # None: until the minute is over
    grows_s: NonNegativeFloat = 0.0  # by which each call that is refused meanwhile lengthens it
    operation: str | None = None


class Latency(Fault):
    """Every answer takes `add_ms` real milliseconds longer."""

    systems: ClassVar[tuple[str, ...]] = PORTS
    add_ms: Annotated[NonNegativeFloat, Field(le=120_000)]
    operation: str | None = None


class ServerErrors(Fault):
    """A share of data calls, each by itself, is answered with a 5xx status."""

    share: Probability = 1.0
    status: Literal[500, 502, 503, 504] = 503
    operation: str | None = None


class Resets(Fault):
    """A share of calls ends in a TCP reset, in clusters of `mean_burst` requests (Gilbert–Elliott)."""

    systems: ClassVar[tuple[str, ...]] = PORTS
    share: Annotated[float, Field(gt=0, lt=1)]
    mean_burst: Annotated[float, Field(ge=1)] = 5.0
    when: Literal["before", "after"] = "after"  # the server has acted on the request; `after`: it has
    connecting: bool = False  # a new connection may be cut too, as on a path that loses packets (HTTP only)

    @model_validator(mode="after")
    def _is_possible(self) -> Resets:
        """Bursts so short cannot fill a share so large: good states would last under one request."""
        if self.share / (1 - self.share) > self.mean_burst:
            raise ValueError("mean_burst must be at least share / (1 - share)")
        return self


class ResetsEvery(Fault):
    """Every `nth` data call, counted from now, ends in a TCP reset of its connection."""

    nth: Annotated[int, Field(ge=2)]
    operation: str | None = None


class LostAnswers(Fault):
    """A share of data calls is acted upon, and ends in a TCP reset instead of its answer; each call by itself."""

    share: Probability = 0.1
    operation: str | None = None


class BlackHole(Fault):
    """Connections are accepted and never answered."""

    systems: ClassVar[tuple[str, ...]] = PORTS


class Refused(Fault):
    """Nobody listens on the port."""

    systems: ClassVar[tuple[str, ...]] = PORTS


class HtmlPage(Fault):
    """Data calls are answered 200 with an HTML log-in page."""

    operation: str | None = None


class FormatWithdrawn(Fault):
    """Data calls that do not take application/json are answered 406: FHIR's own media type is no longer served."""

    operation: str | None = None


class Maintenance(Fault):
    """Data calls are answered 503 with a page that speaks of maintenance, and with how long it lasts."""

    retry_after_s: PositiveInt = 1800


class Forbidden(Fault):
    """Data calls are answered 403, in the vendor's own format."""

    systems: ClassVar[tuple[str, ...]] = ("epic", "api")
    operation: str | None = None


class MalformedJson(Fault):
    """Good answers break off in the middle of their JSON."""

    operation: str | None = None


class BadCertificate(Fault):
    """The server shows another certificate: a bad one, one of another issuer, or one that ends in `days`."""

    shows: Literal["expired", "not_yet_valid", "host", "self_signed", "stranger", "issuer", "ending"]
    days: Annotated[PositiveFloat, Field(le=3650)] = 7.0  # simulated, of `ending`


class ScopeNarrowed(Fault):
    """The client lost its right to one resource: new tokens do not grant it, and its reads are answered 403."""

    systems: ClassVar[tuple[str, ...]] = ("epic",)
    resource: Literal["Patient", "Appointment", "MedicationRequest", "VisionPrescription"]


def name_of(fault: type[Fault]) -> str:
    """`TokenExpiresEarly` → `token_expires_early`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", fault.__name__).lower()


def faults() -> dict[str, type[Fault]]:
    """Every fault by name: those of this page, and those that stand beside a system."""
    for system in names(ROOM):
        load(ROOM, system)
    return {name_of(fault): fault for fault in Fault.__subclasses__()}


def describe(fault: type[Fault]) -> dict[str, Any]:
    """What the catalogue shows: a sentence, the systems, and each parameter with its default."""
    parameters = {
        name: "required" if field.is_required() else field.default for name, field in fault.model_fields.items()
    }
    says = (fault.__doc__ or "").split("\n", maxsplit=1)[0]
    return {"says": says, "systems": fault.systems, "parameters": parameters}


def parse(system: str, name: str, parameters: object, operations: frozenset[str]) -> Fault:
    """The fault of this name for this system.

    Raises:
        BadInput: one sentence that lists the names, parameters or operations there are.
    """
    fault = find(system, name)
    if not isinstance(parameters, dict):
        raise BadInput(f"The parameters of {name} must be a JSON object.")
    try:
        parsed = fault.model_validate(parameters)
    except ValidationError as error:
        wrong = "; ".join(_mistake(one) for one in error.errors(include_input=False, include_url=False))
        takes = ", ".join(fault.model_fields)
        raise BadInput(f"{name} cannot be set: {wrong}. It takes: {takes}.") from None
    wanted = getattr(parsed, "operation", None)
    if wanted not in {None, *operations}:
        known = ", ".join(sorted(operations))
        raise BadInput(f"{system} has no operation of that name; there are: {known}.")
    return parsed


def find(system: str, name: str) -> type[Fault]:
    """The class of a fault that this system can have.

    Raises:
        BadInput: one sentence that lists the names there are.
    """
    if system not in (systems := names(ROOM)):
        raise BadInput(f"There is no system of that name; there are: {', '.join(systems)}.")
    known = [other for other, fault in faults().items() if system in fault.systems]
    if name not in known:
        raise BadInput(f"{system} has no fault of that name; there are: {', '.join(known)}.")
    return faults()[name]


def _mistake(error: Any) -> str:  # noqa: ANN401 (pydantic_core.ErrorDetails, which pydantic does not export)
    place = ".".join(map(str, error["loc"])) or "together"
    return f"{place}: {error['msg']}"
