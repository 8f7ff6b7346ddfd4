"""Where things lie and what may be set. The only module that knows folders and environment variables.

Belongs here: one settings class, the folders derived from it. Does not belong: anything that reads or writes them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestration.declaration import ZoneName, did_you_mean

PROJECT_ROOT = Path(__file__).resolve().parents[1]
DBT_PROJECT = PROJECT_ROOT / "dbt_project"
SOURCE_DEFINITIONS = PROJECT_ROOT / "orchestration" / "defs" / "sources"


PREFIX = "JOURNEYS_"
#: Reference data of tests and benchmarks: no night reads it.
OTHER_VARIABLES = {"JOURNEYS_REFERENCE"}


class WrongSettingError(ValueError):
    """The environment cannot be used as it is; the text names each variable and what is wrong, one a line."""


class Settings(BaseSettings):
    """Everything a data team may set, each as the environment variable ``JOURNEYS_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    home: Path = Field(
        default=PROJECT_ROOT / "data", description="Folder of landing, raw, warehouse and published data."
    )
    deliveries: Path | None = Field(
        default=None, description="Folder with ehr*/ portal/ call_center/ ...; unset: the sample hospital's."
    )
    as_of: datetime | None = Field(
        default=None, description="The night's clock (UTC); unset: the latest delivery's own time."
    )
    time_zone: ZoneName = Field(
        default="America/New_York", description="IANA zone of the organisation and its schedule."
    )
    keep_nights: int = Field(default=14, ge=1, description="Publications kept in each published schema.")
    max_rejected_share: float = Field(
        default=0.05, ge=0, le=1, description="Largest share of a source's records that may be rejected in a night."
    )
    sample_patients: int = Field(default=500, ge=1, description="Patients of the sample hospital made by default.")

    @field_validator("as_of")
    @classmethod
    def _in_utc(cls, moment: datetime | None) -> datetime | None:
        return moment.astimezone(UTC).replace(tzinfo=None) if moment and moment.tzinfo else moment

    @property
    def root(self) -> Path:
        """JOURNEYS_HOME as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def landing(self) -> Path:
        """Delivered files, exactly as they came, with their manifests."""
        return self.root / "landing"

    @property
    def raw(self) -> Path:
        """Parquet per source table, every version of every record."""
        return self.root / "raw"

    @property
    def exchange(self) -> Path:
        """Parquet handed between dbt and Python."""
        return self.root / "exchange"

    @property
    def identity(self) -> Path:
        """Identity state and stewards' decisions: not rebuildable, back it up."""
        return self.root / "identity"

    @property
    def vault(self) -> Path:
        """Keys of the published schemas: not rebuildable, back it up, keep it from analysts."""
        return self.root / "vault"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that only dbt writes."""
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """What analysts open: <limited|safe_harbor>/current."""
        return self.root / "published"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage."""
        return self.root / "dagster"

    @property
    def sample(self) -> Path:
        """Deliveries of the sample hospital, made when no others are named."""
        return self.root / "sample"

    @property
    def truth(self) -> Path:
        """Who the deliveries' identities really are, where somebody knows (the sample hospital does)."""
        return self.delivery_root / "truth" / "persons.csv"

    @property
    def exports(self) -> Path:
        """What pulling from servers remembers, and downloads that are not whole yet: one folder a feed."""
        return self.root / "exports"

    @property
    def delivery_root(self) -> Path:
        """The folder whose sub-folders are delivered."""
        return self.deliveries.expanduser().resolve() if self.deliveries else self.sample


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process (environment read once).

    Raises:
        WrongSettingError: a variable has a value that cannot be, or a name that nobody reads: most likely misspelt.
    """
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    given = {name for name in os.environ if name.startswith(PREFIX)}
    wrong = [f"{name}: no such setting{did_you_mean(name, known)}" for name in given - {*known, *OTHER_VARIABLES}]
    try:
        settings = Settings()
    except ValidationError as error:
        wrong += [f"{PREFIX}{str(one['loc'][0]).upper()}: {_said(one['msg'])}" for one in error.errors()]
    if wrong:
        raise WrongSettingError("\n".join(sorted(wrong)))
    return settings


def _said(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[0].lower() + message[1:]
