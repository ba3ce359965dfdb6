"""What the `settings:` of a `flat_file` integration may say."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from models.drop import ExpectedFile
from models.integration import SecretReference, Text
from models.noun import Noun
from models.reading import Operation

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}")


def parse_host_keys(value: object) -> object:
    """One fingerprint or several, as `ssh-keygen -l` prints them."""
    listed = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not listed or not all(isinstance(one, str) and FINGERPRINT.fullmatch(one) for one in listed):
        raise ValueError(
            "write the fingerprint that `ssh-keyscan HOST | ssh-keygen -lf -` prints, SHA256:…, or a list of them; "
            "let the partner confirm it by another way than this connection"
        )
    return listed


def check_host(value: str) -> str:
    """Refuse what is no name or address of a host."""
    if not HOST.fullmatch(value):
        raise ValueError("write the host's name alone, e.g. sftp.partner.example.org; `port` and `folder` are keys")
    return value


class Server(Noun):
    """An SFTP server, and who we are there."""

    host: Annotated[Text, AfterValidator(check_host)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 22
    username: Text  # itself, or by reference
    host_key: Annotated[tuple[str, ...], BeforeValidator(parse_host_keys)]  # nothing else is trusted
    private_key: SecretReference | None = None
    passphrase: SecretReference | None = None  # of the private key
    password: SecretReference | None = None

    @model_validator(mode="after")
    def _can_log_in(self) -> Server:
        if self.private_key is None and self.password is None:
            raise ValueError("give a `private_key` or a `password`; the keys of the user are never looked for")
        return self


class Settings(Noun):
    """The `settings:` of an integration of this kind."""

    folder: Text  # of this machine, relative to the configuration; with `sftp`, on the server
    sftp: Server | None = None
    holidays: tuple[date, ...] = ()  # of the sender: days on which nothing is due
    files: Annotated[dict[Operation, ExpectedFile], Field(min_length=1)]
