"""Commands on what cannot work: one clear sentence, the right exit code, no traceback, and nothing recorded is lost."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flows import demo_configuration
from simulator.control import Clinic, start_clinic
from tasks.remember import ask
from tests.scenarios.staging import HEAL, configure, run

pytestmark = pytest.mark.scenario

UNITY, EPIC = "allscripts-unity-prod", "epic-fhir-prod"
LONG_AGO = "INC-2020-01-01-001"
EVERYTHING = "SELECT count(*) AS calls FROM readings"


class Desk(NamedTuple):
    """A clinic, and a house that has recorded something."""

    clinic: Clinic
    folder: Path
    environment: dict[str, str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def pages(self, name: str, *integrations: dict[str, Any]) -> Path:
        return configure(self.folder / name, *integrations)

    def whole(self) -> Path:
        """Both integrations, as they should be written."""
        return self.pages("whole", self.unity(), self.epic())

    def unity(self, **settings: Any) -> dict[str, Any]:
        return with_settings(demo_configuration.unity(self.clinic), settings)

    def epic(self, **settings: Any) -> dict[str, Any]:
        return with_settings(demo_configuration.epic(self.clinic), settings)

    def heal(self, *words: object) -> subprocess.CompletedProcess[str]:
        return run([HEAL, *words, "--home", self.home], COLUMNS="200", **self.environment)

    def recorded(self) -> int:
        return int(ask(self.home, EVERYTHING)[0]["calls"])


def with_settings(page: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    few = [{**read, "calls": 1} for read in page["reads"]]
    return {**page, "settings": {**page["settings"], **settings}, "reads": few}


@pytest.fixture(scope="module")
def desk(tmp_path_factory, prefect_server) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with start_clinic(folder / "clinic", speed=1.0) as clinic:
        desk = Desk(clinic, folder, prefect_server.environment)
        first = desk.heal("monitor", "--once", "--config", desk.whole())
        assert (first.returncode, first.stderr) == (0, "Starting the workflow engine …\n"), first.stderr
        yield desk


@pytest.fixture(autouse=True)
def nothing_is_lost(desk) -> Iterator[None]:
    before = desk.recorded()
    assert before >= 6
    yield
    desk.clinic.mend()
    assert desk.recorded() >= before


def broken_yaml(desk: Desk) -> list[object]:
    directory = desk.pages("broken", desk.epic())
    page = directory / "integrations.yaml"
    page.write_text(page.read_text(encoding="utf-8") + "  - [this is, not closed\n", encoding="utf-8")
    return ["monitor", "--once", "--config", directory]


def missing_secret(desk: Desk) -> list[object]:
    return ["probe", UNITY, "--config", desk.pages("secretless", desk.unity(password="file:/nowhere/to/be/found"))]


def missing_variable(desk: Desk) -> list[object]:
    page = desk.pages("unset", desk.unity(password="env:HEAL_TEST_UNSET"))
    return ["monitor", "--once", "--config", page]


@pytest.mark.parametrize(
    ("command", "says", "lines"),
    [
        pytest.param(broken_yaml, "integrations.yaml:32: this line does not line up", 1, id="broken YAML"),
        pytest.param(
            missing_secret, "there is no file /nowhere/to/be/found that can be reached", 1, id="no secret file"
        ),
        pytest.param(missing_variable, "HEAL_TEST_UNSET is not set; set it", 1, id="no such variable"),
        pytest.param(lambda _: ["monitor", "-c", "/nowhere"], "there is no such file; start from", 2, id="no pages"),
        pytest.param(lambda d: ["probe", "epic", "-c", d.whole()], f"declares: {UNITY}, {EPIC}", 1, id="no such id"),
        pytest.param(lambda d: ["report", "epic", "-c", d.whole()], f"declares: {UNITY}", 1, id="no such report"),
        pytest.param(lambda d: ["explain", LONG_AGO, "-c", d.whole()], LONG_AGO, 1, id="no such incident"),
        pytest.param(lambda _: ["sql", "DROP TABLE readings"], "answers one SELECT", 1, id="not a question"),
        pytest.param(lambda _: ["sql", "SELECT patient FROM readings"], '"patient" not found', 2, id="no such column"),
    ],
)
def test_what_a_person_got_wrong_is_said_in_a_sentence_each(desk, command, says, lines):
    done = desk.heal(*command(desk))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == lines


def nobody_listens() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def test_an_unreachable_host_is_a_reading_and_no_error_of_ours(desk):
    nowhere = f"https://127.0.0.1:{nobody_listens()}/api/FHIR/R4"
    directory = desk.pages("unreachable", desk.epic(base_url=nowhere, token_url=f"{nowhere}/token"))
    probed = desk.heal("probe", EPIC, "--config", directory)
    assert (probed.returncode, probed.stderr) == (1, "")
    assert re.search(r"✗ +TCP ", probed.stdout), probed.stdout
    before = desk.recorded()
    watched = desk.heal("monitor", "--once", "--config", directory)
    assert watched.returncode in {0, 1}, watched.stderr
    assert "Traceback" not in watched.stdout + watched.stderr
    assert desk.recorded() == before + 3


def test_a_page_for_people_instead_of_json_is_a_reading_and_no_error_of_ours(desk):
    directory = desk.whole()
    desk.clinic.break_("epic", "html_page")
    probed = desk.heal("probe", EPIC, "--config", directory)
    assert (probed.returncode, probed.stderr) == (1, "")
    assert re.search(r"✗ +HTTP .* HTTP 200, html page", probed.stdout), probed.stdout
    watched = desk.heal("monitor", "--once", "--config", directory)
    assert watched.returncode in {0, 1}, watched.stderr
    assert "Traceback" not in watched.stdout + watched.stderr
    (found,) = ask(desk.home, "SELECT count(*) AS pages FROM readings WHERE outcome = 'malformed'")
    assert found["pages"] == 3
    assert "password" not in probed.stdout + watched.stdout  # the page itself is never quoted


def test_serve_on_a_port_that_is_taken_says_so(desk):
    own = {name: value for name, value in desk.environment.items() if not name.startswith("PREFECT_API")}
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        port = str(door.getsockname()[1])
        command = [HEAL, "serve", "--port", port, "--config", desk.whole(), "--home", desk.home]
        done = run(command, timeout_s=90, **own)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines() == [
        f"port {port} cannot be used (Address already in use); choose another with --port"
    ]
