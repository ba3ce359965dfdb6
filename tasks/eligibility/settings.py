"""What an eligibility integration is configured with: over HTTP, or over two folders."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import model_validator

from models.integration import Duration, SecretReference
from models.noun import Advice, Noun
from models.x12_inquiry import Inquiry, Party, Payer, Provider, ServiceType
from tasks.auth_schemes import Access, NoAccess
from tasks.http import BaseUrl

OPERATION = "Eligibility.inquiry"  # the one thing that may be read
RESOURCE = "Eligibility"


class Member(Noun):
    """Where the test member's particulars are. A member number is health information, so it never stands here."""

    member_id: SecretReference
    last_name: SecretReference
    first_name: SecretReference
    birth_date: SecretReference  # YYYYMMDD


class Settings(Noun):
    """The `settings:` of an integration of this kind."""

    base_url: BaseUrl | None = None  # where inquiries are posted
    envelope: Literal["plain", "core"] = "plain"  # the message alone, or CAQH CORE's MIME form
    auth: Access = NoAccess()
    ca_bundle: str | None = None  # PEM file, relative to the configuration
    outbox: str | None = None  # the folder that inquiries are put into, relative to the configuration
    inbox: str | None = None  # the folder that answers come into
    answer_within: Duration = timedelta(seconds=60)  # over folders; it may be longer than one read waits
    sender: Party
    receiver: Party
    payer: Payer
    provider: Provider
    member: Member
    service_type: ServiceType = "30"
    usage: Literal["test", "production"] = "test"

    @model_validator(mode="after")
    def _goes_one_way(self) -> Settings:
        """HTTP or folders, not both and not half of either."""
        folders = [folder for folder in (self.outbox, self.inbox) if folder is not None]
        if bool(self.base_url) == bool(folders) or len(folders) == 1:
            raise Advice("write base_url to ask over HTTP, or outbox and inbox to ask over two folders")
        if folders and (not isinstance(self.auth, NoAccess) or self.envelope == "core"):
            raise Advice("auth and envelope are for HTTP; over folders, leave them out")
        return self

    @property
    def inquiry(self) -> Inquiry:
        """What every inquiry has in common."""
        usage: Literal["P", "T"] = "P" if self.usage == "production" else "T"
        kept = self.model_dump(include={"sender", "receiver", "payer", "provider", "service_type"})
        return Inquiry(**kept, usage=usage)
