"""The resource every writing asset needs: this home's settings, held under its lock for the whole run.

Belongs here: the resource. Does not belong: folders (``settings``), the lock itself (``lake.lock``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from orchestration.lake.lock import home_lock
from orchestration.settings import Settings, get_settings

#: A run that finds another one writing waits for it rather than failing at once: a late pull may just be finishing.
LOCK_WAIT_SECONDS = 60.0


class Home(dg.ConfigurableResource):  # type: ignore[type-arg]
    """JOURNEYS_HOME, locked against other writers while a run holds it."""

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        return get_settings()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Home"]:
        """Hold the lock from the run's first step to its last."""
        with home_lock(self.settings.root, wait_seconds=LOCK_WAIT_SECONDS):
            yield self
