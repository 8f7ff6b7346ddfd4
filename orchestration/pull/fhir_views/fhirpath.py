"""The part of FHIRPath that SQL-on-FHIR v2 uses: text → syntax tree.

Belongs here: tokens, precedence, the nodes. Does not belong: types and SQL (``expressions``).
Source: FHIRPath N1 grammar, precedence table; SQL-on-FHIR v2, "Required FHIRPath functions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class FhirPathError(ValueError):
    """The text is not FHIRPath, or not of the supported part."""


@dataclass(frozen=True)
class Literal:
    """A constant: its FHIR type and its text (strings unescaped)."""

    fhir_type: str
    text: str


@dataclass(frozen=True)
class This:
    """The current element: ``$this``, or the implied start of a path."""


@dataclass(frozen=True)
class Variable:
    """``%name``."""

    name: str


@dataclass(frozen=True)
class Member:
    """``target.name``."""

    target: Node
    name: str


@dataclass(frozen=True)
class Index:
    """``target[position]``."""

    target: Node
    position: Node


@dataclass(frozen=True)
class Call:
    """``target.name(arguments)``."""

    target: Node
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Binary:
    """``left operator right``."""

    operator: str
    left: Node
    right: Node


Node = Literal | This | Variable | Member | Index | Call | Binary

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time>@T[0-9:.]+)
    | (?P<date>@[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?(?:T[0-9:.]*(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)
    | (?P<number>[0-9]+(?:\.[0-9]+)?)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<variable>%[A-Za-z_][A-Za-z0-9_]*)
    | (?P<name>\$?[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)
    | (?P<sign><=|>=|!=|[-+*/=<>.,()\[\]|&])
    )""",
    re.VERBOSE,
)

#: Weakest first; operators of one row bind equally and from the left.
_PRECEDENCE: tuple[tuple[str, ...], ...] = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("=", "!="),
    ("<", "<=", ">", ">="),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def parse(text: str) -> Node:
    """Parse one FHIRPath expression."""
    parser = _Parser(_tokens(text), text)
    node = parser.binary(0)
    parser.expect_end()
    return node


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position, text = [], 0, text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found or not found.lastgroup:
            raise FhirPathError(f"cannot read FHIRPath at position {position}: {text}")
        tokens.append((found.lastgroup, found.group(found.lastgroup)))
        position = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.at = 0

    def peek(self) -> str | None:
        """The next token's text; strings keep their quotes, so no string looks like a sign."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def take(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise FhirPathError(f"unexpected end of FHIRPath: {self.text}")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, sign: str) -> None:
        if self.take()[1] != sign:
            raise FhirPathError(f"expected {sign}: {self.text}")

    def expect_end(self) -> None:
        if self.at < len(self.tokens):
            raise FhirPathError(f"unexpected {self.peek()}: {self.text}")

    def binary(self, level: int) -> Node:
        if level == len(_PRECEDENCE):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _PRECEDENCE[level]:
            operator = self.take()[1]
            left = Binary(operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        if self.peek() in ("-", "+"):
            sign = self.take()[1]
            inner = self.unary()
            return Binary("-", Literal("integer", "0"), inner) if sign == "-" else inner
        return self.postfix()

    def postfix(self) -> Node:
        node = self.term()
        while self.peek() in (".", "["):
            if self.take()[1] == "[":
                node = Index(node, self.binary(0))
                self.expect("]")
            else:
                kind, name = self.take()
                if kind != "name":
                    raise FhirPathError(f"expected a name after '.': {self.text}")
                node = self.invocation(node, name)
        return node

    def invocation(self, target: Node, name: str) -> Node:
        if self.peek() != "(":
            return Member(target, name.strip("`"))
        self.take()
        arguments: list[Node] = []
        while self.peek() != ")":
            arguments.append(self.binary(0))
            if self.peek() == ",":
                self.take()
            elif self.peek() != ")":
                raise FhirPathError(f"expected ',' or ')': {self.text}")
        self.take()
        return Call(target, name, tuple(arguments))

    def term(self) -> Node:
        kind, text = self.take()
        if kind == "sign" and text == "(":
            node = self.binary(0)
            self.expect(")")
            return node
        if kind == "name":
            return self.named(text)
        if kind == "variable":
            return Variable(text[1:])
        if kind == "sign":
            raise FhirPathError(f"unexpected {text}: {self.text}")
        return _literal(kind, text)

    def named(self, text: str) -> Node:
        if text == "$this":
            return This()
        if text in ("true", "false"):
            return Literal("boolean", text)
        return self.invocation(This(), text)


def _literal(kind: str, text: str) -> Literal:
    if kind == "number":
        return Literal("decimal" if "." in text else "integer", text)
    if kind == "string":
        return Literal("string", re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1]))
    if kind == "time":
        return Literal("time", text[2:])
    return Literal("dateTime" if "T" in text else "date", text[1:].rstrip("T"))
