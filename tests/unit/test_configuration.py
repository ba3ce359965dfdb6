"""Reading a configuration: the examples we ship, secrets by reference, the page that explains the keys."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from models import catalogue
from models.actuator import Actuators
from models.api_call import Call
from models.api_canary import ApiCanary
from models.bridge import Bridge
from models.calendar import Hours
from models.canary import Canary
from models.channel import Answering
from models.configuration import Configuration
from models.control_setting import ControlSettings
from models.drop import ExpectedFile
from models.errors import Misconfigured
from models.feed import Feed
from models.hl7_messages import Message
from models.integration import Contacts, DeclaredCredential, Integration, MetricQuery, Read, Route, Sla
from models.limit import Limit
from models.maintenance import Maintenance
from models.notify.chain import Link
from models.objective import Objective
from models.policy import Approving, Channel, EscalationRule, Heartbeat, Limits, Permission, Policy
from models.receiver import Receiver
from models.remedy import EffectClass, Remedy
from models.tier import Mode
from tasks.configuration.integrations import check_integrations, check_reads
from tasks.configuration.page import read_page
from tasks.configuration.policy import check_auto
from tasks.configuration.references import is_plain_secret, trouble_with
from tasks.configure import load
from tasks.connectors._hl7_canary import Hl7Canary
from tasks.connectors._hl7_sends import Hl7Sending

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deployments"


def example(directory: Path, **changes: tuple[str, str]) -> Path:
    """A copy of the shipped files, with texts replaced."""
    for name in ("integrations.yaml", "policy.yaml"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        for old, new in changes.values():
            text = text.replace(old, new)
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def test_the_shipped_files_are_right_but_for_the_secrets_that_only_you_have() -> None:
    configuration = load(EXAMPLES, check_secrets=False)
    assert [one.id for one in configuration.integrations] == ["epic-fhir-main", "allscripts-unity-main"]
    assert configuration.integration("epic-fhir-main").timezone == "America/New_York"
    assert configuration.path == EXAMPLES


def test_the_shipped_policy_permits_every_remedy_and_states_the_defaults() -> None:
    policy = load(EXAMPLES, check_secrets=False).policy
    assert set(policy.remedies) == set(catalogue.names("tasks.remedies"))
    assert {one.mode for one in policy.remedies.values()} == {Mode.AUTO}
    assert not policy.permission("change_route").preapproved
    assert policy.permission("renew_credentials").limits == Limits()
    assert policy.escalation == EscalationRule()
    assert policy.channels == (Channel(route="console"),)


def test_a_fresh_copy_says_where_each_of_its_secrets_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UNITY_USERNAME", "UNITY_PASSWORD", "UNITY_EHR_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Misconfigured) as caught:
        load(EXAMPLES)
    said = str(caught.value)
    assert said.count("is not set; set it where heal is started") == 3
    assert "/run/secrets/epic_private_key.pem" in said
    assert len(caught.value.mistakes) == 4


def test_with_its_secrets_in_place_the_shipped_example_is_accepted(tmp_path, monkeypatch) -> None:
    key = tmp_path / "key.pem"
    key.write_text("a key", encoding="utf-8")
    key.chmod(0o600)
    for name in ("UNITY_USERNAME", "UNITY_PASSWORD", "UNITY_EHR_PASSWORD"):
        monkeypatch.setenv(name, "a secret")
    directory = example(tmp_path, key=("/run/secrets/epic_private_key.pem", str(key)))
    assert load(directory).sha256 == load(directory, check_secrets=False).sha256


def test_what_is_commented_out_in_the_examples_is_right_too(tmp_path: Path) -> None:
    example(tmp_path)
    integrations, policy = tmp_path / "integrations.yaml", tmp_path / "policy.yaml"
    keys = re.sub(r"^    # ( *(?:- )?[a-z_]+:)", r"    \1", integrations.read_text(), flags=re.MULTILINE)
    integrations.write_text(keys)
    hook = re.sub(
        r"^  # ( *)(- route:|settings:|url:|secret:|routing_key:)", r"  \1\2", policy.read_text(), flags=re.MULTILINE
    )
    policy.write_text(hook.replace("# review_by", "review_by"))
    configuration = load(tmp_path, check_secrets=False)
    epic = configuration.integrations[0]
    assert epic.routes[0].name == "second-provider"
    assert [(feed.name, feed.direction) for feed in epic.feeds] == [("visits", "in"), ("orders", "out")]
    assert (epic.hours.wednesday[1].closes, len(epic.hours.holidays), epic.bridges[0].name) == (1080, 2, "front-desk")
    assert [one.route for one in configuration.policy.channels] == ["console", "pagerduty", "webhook"]
    assert configuration.policy.review_by is not None


def test_the_fingerprint_follows_what_is_said_and_not_how_it_is_written(tmp_path: Path) -> None:
    said = load(example(tmp_path), check_secrets=False).sha256
    assert re.fullmatch("[0-9a-f]{64}", said)
    assert said == load(EXAMPLES, check_secrets=False).sha256
    commented = example(tmp_path, comment=("# a round of reads", "# another comment"))
    assert load(commented, check_secrets=False).sha256 == said
    changed = example(tmp_path, pace=("probe_every: 60s", "probe_every: 90s"))
    assert load(changed, check_secrets=False).sha256 != said
    permitted = example(tmp_path, mode=("after: 30m", "after: 31m"))
    assert load(permitted, check_secrets=False).sha256 != said


def test_an_unknown_integration_is_named_with_those_there_are() -> None:
    configuration = load(EXAMPLES, check_secrets=False)
    with pytest.raises(KeyError, match="no integration other; there are: epic-fhir-main, allscripts-unity-main"):
        configuration.integration("other")


def test_a_configuration_cannot_be_changed() -> None:
    configuration = load(EXAMPLES, check_secrets=False)
    with pytest.raises(ValueError, match="frozen"):
        configuration.path = ROOT  # type: ignore[misc]
    assert isinstance(configuration, Configuration)


@pytest.mark.parametrize(
    ("mode", "content", "says"),
    [
        pytest.param(0o600, "a secret", None, id="the owner only"),
        pytest.param(0o640, "a secret", None, id="the group may read"),
        pytest.param(0o644, "a secret", "others may read or change {}; `chmod 600 {}`", id="everybody may read"),
        pytest.param(0o620, "a secret", "others may read or change {}; `chmod 600 {}`", id="the group may write"),
        pytest.param(0o600, " \n", "there is nothing in it, or no text; put the secret there", id="blank"),
        pytest.param(0o600, "x" * 70_000, "{} is too large for a secret; keep nothing else in it", id="too large"),
    ],
)
def test_a_secrets_file_must_be_for_few_and_hold_something(tmp_path, mode, content, says) -> None:
    file = tmp_path / "secret"
    file.write_text(content, encoding="utf-8")
    file.chmod(mode)
    assert trouble_with(f"file:{file}", Path("/")) == (says and says.replace("{}", str(file)))
    assert trouble_with("file:secret", tmp_path) == (says and says.replace("{}", str(file)))


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    assert trouble_with(f"file:{tmp_path}", Path("/")) == (
        f"{tmp_path} is not a file; put the secret in a file and `chmod 600` it"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_secret_that_we_may_not_read_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.touch(mode=0o000)
    assert "may not be read by this user" in (trouble_with(f"file:{file}", Path("/")) or "")


@pytest.mark.parametrize(("value", "is_there"), [("a secret", True), ("", False), ("  ", False)])
def test_a_variable_counts_only_when_something_is_in_it(monkeypatch, value, is_there) -> None:
    monkeypatch.setenv("HEAL_TEST_SECRET", value)
    assert (trouble_with("env:HEAL_TEST_SECRET", Path("/")) is None) is is_there


@pytest.mark.parametrize(
    ("key", "value", "is_one"),
    [
        pytest.param("password", "x", True, id="password"),
        pytest.param("ehr_password", 1234, True, id="a number"),
        pytest.param("client_secret", "x", True, id="client secret"),
        pytest.param("apiKey", "x", True, id="camel case"),
        pytest.param("Authorization", "Basic x", True, id="a header"),
        pytest.param("note", "-----BEGIN RSA PRIVATE KEY-----", True, id="a private key anywhere"),
        pytest.param("password", "env:NAME", False, id="by reference"),
        pytest.param("password", None, False, id="nothing"),
        pytest.param("renew_token", True, False, id="a switch"),
        pytest.param("token_url", "https://x", False, id="an address"),
        pytest.param("key_id", "key-1", False, id="a key's name"),
        pytest.param("secretary", "x", False, id="a person"),
    ],
)
def test_a_secret_is_known_by_its_key_or_its_looks(key, value, is_one) -> None:
    assert is_plain_secret((key,), value) is is_one


def remedy(effect: EffectClass, *, reversible: bool = True) -> Remedy:
    return Remedy(name="a_remedy", says="Do it", effect=effect, reversible=reversible, idempotent=True)


AUTO, WITH_END = Permission(mode=Mode.AUTO), Permission(mode=Mode.AUTO, lasts=timedelta(hours=4))


@pytest.mark.parametrize(
    ("effect", "permission", "says"),
    [
        pytest.param(EffectClass.CREDENTIAL, WITH_END, "changes credential and is for people only", id="credentials"),
        pytest.param(EffectClass.DATA, WITH_END, "changes data and is for people only", id="data"),
        pytest.param(EffectClass.LOCAL, AUTO, "say when it is taken back", id="local without an end"),
        pytest.param(EffectClass.TRAFFIC, AUTO, "say when it is taken back", id="traffic without an end"),
        pytest.param(EffectClass.LOCAL, WITH_END, None, id="local with an end"),
        pytest.param(EffectClass.SESSION, AUTO, None, id="a session ends by itself"),
        pytest.param(EffectClass.OBSERVE, AUTO, None, id="looking changes nothing"),
    ],
)
def test_auto_is_refused_for_what_people_must_do_and_for_what_never_ends(effect, permission, says) -> None:
    page = read_page(EXAMPLES / "policy.yaml")
    found = [one.says for one in check_auto(page, ("remedies", "retry_failed"), remedy(effect), permission)]
    assert [says in one for one in found] == ([True] if says else [])


def test_a_read_that_the_connector_does_not_know_is_reported_at_its_line() -> None:
    page = read_page(EXAMPLES / "integrations.yaml")
    entry = page.data["integrations"][0]
    known = ("Patient.search", "Appointment.search", "MedicationRequests.search")
    (mistake,) = check_reads(page, ("integrations", 0), entry, known)
    assert "MedicationRequest.search" in (EXAMPLES / "integrations.yaml").read_text().splitlines()[mistake.line - 1]
    assert mistake.says == "there is no such operation of this connector; did you mean `MedicationRequests.search`?"


PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
OF_KINDS = {kind: catalogue.load("tasks.connectors", kind).Settings for kind in catalogue.names("tasks.connectors")}
OF_ACTUATORS = {kind: catalogue.load("tasks.actuators", kind).Settings for kind in catalogue.names("tasks.actuators")}
OF_ROUTES = {route: catalogue.load("tasks.notifiers", route).Settings for route in catalogue.names("tasks.notifiers")}
CHAPTERS: list[tuple[str, type[BaseModel]]] = [
    ("## integrations.yaml", Integration),
    ("### reads", Read),
    ("### sla", Sla),
    ("### contacts", Contacts),
    ("### routes", Route),
    ("### hours", Hours),
    ("### feeds", Feed),
    ("### bridges", Bridge),
    ("### canary", Canary),
    ("### actuators", Actuators),
    ("## policy.yaml", Policy),
    ("### remedies", Permission),
    ("### limits", Limits),
    ("### escalation", EscalationRule),
    ("### approval", Approving),
    ("### channels", Channel),
    ("### credentials", DeclaredCredential),
    ("### metrics", MetricQuery),
    ("### receivers", Receiver),
    ("### objectives", Objective),
    ("### limits of values", Limit),
    ("### maintenance", Maintenance),
    ("### controls", ControlSettings),
    ("### heartbeat", Heartbeat),
    ("### chains", Link),
    ("### acknowledge", Answering),
    ("### messages of `hl7_mllp`", Message),
    ("### sends", Hl7Sending),
    ("### canary_record of `hl7_mllp`", Hl7Canary),
    ("### canary_record of `http_api`", ApiCanary),
    ("### files of `flat_file`", ExpectedFile),
    ("### calls of `http_api`", Call),
    *(
        (f"### settings of `{name}`", model)
        for name, model in {**OF_KINDS, **OF_ACTUATORS, **OF_ROUTES}.items()
        if model.model_fields
    ),
]


@pytest.mark.parametrize(("heading", "model"), CHAPTERS, ids=[heading for heading, _ in CHAPTERS])
def test_the_page_explains_exactly_the_keys_there_are(heading, model) -> None:
    chapter = re.split(r"^##", PAGE.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    explained = re.findall(r"^\| `([a-z0-9_]+)` \|", chapter, flags=re.MULTILINE)
    assert sorted(explained) == sorted(model.model_fields)


EXAMPLES_ON_THE_PAGE = re.findall(r"^```yaml\n(  - id: .*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("entry", EXAMPLES_ON_THE_PAGE, ids=[text.split()[2] for text in EXAMPLES_ON_THE_PAGE])
def test_an_entry_that_the_page_shows_can_be_copied(entry, tmp_path) -> None:
    page = tmp_path / "integrations.yaml"
    page.write_text(f"integrations:\n{entry}")
    integrations, mistakes = check_integrations(read_page(page))
    assert mistakes == []
    assert len(integrations) == 1


def test_the_page_states_the_defaults_of_the_limits() -> None:
    for name, field in Limits.model_fields.items():
        default = f"`{int(field.default.total_seconds() // 60)}m`" if name == "cooldown" else str(field.default)
        assert re.search(rf"^\| `{name}` \|.*\| {default} \|$", PAGE, flags=re.MULTILINE)


def test_the_page_names_every_entry_of_the_rooms() -> None:
    for room in ("tasks.connectors", "tasks.remedies", "tasks.notifiers", "tasks.actuators"):
        assert all(f"`{name}`" in PAGE for name in catalogue.names(room))


def test_importing_configure_loads_nothing_heavy() -> None:
    heavy = "{'prefect', 'pandas', 'duckdb', 'sqlalchemy', 'numpy', 'scipy', 'great_expectations'}"
    code = f"import sys, tasks.configure; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_deployment_names_a_flow_by_its_module() -> None:
    deployments = yaml.safe_load((EXAMPLES / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert [one["entrypoint"] for one in deployments] == [
        f"flows.{name}.{name}"
        for name in ("monitor", "diagnose", "remediate", "approve", "report", "reconcile", "fold")
    ]
    assert {one["work_pool"]["name"] for one in deployments} == {"heal"}
    monitor, diagnose, remediate, approve, report, *_ = deployments
    assert monitor["schedules"][0]["interval"] == 60
    assert (monitor["concurrency_limit"]["limit"], monitor["concurrency_limit"]["collision_strategy"]) == (
        1,
        "CANCEL_NEW",
    )
    assert (diagnose["schedules"], remediate["schedules"], approve["schedules"]) == ([], [], [])
    assert report["schedules"][0]["timezone"] != "UTC"
