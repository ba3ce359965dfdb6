"""The house rules, as far as a machine can see them. Each test is one sentence of ARCHITECTURE.md."""

from __future__ import annotations

import ast
import fnmatch
import importlib.util
import re
import shlex
import site
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import typer.core
import typer.main

from flows.__main__ import app
from models.catalogue import load, names
from models.noun import Kept, Noun
from models.remedy import Remedy
from models.signatures import known_signatures
from tasks.ledger.names import name_of

ROOT = Path(__file__).parents[1]
ROOMS = ("models", "tasks", "flows", "expectations", "simulator")
CLOCKLESS = ("models", "tasks", "expectations")  # below flows, time is an argument
CATALOGUES = (
    "tasks.connectors",
    "tasks.remedies",
    "tasks.actuators",
    "tasks.notifiers",
    "models.detectors",
    "models.signatures",
    "expectations",
)
ENTRIES = [(room, name) for room in CATALOGUES for name in names(room)]
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
PAGES = sorted((ROOT / "tasks" / "sql").glob("*.sql"))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PROSE = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LONGEST = 350
LONGER: dict[str, str] = {}  # a file that may be longer: the reason
ON_RECOVERY = {"replay_missed"}  # a remedy that follows any cause

TIME_OF_DAY = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}
HEAVY = ("prefect", "pandas", "duckdb", "great_expectations", "pyod", "sqlalchemy", "numpy", "scipy", "matplotlib")


def named(paths: list[Path]) -> list:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


# --- the arrow -------------------------------------------------------------------------------------------------------


def test_imports_follow_the_arrow():
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_nothing_imports_the_tests():
    assert [(str(path), name) for path in SOURCES for name in imports(path) if name.split(".")[0] == "tests"] == []


@pytest.mark.parametrize(("room", "name"), ENTRIES)
def test_neighbours_do_not_import_each_other(room, name):
    path = ROOT / Path(*room.split("."), f"{name}.py")
    others = {f"{room}.{other}" for other in names(room) if other != name}
    assert [one for one in imports(path) if any(one == o or one.startswith(f"{o}.") for o in others)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_no_stray_package_shadows_ours(room):
    found = importlib.util.find_spec(room)
    assert found is not None
    assert [Path(place).resolve() for place in found.submodule_search_locations or ()] == [ROOT / room]
    strays = [Path(place) / name for place in site.getsitepackages() for name in (room, f"{room}.py")]
    assert [stray for stray in strays if stray.exists()] == []


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "--no-secrets", "--config", "deployments"]])
def test_a_command_that_needs_nothing_heavy_imports_nothing_heavy(arguments):
    code = (
        "import sys; from flows.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as left: code = left.code\n"
        f"print('imported:', *[name for name in {HEAVY} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported:"


def test_what_every_command_opens_imports_no_arithmetic():
    """The ledger and the configuration: a second of imports here is a second of every command and every cycle."""
    heavy = tuple(name for name in (*HEAVY, "pyarrow") if name != "sqlalchemy")
    code = f"import sys, tasks.house; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# --- sources ---------------------------------------------------------------------------------------------------------


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, and every name it takes from one, with dots."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: absolute imports only"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def clock_reads(source: str) -> list[int]:
    """Lines that read the time of day."""
    calls = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    return [
        call.lineno for call in calls if (ast.unparse(call.func.value).split(".")[-1], call.func.attr) in TIME_OF_DAY
    ]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        pytest.param("at = datetime.now(UTC)", [1], id="datetime.now"),
        pytest.param("import datetime\nat = datetime.datetime.utcnow()", [2], id="through the module"),
        pytest.param("began = time.time()", [1], id="time.time"),
        pytest.param("at = clock.now()", [], id="a clock that was handed in"),
        pytest.param("began = time.perf_counter()", [], id="a stopwatch is not a clock"),
    ],
)
def test_reading_the_time_of_day_is_recognised(source, lines):
    assert clock_reads(source) == lines


def test_time_comes_in_by_the_front_door():
    sources = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in CLOCKLESS]
    found = [(str(path), line) for path in sources for line in clock_reads(path.read_text(encoding="utf-8"))]
    assert len(sources) > len(CLOCKLESS)
    assert found == []


def test_a_file_fits_on_a_few_pages():
    lengths = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > LONGEST and path not in LONGER} == {}


def test_a_file_begins_by_saying_what_it_is():
    written = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    silent = [str(path) for path, text in written.items() if text.strip() and not ast.get_docstring(ast.parse(text))]
    assert silent == []


def test_a_decision_that_is_cited_is_written_down():
    known = {decision.name[:4] for decision in DECISIONS}
    pages = [*SOURCES, *PROSE, ROOT / "Makefile", ROOT / "pyproject.toml"]
    cited = {
        (str(page), number)
        for page in pages
        for number in re.findall(r"decisions/(\d{4})", page.read_text(encoding="utf-8"))
    }
    assert cited
    assert {(page, number) for page, number in cited if number not in known} == set()


# --- SQL pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", named(PAGES))
def test_a_query_says_what_it_returns_and_takes_named_parameters_only(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    head = " ".join(line for line in lines[: next(n for n, s in enumerate(lines) if not s.startswith("--"))])
    body = "\n".join(line.split("--")[0] for line in lines)
    used = set(re.findall(r"\$([a-z_]+)", body))
    assert "Returns" in head or "One row per" in head
    assert "Parameters:" in head
    assert used == set(re.findall(r"\$([a-z_]+)", head.split("Parameters:")[1]))
    assert not re.search(r"\?|\$\d|[{}]|%s", body), "bound by position, or put together from strings"


@pytest.mark.parametrize("page", named(PAGES))
def test_a_query_is_asked_by_somebody(page):
    asked = [path for path in SOURCES if f'"{page.stem}"' in path.read_text(encoding="utf-8")]
    assert asked


# --- catalogues ------------------------------------------------------------------------------------------------------


def test_every_catalogue_has_entries():
    assert all(names(room) for room in CATALOGUES)


@pytest.mark.parametrize("name", names("tasks.connectors"))
def test_a_connector_offers_settings_and_opens(name):
    file = load("tasks.connectors", name)
    assert issubclass(file.Settings, Noun)
    assert callable(file.open_connector)


@pytest.mark.parametrize("name", names("tasks.remedies"))
def test_a_remedy_is_named_by_its_file_and_cures_a_cause(name):
    file = load("tasks.remedies", name)
    assert isinstance(file.remedy, Remedy)
    assert file.remedy.name == name
    assert callable(file.apply)
    assert callable(file.observe)
    assert name in {remedy for signature in known_signatures() for remedy in signature.remedies} | ON_RECOVERY


@pytest.mark.parametrize("name", names("tasks.actuators"))
def test_an_actuator_offers_settings_and_says_acts_looks_and_takes_back(name):
    file = load("tasks.actuators", name)
    assert issubclass(file.Settings, Noun)
    assert all(callable(getattr(file, what)) for what in ("dry_run", "apply", "observe", "undo"))
    assert all(callable(getattr(file, what)) for what in ("can_observe", "can_undo"))
    assert set(file.SUBJECT) <= set(file.Settings.model_fields)


@pytest.mark.parametrize("name", names("tasks.notifiers"))
def test_a_notifier_offers_settings_and_notifies(name):
    file = load("tasks.notifiers", name)
    assert issubclass(file.Settings, Noun)
    assert callable(file.notify)


@pytest.mark.parametrize("name", names("models.detectors"))
def test_a_detector_judges(name):
    file = load("models.detectors", name)
    assert callable(getattr(file, "judge", None) or file.evaluate)


@pytest.mark.parametrize("name", names("models.signatures"))
def test_a_family_holds_signatures_with_clues_and_known_remedies(name):
    family = load("models.signatures", name).SIGNATURES
    assert family
    for signature in family:
        assert signature.clues, signature.cause
        assert set(signature.remedies) <= set(names("tasks.remedies")), signature.cause


@pytest.mark.parametrize("name", names("expectations"))
def test_a_feed_says_what_is_promised_of_it_without_the_library_that_looks(name):
    file = load("expectations", name)
    assert name == file.FEED
    assert callable(file.suite)
    assert not [one for one in imports(ROOT / "expectations" / f"{name}.py") if one.startswith("great_expectations")]


VALIDATING = ("great_expectations", "expectations._kinds")  # who imports one of these can have rows quoted


def looks_at_rows(source: str) -> bool:
    """Whether a file could run an expectation, by the library, by our own kinds or by what opens it."""
    tree = ast.parse(source)
    taken = {alias.name for one in ast.walk(tree) if isinstance(one, ast.Import) for alias in one.names}
    for one in ast.walk(tree):
        if isinstance(one, ast.ImportFrom):
            taken |= {f"{one.module}.{alias.name}" for alias in one.names} | {one.module or ""}
    called = {one.func.id for one in ast.walk(tree) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    return "great_expectations" in called or any(one.startswith(VALIDATING) for one in taken)


@pytest.mark.parametrize(
    ("source", "looks"),
    [
        pytest.param("import great_expectations as gx", True, id="the library"),
        pytest.param("from great_expectations.core import batch", True, id="a part of it"),
        pytest.param("def run():\n    from expectations import _kinds", True, id="ours, late"),
        pytest.param(
            "from tasks.promises import great_expectations\ngx = great_expectations()", True, id="by its door"
        ),
        pytest.param("from tasks.promises import check\ncheck('patients', frame, terms)", False, id="the wrapper"),
    ],
)
def test_who_could_run_an_expectation_is_recognised(source, looks):
    assert looks_at_rows(source) is looks


def test_expectations_are_run_in_one_place_that_keeps_values_back():
    looking = {str(path.relative_to(ROOT)) for path in SOURCES if looks_at_rows(path.read_text(encoding="utf-8"))}
    assert looking == {"tasks/promises.py", "expectations/_kinds.py"}
    calls = [
        ast.unparse(one)
        for one in ast.walk(ast.parse((ROOT / "tasks/promises.py").read_text(encoding="utf-8")))
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "validate"
    ]
    assert len(calls) == 1
    assert "result_format=RESULT_FORMAT" in calls[0]
    assert load("tasks", "promises").RESULT_FORMAT == {"result_format": "SUMMARY", "partial_unexpected_count": 0}


def test_no_cause_is_named_twice():
    causes = [signature.cause for signature in known_signatures()]
    assert sorted(causes) == sorted(set(causes))


# --- prose -----------------------------------------------------------------------------------------------------------

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = {"console", "bash", "sh", "shell", ""}


def examples(page: Path) -> list[str]:
    """Commands of ours in a page's blocks, without prompt and comment; outputs are left out."""
    blocks = [body for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind in SHELL]
    lines = [line.removeprefix("$ ").strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if re.match(r"(heal|make)( |$)", line)]


EXAMPLES = [pytest.param(line, id=f"{page.name}: {line}") for page in PROSE for line in examples(page)]


@pytest.mark.parametrize(
    "line", EXAMPLES or [pytest.param("", marks=pytest.mark.skip(reason="no page shows a command"))]
)
def test_a_command_that_a_page_shows_can_be_typed(line):
    words = shlex.split(line, comments=True)
    words = words[: next((n for n, word in enumerate(words) if word in {"|", ">", "&&", ";"}), None)]
    if words[0] == "make":
        known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        assert {word for word in words[1:] if "=" not in word} <= known
    else:
        understand(words[1:])


def understand(arguments: list[str]) -> None:
    """Have `heal` parse a command line without running it; what it would refuse raises."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    if not arguments or arguments == ["--help"]:
        return
    context = typer.Context(group, info_name="heal")
    _, command, rest = group.resolve_command(context, arguments)
    assert command is not None
    if "--help" not in rest:
        command.make_context(command.name, rest, parent=context)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["mend"], id="no such command"),
        pytest.param(["demo", "--fast"], id="no such option"),
        pytest.param(["validate", "deployments"], id="one argument too many"),
        pytest.param(["probe"], id="an argument is missing"),
    ],
)
def test_a_command_that_cannot_be_typed_is_recognised(arguments):
    with pytest.raises(Exception, match=r"(?i)no such|unexpected|missing"):
        understand(arguments)


QUOTED = re.compile(r"^```\w+\n(?:#|--) (\S+/\S+\.(?:py|sql|yaml))\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("file", "text"), QUOTED.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
def test_code_that_a_recipe_shows_stands_in_that_file(file, text):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert [line for line in text.splitlines() if line not in lines] == []


def test_the_readme_shows_the_commands_to_begin_with():
    shown = examples(ROOT / "README.md")
    if not shown:
        pytest.skip("README.md shows no command yet")
    assert any(line.startswith("make") for line in shown)


@pytest.mark.parametrize("decision", named(DECISIONS))
def test_a_decision_says_what_why_and_at_what_price_on_one_page(decision):
    text = decision.read_text(encoding="utf-8")
    assert re.match(rf"# {decision.name[:4]} \S", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Status", "Decision", "Why", "Consequences"]
    assert text.count("\n") <= 40


def test_decisions_are_numbered_without_gaps():
    assert [decision.name[:4] for decision in DECISIONS] == [f"{n:04}" for n in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("page", named(PROSE))
def test_a_page_links_only_to_what_is_there(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_dependency_has_a_reason():
    wanted = project()["project"]["dependencies"] + project()["dependency-groups"]["dev"]
    wanted += [one for extra in project()["project"]["optional-dependencies"].values() for one in extra]
    reasons = next(d for d in DECISIONS if d.name.startswith("0003")).read_text(encoding="utf-8")
    stems = {re.match(r"[A-Za-z0-9_-]+", one).group() for one in wanted}  # type: ignore[union-attr]  # each begins so
    assert {stem for stem in stems if f"`{stem}`" not in reasons} == set()


# --- packaging -------------------------------------------------------------------------------------------------------


def test_the_wheel_holds_every_room_with_its_pages_and_migrations():
    packed = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    needed = [*PAGES, *(ROOT / "tasks" / "migrations" / "versions").glob("r*.py")]
    assert sorted(packed) == sorted(ROOMS)
    assert len(needed) > len(PAGES)
    for path in needed:
        parts = path.relative_to(ROOT).parts
        assert parts[0] in packed
        assert not [one for one in parts for pattern in ignored if fnmatch.fnmatch(one, pattern)]


def test_it_is_never_published_by_accident():
    assert "Private :: Do Not Upload" in project()["project"]["classifiers"]


def test_nouns_that_the_ledger_keeps_have_different_names_there():
    """Its rows are found by the noun's name: two of one name would read each other's."""
    for room in (ROOT / "models").rglob("*.py"):
        load_module(room)
    kept = Counter(name_of(noun) for noun in kinds_of(Kept))
    assert len(kept) > 20
    assert [name for name, many in kept.items() if many > 1] == []


def load_module(path: Path) -> None:
    importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))


def kinds_of(noun: type[Kept]) -> Iterator[type[Kept]]:
    for kind in noun.__subclasses__():
        yield kind
        yield from kinds_of(kind)
