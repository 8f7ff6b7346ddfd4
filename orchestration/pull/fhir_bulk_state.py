"""What a bulk export remembers between runs: a killed run goes on where it stopped, nothing is downloaded twice.

Belongs here: the state file of a feed's running export and the moment of its last whole one.
Does not belong: asking the server (``fhir_bulk``). No token is ever written.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict

_RUNNING, _LAST = "running.json", "last.json"
Model = TypeVar("Model", bound=BaseModel)


class ExportFile(BaseModel):
    """One file of a manifest. ``role``: output, deleted or error; ``count``: what the manifest promises, if it does.

    ``requires_token``: whether the page that lists it says so.
    """

    model_config = ConfigDict(frozen=True)

    role: str
    type: str
    url: str
    count: int | None = None
    requires_token: bool = True


class Running(BaseModel):
    """An export under way, of what was ``asked`` for; ``files`` of the ``pages`` of the manifest read so far.

    ``done`` maps a file's url to its lines.
    """

    status_url: str
    asked: str = ""
    transaction_time: str | None = None
    next_page: str | None = None
    pages: list[str] = []
    is_listed: bool = False
    is_delivering: bool = False
    is_whole: bool = True
    files: list[ExportFile] = []
    done: dict[str, int] = {}


class ExportState:
    """The state of one feed, in a folder of its own beside its unfinished downloads."""

    def __init__(self, folder: Path) -> None:
        """Load what an earlier run left."""
        self.folder = folder
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self.running = self._loaded()

    def _loaded(self) -> Running | None:
        path = self.folder / _RUNNING
        return Running.model_validate_json(path.read_bytes()) if path.exists() else None

    def since(self, asked: str) -> str | None:
        """The transaction time of the last whole export, if it was one of what is ``asked`` for now."""
        return last_time(self.folder, asked)

    def start(self, running: Running) -> Running:
        """Begin a new export: leftovers of another one are of no use."""
        for path in self.downloads.iterdir():
            path.unlink()
        self.running = running
        self.save()
        return running

    def finished(self, url: str, lines: int) -> None:
        """Remember a whole file; called from several threads."""
        with self._lock:
            if self.running:
                self.running.done[url] = lines
            self.save()

    def unfinished(self, url: str) -> None:
        """Forget a file that was not what the manifest says; called from several threads."""
        with self._lock:
            if self.running:
                self.running.done.pop(url, None)
            self.save()

    def save(self) -> None:
        """Write the running export down, atomically."""
        if self.running:
            write_json(self.folder / _RUNNING, self.running.model_dump(mode="json"))

    def drop(self) -> None:
        """Forget the running export: its server does not know it any more."""
        self.running = None
        (self.folder / _RUNNING).unlink(missing_ok=True)

    def complete(self, running: Running) -> None:
        """Close the export; after a whole one, the next asks for what changed since."""
        if running.transaction_time and running.is_whole:
            remember(self.folder, running.asked, running.transaction_time)
        self.drop()


def last_time(folder: Path, asked: str) -> str | None:
    """Return the moment until which the last whole run has brought everything that is ``asked`` for.

    None where that run asked for something else (fewer types, another server): it would leave gaps to go on from there.
    """
    path = folder / _LAST
    last = orjson.loads(path.read_bytes()) if path.exists() else {}
    return last["transaction_time"] if last.get("asked") == asked else None


def remember(folder: Path, asked: str, transaction_time: str) -> None:
    """Write down until when everything that was ``asked`` for has been brought."""
    write_json(folder / _LAST, {"transaction_time": transaction_time, "asked": asked})


def resumed(folder: Path, running: type[Model]) -> Model | None:
    """Return what a killed run left under way in ``folder``, None where it left nothing."""
    path = folder / _RUNNING
    return running.model_validate_json(path.read_bytes()) if path.exists() else None


def begun_anew(folder: Path, asked: str) -> str | None:
    """Remove half of a download; return :func:`last_time`."""
    for path in (folder / "downloads").iterdir():
        path.unlink()
    return last_time(folder, asked)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a small file whole or not at all."""
    scratch = path.with_suffix(".tmp")
    with scratch.open("wb") as writing:
        writing.write(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        writing.flush()
        os.fsync(writing.fileno())
    scratch.replace(path)
