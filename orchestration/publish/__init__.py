"""Publishing: what analysts open, de-identified where it has to be, moved into place whole.

Belongs here: nights and their links, the two published schemas, small cells, random keys, event-log exports.
Does not belong: computing a measure (dbt does), deciding whether the night is sound (checks run before).
"""

from orchestration.publish.publisher import NothingToPublishError, Publication, publish
from orchestration.publish.vault import KeysLostError

__all__ = ["KeysLostError", "NothingToPublishError", "Publication", "publish"]
