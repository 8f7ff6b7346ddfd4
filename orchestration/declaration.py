"""Loading a declaration: every mistake is told with file, line, key and, where one is near, the name that was meant.

Belongs here: YAML to model, mistakes to lines, names that were nearly right.
Does not belong: what may be declared (the models say it).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
Location = Sequence[str | int]
#: libyaml where PyYAML was built with it, ten times as fast; both say the same.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DeclarationError(ValueError):
    """A declaration that cannot be used; its text names each mistake as ``file:line: key: what is wrong``."""


class MisdeclaredError(ValueError):
    """A mistake that a model's own check found; ``at`` is where, seen from that model."""

    def __init__(self, message: str, at: Location = ()) -> None:
        super().__init__(message)
        self.at = tuple(at)


def did_you_mean(name: object, known: Sequence[str]) -> str:
    """Return what to add to a message about an unknown name: the nearest known one, else all of them."""
    close = difflib.get_close_matches(str(name), known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(sorted(known))}" if known else ""


def unknown_zone(zone: str) -> str | None:
    """Return what is wrong with the name of a time zone, None where it is known."""
    known = available_timezones()
    if zone in known:
        return None
    near = did_you_mean(zone, sorted(known)) if difflib.get_close_matches(zone, known, n=1) else ""
    return f"{zone!r} is no IANA time zone (as Europe/Berlin){near}"


def _known_zone(zone: str) -> str:
    if told := unknown_zone(zone):
        raise ValueError(told)
    return zone


#: The name of a time zone, in a declaration or a setting.
ZoneName = Annotated[str, AfterValidator(_known_zone)]


def load_declaration(
    path: Path, model: type[Model], key: str | None = "attributes", context: Mapping[str, object] | None = None
) -> Model:
    """Return the model that ``path`` declares under ``key`` (None: the file as a whole).

    ``context`` is what else the model's own checks may look at (pydantic's validation context).

    Raises:
        DeclarationError: names every mistake with its line.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DeclarationError(f"{path}:{line}: {error.problem or error.context}") from None
    node = root if key is None else _child(root, key)
    if node is None:
        raise DeclarationError(f"{path}:1: " + (f"`{key}` is missing" if key else "nothing is declared"))
    if twice := [f"{path}:{at.start_mark.line + 1}: {at.value}: this key stands twice" for at in _repeated(node)]:
        raise DeclarationError("\n".join(twice))
    loader = _LOADER("")
    try:
        return model.model_validate(loader.construct_document(node), context=dict(context or {}))
    except ValidationError as error:
        schema = model.model_json_schema()
        told = [_told(path, node, schema, one) for one in error.errors(include_url=False)]
        raise DeclarationError("\n".join(dict.fromkeys(told))) from None


def _told(path: Path, root: yaml.Node, schema: dict[str, Any], error: Mapping[str, Any]) -> str:
    """One mistake as a line of text."""
    raised = error.get("ctx", {}).get("error")
    below = raised.at if isinstance(raised, MisdeclaredError) else ()
    node, keys = _locate(root, [*error["loc"], *below])
    message = str(raised) if isinstance(raised, ValueError) else error["msg"][0].lower() + error["msg"][1:]
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(schema, schema, list(error["loc"][:-1]))
        message = f"there is no such key here{did_you_mean(error['loc'][-1], known)}"
    elif kind == "missing":
        message = f"`{error['loc'][-1]}` is missing"
    elif kind == "string_type" and error["loc"][-1] == "[key]":
        message = (
            f"{error['input']!r} is no text; write it in quotation marks (YAML reads Yes, No, On, Off and numbers)"
        )
    elif kind in ("literal_error", "union_tag_invalid"):
        known = re.findall(r"'([^']+)'", str(context.get("expected") or context.get("expected_tags")))
        given = context.get("tag", error["input"])
        message = f"{given!r} is not known here{did_you_mean(given, known)}"
    return f"{path}:{node.start_mark.line + 1}: {'.'.join(keys) or 'declaration'}: {message}"


def _locate(root: yaml.Node, location: Location) -> tuple[yaml.Node, list[str]]:
    """Return the innermost node that ``location`` leads to, and the keys that led there.

    Pydantic names the chosen ``kind`` of a reader too: that is no key of the file.
    """
    node, mark, keys = root, root, []
    for before, part in zip([None, *location], location, strict=False):
        if isinstance(before, int) and part == _text(_child(node, "kind")):
            continue
        below = _child(node, part)
        if below is None:
            continue
        keys.append(str(part))
        node, mark = below, _key_node(node, part) or below
    return mark, keys


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if _text(name) == str(part)), None)
    return None


def _key_node(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((name for name, _ in node.value if _text(name) == str(part)), None)
    return None


def _text(node: yaml.Node | None) -> str | None:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _repeated(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield the keys that a mapping has had before: YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str | None] = set()
        for name, value in node.value:
            if _text(name) in seen:
                yield name
            seen.add(_text(name))
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(value)


def _keys_at(root: dict[str, Any], schema: dict[str, Any], location: Location) -> list[str]:
    """Return the keys that JSON schema ``root`` allows at ``location``."""
    if "$ref" in schema:
        return _keys_at(root, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], location)
    if not location:
        return list(schema.get("properties", {}))
    part, rest = location[0], location[1:]
    if mapping := schema.get("discriminator", {}).get("mapping"):
        return _keys_at(root, {"$ref": mapping[part]}, rest) if part in mapping else []
    for option in schema.get("anyOf", []):
        if found := _keys_at(root, option, location):
            return found
    inner = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
    inner = inner or schema.get("additionalProperties")
    return _keys_at(root, inner, rest) if isinstance(inner, dict) else []
