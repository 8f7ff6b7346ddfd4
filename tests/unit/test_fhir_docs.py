"""Every declaration shown in docs/fhir-servers.md is valid."""

from __future__ import annotations

import re

import yaml
from pydantic import TypeAdapter

from orchestration.pull.readers import AnyReader
from orchestration.pull.servers import AnyServer
from orchestration.settings import PROJECT_ROOT


def test_the_examples_are_valid() -> None:
    text = (PROJECT_ROOT / "docs" / "fhir-servers.md").read_text()
    examples = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    servers = TypeAdapter(list[AnyServer]).validate_python([s for e in examples for s in e.get("servers", [])])
    assert [server.kind for server in servers] == ["bulk", "search"]
    readers = TypeAdapter(list[AnyReader]).validate_python([r for e in examples for r in e.get("readers", [])])
    assert [reader.kind for reader in readers] == ["fhir"]
