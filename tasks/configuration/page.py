"""Page: one YAML file a person wrote, read strictly, with the line of every key.

The file is untrusted: its size, nesting, aliases and tags are bounded (spec: security, 3.7). A mistake never
quotes the file, because what is written there may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from models.errors import Mistake

LARGEST = 1 << 20  # bytes
DEEPEST = 16  # levels; our own files need 6
MOST_ALIASES = 50
MOST_NODES = 50_000  # after aliases are followed; about 1,000 integrations
LARGEST_NUMBER = 2**53  # what JSON readers everywhere keep exactly
EXAMPLES = "deployments"  # where the examples are, from the root of the project

Place = tuple[str | int, ...]
"""Where something stands in a file: keys and list positions from the top."""

CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
WORD = re.compile(r"^[A-Za-z][A-Za-z_]{0,31}$")  # letters only: a key that is a secret by accident has digits

# What libyaml says → what to do about it. Its own words may quote the file, and so are never passed on.
CURES = (
    ("quoted scalar", "a quotation mark is opened here and never closed; close it"),
    ("block scalar", "the text below `|` or `>` is not indented evenly; indent it with the same spaces"),
    ("mapping values are not allowed", "a `:` stands where none may; check the indentation, or quote the value"),
    ("cannot start any token", "a value may not begin with this character; put the value in quotes"),
    ("',' or ']'", "a `[` is not closed, or a comma is missing; close it with `]`"),
    ("',' or '}'", "a `{` is not closed, or a comma is missing; close it with `}`"),
    ("expected ':'", "a `:` is missing, here or on the line above; write `key: value`"),
    ("expected '-' indicator", "this line does not line up with the list above; start it under the `-`"),
    ("expected key", "this line does not line up with those above; give it the same indentation"),
    ("sequence entries are not allowed", "a list may not begin here; put the `-` on a line of its own"),
    ("undefined alias", "this `*name` refers to no `&name` above; quote the value if it begins with `*`"),
    ("duplicate anchor", "this `&name` was given already; choose another name"),
    ("another document", "a second document begins here; keep one, without `---` between"),
    ("expected the node content", "a value is missing or a bracket is out of place"),
    ("tag", "tags (`!name`) are not read; put the value in quotes if it begins with `!`"),
)


class Unreadable(Exception):
    """Reading stopped at a line; the caller makes it a Mistake."""

    def __init__(self, line: int, says: str) -> None:
        self.line, self.says = line, says
        super().__init__(says)


@dataclass(frozen=True)
class Page:
    """A file as data, with its places; `data` is None when it could not be read."""

    file: str
    data: dict[str, Any] | None = None
    lines: Mapping[Place, int] = field(default_factory=dict)  # 1-based
    mistakes: tuple[Mistake, ...] = ()  # found while reading

    def mistake(self, place: Iterable[str | int], says: str) -> Mistake:
        """A mistake at a place, or at the nearest place above it that the file has.

        Steps that the file does not have are passed over: pydantic adds some for unions and mapping keys.
        """
        known: Place = ()
        for step in place:
            if (*known, step) in self.lines:
                known = (*known, step)
        return Mistake(file=self.file, line=self.lines.get(known, 0), says=says)


def quoted(key: object) -> str:
    """A key for a message, or `this key` when it does not look like a word."""
    return f"`{key}`" if isinstance(key, str) and WORD.match(key) else "this key"


def read_page(path: Path) -> Page:
    """Read a YAML file; whatever is wrong with it is in the page's `mistakes`."""
    try:
        text = decode(read_bytes(path))
        guard(text)
        return walk(text, str(path))
    except Unreadable as trouble:
        mistake = Mistake(file=str(path), line=trouble.line, says=trouble.says)
    except yaml.MarkedYAMLError as error:
        line, says = cure(error, text)
        mistake = Mistake(file=str(path), line=line, says=says)
    except yaml.YAMLError:
        mistake = Mistake(file=str(path), line=0, says="this is not YAML; compare it with the example in deployments/")
    return Page(file=str(path), mistakes=(mistake,))


def beginning(path: Path) -> str:
    """How one comes by a file: by the example, unless it is the example's own place that was looked at."""
    example = Path(EXAMPLES) / path.name
    if path == example:
        return "say where yours is with --config, or let `heal add` write a first one"
    return f"start from the example: `cp {example} {path}`"


def read_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        Unreadable: when it is missing, not a file, may not be read, or is too large.
    """
    if not path.exists():
        raise Unreadable(0, f"there is no such file; {beginning(path)}")
    if not path.is_file():
        raise Unreadable(0, f"this is not a file; move it away and {beginning(path)}")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError:
        raise Unreadable(0, f"it may not be read; `chmod u+r {path}` as its owner") from None
    if len(content) > LARGEST:
        raise Unreadable(0, "it is larger than 1 MiB; a configuration is not; is this the right file?")
    return content


def decode(content: bytes) -> str:
    """The text of a file.

    Raises:
        Unreadable: when it is not UTF-8, has control characters, or says nothing.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unreadable(line, "this line is not UTF-8; save the file with encoding UTF-8") from None
    if control := CONTROL.search(text):
        raise Unreadable(text[: control.start()].count("\n") + 1, "there is a control character; delete it")
    return text


def guard(text: str) -> None:
    """Refuse what would cost much to compose.

    Raises:
        Unreadable: when nested too deeply, or with too many aliases.
    """
    depth = aliases = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        if depth > DEEPEST:
            raise Unreadable(line_of(event), f"nested deeper than {DEEPEST} levels; compare it with the example")
        if aliases > MOST_ALIASES:
            raise Unreadable(line_of(event), f"more than {MOST_ALIASES} aliases (`*name`); write the values out")


def walk(text: str, file: str) -> Page:
    """The data of a YAML text with the line of every key.

    Raises:
        Unreadable: when there is nothing in it, it is not a mapping, or grows too large.
    """
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    if root is None:
        raise Unreadable(0, f"there is nothing in it; {beginning(Path(file))}")
    if not isinstance(root, yaml.MappingNode):
        raise Unreadable(line_of(root), "the file must consist of keys, `key: value`; compare it with the example")
    builder = Builder(file)
    return Page(file, builder.mapping(root, ()), builder.lines, tuple(builder.mistakes))


class Builder:
    """Turns composed nodes into data, noting lines, and mistakes that need not stop the reading."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Place, int] = {}
        self.mistakes: list[Mistake] = []
        self.scalars = yaml.constructor.SafeConstructor()
        self.nodes = 0

    def note(self, node: yaml.Node, says: str) -> None:
        """Add a mistake."""
        self.mistakes.append(Mistake(file=self.file, line=line_of(node), says=says))

    def value(self, node: yaml.Node, place: Place) -> Any:  # noqa: ANN401 - YAML holds anything
        """The data of a node."""
        self.nodes += 1
        if self.nodes > MOST_NODES or len(place) > DEEPEST:
            raise Unreadable(line_of(node), "its aliases (`*name`) unfold into too much; write the values out")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return self.sequence(node, place)
        return self.scalar(node)

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        """The keys and values of a block; of a key written twice, the first counts."""
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node)
            if key is None:
                continue
            here = (*place, key)
            if key in data:
                first = self.lines[here]
                self.note(key_node, f"{quoted(key)} is written twice, first on line {first}; keep one of them")
                continue
            self.lines[here] = line_of(key_node)
            data[key] = self.value(value_node, here)
        return data

    def key(self, node: yaml.Node) -> str | None:
        """A key; None, and a mistake, when it is no text."""
        if node.tag == "tag:yaml.org,2002:merge":
            self.note(node, "`<<` is not read; write the keys out")
            return None
        key = self.scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(key, str):
            return key
        self.note(node, "a key must be a word; put it in quotes if it looks like a number or yes/no")
        return None

    def sequence(self, node: yaml.SequenceNode, place: Place) -> list[Any]:
        """The entries of a list."""
        entries = []
        for index, entry in enumerate(node.value):
            here = (*place, index)
            self.lines[here] = line_of(entry)
            entries.append(self.value(entry, here))
        return entries

    def scalar(self, node: yaml.Node) -> str | float | date | datetime | None:
        """One value; None, and a mistake, when it cannot be one."""
        try:
            value = self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            self.note(node, "this value looks like a date, number or tag and is none; put it in quotes")
            return None
        if isinstance(value, int | float) and not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
            self.note(node, "this number is too large, or is none; put it in quotes if it is text")
            return None
        if value is None or isinstance(value, str | int | float | date):
            return value
        self.note(node, "tags (`!!name`) are not read; put the value in quotes")
        return None


def line_of(node: yaml.Node | yaml.Event) -> int:
    """Where a node or event begins, 1-based; 0 when the parser does not say."""
    return node.start_mark.line + 1 if node.start_mark else 0


def cure(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """The line of a syntax error (1-based), and what to do about it in plain words."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    if "\t" in indentation(text, line):
        return line, "this line is indented with a tab; use spaces"
    heard = f"{error.context} {error.problem}"
    if "quoted scalar" in heard and error.context_mark:
        line = error.context_mark.line + 1
    says = next((says for words, says in CURES if words in heard), None)
    return line, says or "this is not valid YAML; check indentation, quotes and brackets around this line"


def indentation(text: str, line: int) -> str:
    """What stands before the first word of a line (1-based); empty past the end."""
    lines = text.splitlines()
    there = lines[line - 1] if 0 < line <= len(lines) else ""
    return there[: len(there) - len(there.lstrip())]
