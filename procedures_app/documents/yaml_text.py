"""YAML and JSON as procedures need them: plain data, no surprises.

Of YAML the core schema of version 1.2: ``yes`` and ``on`` are texts, a date is a text. No anchors and aliases (a few
of them can stand for gigabytes), no tags, no key twice.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from procedures_app.documents.problems import DocumentInvalid

#: Whatever is exported can be imported: a document has 400,000 characters, and YAML escapes some of them by ten.
LONGEST, DEEPEST, MOST_NODES = 4_500_000, 24, 150_000
PLAIN: tuple[tuple[str, str, list[str]], ...] = (
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", ["t", "f"]),
    ("tag:yaml.org,2002:int", r"^-?(?:0|[1-9][0-9]{0,299})$", list("-0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?$",
        list("-0123456789"),
    ),
)


class Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers: dict[Any, Any] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise refused("A key must be a text.", key.start_mark)
            if key.value in seen:
                raise refused(f"The key '{key.value}' stands here twice.", key.start_mark)
            seen.add(key.value)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


class Dumper(yaml.CSafeDumper):
    yaml_implicit_resolvers: dict[Any, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True


for name, pattern, first in PLAIN:
    Loader.add_implicit_resolver(name, re.compile(pattern), first)
    Dumper.add_implicit_resolver(name, re.compile(pattern), first)


def mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node)


def text(dumper: Dumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


def number(dumper: Dumper, data: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(data))


Loader.add_constructor("tag:yaml.org,2002:map", mapping)
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))
Dumper.add_representer(str, text)
Dumper.add_representer(float, number)


def refused(message: str, mark: Any = None) -> DocumentInvalid:
    place = f"line {mark.line + 1}" if mark else ""
    return DocumentInvalid([(place, message)])


def load(source: str) -> Any:
    """The data of a YAML text. Raises DocumentInvalid, naming the line."""
    try:
        scan(source)
        return yaml.load(source, Loader=Loader)  # noqa: S506 - it constructs plain data only
    except yaml.MarkedYAMLError as error:
        message = f"This is not YAML: {error.problem or error.context}."
        raise refused(message, error.problem_mark or error.context_mark) from error
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, DocumentInvalid):
            raise
        raise refused("This is not YAML: it holds a character that YAML does not allow.") from error


def scan(source: str) -> None:
    """Looks at the events alone, which takes little memory and no recursion, before anything is built."""
    if len(source) > LONGEST:
        raise refused(f"The text is larger than {LONGEST // 1000} kB.")
    depth = 0
    for count, event in enumerate(yaml.parse(source, Loader=Loader)):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise refused("Anchors (&) and aliases (*) are not allowed. Write it out.", event.start_mark)
        if tag := getattr(event, "tag", None):
            raise refused(f"The tag {tag} is not allowed.", event.start_mark)
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if depth > DEEPEST or count > MOST_NODES:
            raise refused("There is too much nested in each other, or too much of it.", event.start_mark)


def dump(data: Any, *, dense: bool = False) -> str:
    """For people to read; ``dense``: a line for each key, for what would be mostly indentation otherwise."""
    if not dense:
        return str(yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100))
    return "".join(f"{line({key: value})}\n" for key, value in data.items())


def line(pair: dict[str, Any]) -> str:
    """``key: value``; keys of procedures are short names."""
    text = str(yaml.dump(pair, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=True, width=-1))
    return text.rstrip("\n").removeprefix("{").removesuffix("}")


def load_json(source: str) -> Any:
    """The data of a JSON text. Raises DocumentInvalid, naming the line."""
    if len(source) > LONGEST:
        raise refused(f"The text is larger than {LONGEST // 1000} kB.")
    try:
        return json.loads(source, object_pairs_hook=unique_keys, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise DocumentInvalid([(f"line {error.lineno}", f"This is not JSON: {error.msg}.")]) from error
    except RecursionError as error:
        raise refused("There is too much nested in each other.") from error
    except ValueError as error:
        if isinstance(error, DocumentInvalid):
            raise
        raise refused("This is not JSON: a number is too long.") from error


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise refused(f"The key '{key}' stands twice in one object.")
        found[key] = value
    return found


def no_constant(name: str) -> Any:
    raise refused(f"{name} is no number of JSON.")
