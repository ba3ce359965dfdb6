"""What the `settings:` of an `allscripts_unity` integration may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from models.integration import Duration, SecretReference, Text
from models.noun import Noun
from models.reading import Operation
from tasks.http import BaseUrl

Parameter = Literal[
    "PatientID", "Parameter1", "Parameter2", "Parameter3", "Parameter4", "Parameter5", "Parameter6", "Data"
]
ActionName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{1,60}$")]


class Action(Noun):
    """A Magic action and what it is asked with."""

    action: ActionName
    parameters: dict[Parameter, str] = Field(default_factory=dict, repr=False)  # may name a patient
    since: Parameter | None = None  # which of them begins a span; None: its records are not read by spans
    until: Parameter | None = None  # … and which ends it; None: a span reaches to now

    @property
    def names_nobody(self) -> bool:
        """Whether it is asked without parameters."""
        return not any(self.parameters.values())


DEFAULT_ACTIONS = {  # known without being written down
    "GetPatient": Action(action="GetPatient"),
    "GetSchedule": Action(action="GetSchedule", since="Parameter1", until="Parameter2"),
    "GetPrescriptions": Action(action="GetPrescriptions", since="Parameter1", until="Parameter2"),
}


class Settings(Noun):
    """The `settings:` of an integration of this kind."""

    base_url: BaseUrl  # up to and with /UnityService.svc/json
    app_name: Text
    username: Text  # itself, or by reference
    password: SecretReference
    ehr_user: Text | None = None  # AppUserID; None: the same as `username`
    ehr_password: SecretReference | None = None  # given: GetUserAuthentication after each log-in
    session_lifetime: Duration | None = None  # as the vendor documents it; when it proves shorter, we learn
    ca_bundle: str | None = None  # PEM file, relative to the configuration
    actions: dict[Operation, Action] = Field(default_factory=dict)

    def action(self, operation: str) -> Action | None:
        """What a declared read asks; the read-only three are known without being written down."""
        return self.actions.get(operation) or DEFAULT_ACTIONS.get(operation)
