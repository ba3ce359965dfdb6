"""`heal add` and `heal remove` against the clinic: asked, tried, written, and nothing half-way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from simulator.control import Clinic, start_clinic

HEAL = Path(sys.executable).with_name("heal")
PAGE = """\
# my clinic
integrations:
  # the one that was there
  - id: other
    name: Other
    kind: http_api
    settings:
      base_url: https://api.example.org
      calls:
        Thing.list: {path: things}
    reads:
      - {operation: Thing.list, component: Things}
"""


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> Iterator[Clinic]:
    systems = ("epic", "unity", "mllp")
    with start_clinic(tmp_path_factory.mktemp("clinic"), speed=1.0, start=datetime.now(UTC), systems=systems) as one:
        yield one


@pytest.fixture(autouse=True)
def mended(clinic) -> Iterator[None]:
    yield
    clinic.mend()


def heal(folder: Path, *words: str, command: str = "add") -> subprocess.CompletedProcess[str]:
    places = ["--config", str(folder / "conf")] + (["--home", str(folder / "state")] if command == "add" else [])
    return subprocess.run(
        [HEAL, command, *words, *places], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def epic(clinic: Clinic, **changes: str) -> list[str]:
    told = {"url": clinic.epic["base_url"], "client-id": clinic.epic["client_id"], "key-id": clinic.epic["key_id"]}
    told |= {"key": clinic.epic["private_key_file"]}
    words = [word for name, text in {**told, **changes}.items() for word in (f"--{name}", text)]
    return ["epic-fhir", *words, "--set", f"ca_bundle={clinic.ca_bundle}"]


def entries(folder: Path) -> list[dict]:
    return yaml.safe_load((folder / "conf" / "integrations.yaml").read_text())["integrations"]


def test_an_epic_server_is_tried_and_written_with_the_reads_that_work(clinic, tmp_path):
    clinic.break_("epic", "forbidden", operation="VisionPrescription.search")
    done = heal(tmp_path, *epic(clinic))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SEMANTIC" in done.stdout
    (entry,) = entries(tmp_path)
    assert entry["id"] == "epic-fhir-main"
    reads = {read["operation"] for read in entry["reads"]}
    assert reads == {"Patient.search", "Appointment.search", "MedicationRequest.search"}
    valid = subprocess.run([HEAL, "validate", "-c", tmp_path / "conf"], capture_output=True, text=True, check=False)
    assert valid.returncode == 0, valid.stderr


def test_what_was_there_stays_as_it_was(clinic, tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "integrations.yaml").write_text(PAGE)
    assert heal(tmp_path, *epic(clinic)).returncode == 0
    text = (tmp_path / "conf" / "integrations.yaml").read_text()
    assert text.startswith(PAGE)
    assert heal(tmp_path, "epic-fhir-main", command="remove").returncode == 0
    assert yaml.safe_load((tmp_path / "conf" / "integrations.yaml").read_text()) == yaml.safe_load(PAGE)
    assert "# the one that was there" in (tmp_path / "conf" / "integrations.yaml").read_text()


def test_unity_and_an_interface_engine_are_added_the_same_way(clinic, tmp_path):
    unity, engine = clinic.unity, clinic.systems["mllp"]
    words = ["allscripts-unity", "--url", unity["base_url"], "--set", f"app_name={unity['app_name']}"]
    words += ["--set", f"username=file:{unity['username_file']}", "--set", f"password=file:{unity['password_file']}"]
    assert heal(tmp_path, *words, "--set", f"ca_bundle={clinic.ca_bundle}").returncode == 0
    words = ["hl7-mllp", "--set", f"host={engine['host']}", "--set", f"port={engine['port']}"]
    done = heal(tmp_path, *words, "--set", f"ca_bundle={clinic.ca_bundle}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [entry["kind"] for entry in entries(tmp_path)] == ["allscripts_unity", "hl7_mllp"]
    assert [read["operation"] for read in entries(tmp_path)[1]["reads"]] == ["Echo"]


def test_a_system_that_does_not_answer_is_not_written_unless_it_is_wanted(clinic, tmp_path):
    clinic.break_("epic", "refused")
    done = heal(tmp_path, *epic(clinic))
    assert done.returncode == 1
    assert "Nothing was written" in done.stdout
    assert not (tmp_path / "conf" / "integrations.yaml").exists()
    assert heal(tmp_path, *epic(clinic), "--anyway").returncode == 1
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["abacus"], "no kind of system is called abacus", id="no such kind"),
        pytest.param(["epic-fhir"], "epic_fhir needs more to go by; add: --set base_url=…", id="nothing is known"),
        pytest.param(["http-api", "--url", "https://x.example"], "http_api needs calls", id="too large to ask for"),
        pytest.param(["epic-fhir", "--set", "nonsense"], "as key=value", id="no pair"),
        pytest.param(["epic-fhir", "--set", "colour=red"], "epic_fhir has no setting colour", id="no such setting"),
    ],
)
def test_what_cannot_be_added_gets_one_sentence(tmp_path, words, says):
    done = heal(tmp_path, *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "conf").exists()


def test_a_secret_in_plain_is_refused_and_not_repeated(clinic, tmp_path):
    words = ["allscripts-unity", "--url", clinic.unity["base_url"], "--set", "app_name=a", "--set", "username=u"]
    done = heal(tmp_path, *words, "--set", "password=hunter2-CANARY")
    assert done.returncode == 2
    assert "hunter2-CANARY" not in done.stdout + done.stderr
    assert not (tmp_path / "conf").exists()


def test_the_same_id_twice_is_refused_and_the_page_stays(clinic, tmp_path):
    assert heal(tmp_path, *epic(clinic)).returncode == 0
    before = (tmp_path / "conf" / "integrations.yaml").read_bytes()
    done = heal(tmp_path, *epic(clinic))
    assert done.returncode == 2
    assert "each must be its own" in done.stderr
    assert (tmp_path / "conf" / "integrations.yaml").read_bytes() == before
