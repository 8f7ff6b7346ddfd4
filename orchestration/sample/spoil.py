"""Deliberate damage: a few broken records, each listed in ``truth/spoiled.csv`` with the rule that must find it.

Belongs here: every kind of damage. Does not belong: the stated truth's format (truth.py).
A source is damaged only as far as the damage stays below one record in a hundred. ``line`` is the line of a file of
lines, else the record's number in the file, both from 1.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import cast

import orjson

from orchestration.sample.billing import Office
from orchestration.sample.clock import utc
from orchestration.sample.world import World
from orchestration.sample.write import Json, Output, Place

_SHARE = 0.01


def damage(world: World, office: Office) -> None:
    """Damage the deliveries of the first panel, and delete one record."""
    if world.simulates_care:
        ehr: list[tuple[str, Callable[[Output], Place]]] = [
            ("json_invalid", _no_json),
            ("end_before_start", _backwards_encounter),
            ("resource_type", _other_type),
            ("encoding", _latin1),
            ("json_invalid", _truncated),
        ]
        files = (
            "Observation.{}.ndjson",
            "Encounter.000.ndjson",
            "Slot.ndjson",
            "Patient.ndjson",
            "MedicationDispense.ndjson",
        )
        for (rule, how), name in zip(ehr, files, strict=True):
            _spoil(world, "ehr", name, (rule, how))
        _delete(world)
    for source, rule, how in (
        ("portal", "json_invalid", _truncated),
        ("call_center", "end_before_start", _backwards_call),
        ("surveys", "score_out_of_scale", _off_scale),
    ):
        name = _busiest(world, source)
        if name:
            _spoil(world, source, name, (rule, how))
    remits = [remit for _, batch in sorted(office.remits.items()) for remit in batch if remit.paid]
    if len(remits) * _SHARE >= 1:
        remits[len(remits) // 2].broken = True


def _busiest(world: World, source: str) -> str:
    outputs = {
        name: sum(out.files.values())
        for (folder, name), out in world.out.outputs.items()
        if folder == source and "invitations" not in name
    }
    return max(outputs, key=lambda name: (outputs[name], name), default="")


def _spoil(world: World, source: str, name: str, how: tuple[str, Callable[[Output], Place]]) -> None:
    output = world.out.outputs.get((source, name))
    planted = world.truth.spoiled_by_source.get(source, 0)
    if output is None or not output.last or world.out.records(source) * _SHARE < planted + 1:
        return
    world.truth.spoil(source, how[1](output), how[0])


def _add(output: Output, data: bytes) -> Place:
    return output.text(data + b"\n")


def _truncated(output: Output) -> Place:
    return _add(output, output.last[: len(output.last) * 2 // 3])


def _no_json(output: Output) -> Place:
    return _add(output, output.last.replace(b'":', b'"=', 3))


def _latin1(output: Output) -> Place:
    body = _copy(output)
    body["name"] = [{"family": "Muñoz", "given": ["Andrés"]}]
    return _add(output, orjson.dumps(body).decode().encode("latin-1"))


def _other_type(output: Output) -> Place:
    return _add(output, orjson.dumps({**_copy(output), "resourceType": "Basic", "code": {"text": "not a slot"}}))


def _backwards_encounter(output: Output) -> Place:
    body = _copy(output)
    start = body["period"]["start"]
    body["period"] = {"start": start, "end": f"{int(start[:4]) - 1}{start[4:]}"}
    return _add(output, orjson.dumps(body))


def _backwards_call(output: Output) -> Place:
    body = _copy(output)
    ends = body["DisconnectTimestamp"]
    body["DisconnectTimestamp"] = f"{int(ends[:4]) - 1}{ends[4:]}"
    return _add(output, orjson.dumps(body))


def _copy(output: Output) -> Json:
    """Return the newest record under an id of its own."""
    body = cast(Json, orjson.loads(output.last))
    for key in ("id", "ContactId", "InitialContactId"):
        if key in body:
            body[key] = f"{body[key]}-x" if key == "id" else "00000000-0000-4000-8000-000000000001"
    if "PreviousContactId" in body:
        body["PreviousContactId"] = None  # a contact of its own follows from no other
    return body


def _off_scale(output: Output) -> Place:
    fields = next(csv.reader([output.last.decode()]))
    fields[8], fields[15] = "R_00000000000000000000", "14"
    return _add(output, ",".join(f'"{field}"' for field in fields).encode())


def _delete(world: World) -> None:
    """Withdraw one measurement: the server says so in a Bundle of DELETE requests."""
    output = world.out.outputs.get((world.feed, "Observation.{}.ndjson"))
    if output is None or not output.last:
        return
    gone = orjson.loads(output.last)["id"]
    bundle: Json = {
        "resourceType": "Bundle",
        "id": world.id("bundle"),
        "meta": {"lastUpdated": utc(world.period.end)},
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": f"Observation/{gone}"}}],
    }
    world.out.json(world.feed, "deleted.ndjson", "Bundle", bundle)
    world.out.deleted[world.feed] = ["deleted.ndjson"]
