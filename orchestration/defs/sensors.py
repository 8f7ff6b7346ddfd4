"""Drop folders are watched: what a source delivers during the day is landed without waiting for the night."""

import hashlib

import dagster as dg

from orchestration.pull.deliveries import feeds
from orchestration.pull.source import Source, load_sources
from orchestration.settings import SOURCE_DEFINITIONS, get_settings

INTERVAL_SECONDS = 300


def _sensor(source: Source) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{source.name}_drop_folder",
        job_name=f"pull_{source.name}",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Pulls {source.name} when complete files appear in or change below {source.folders}/.",
    )
    def drop_folder(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        seen = hashlib.sha256()
        for feed in feeds(source.folders, get_settings().delivery_root, source.ready):
            for offer in feed.offers:
                seen.update(f"{feed.name}/{offer.name}|{offer.changed_at}\n".encode())
        cursor = seen.hexdigest()
        if cursor == context.cursor:
            return dg.SkipReason("nothing new was delivered")
        context.update_cursor(cursor)
        return dg.RunRequest(run_key=cursor)

    return drop_folder


@dg.definitions
def defs() -> dg.Definitions:
    """One sensor a source."""
    return dg.Definitions(sensors=[_sensor(source) for source in load_sources(SOURCE_DEFINITIONS)])
