"""What survey questions measure: the question map, and the items of standard instruments ready to be named in it.

Belongs here: one question's declaration, the presets of ``instruments.yaml``. Does not belong: any file format.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestration.declaration import MisdeclaredError, did_you_mean

_PRESETS = Path(__file__).with_name("instruments.yaml")


class Question(BaseModel):
    """What a question measures.

    ``values`` maps delivered text to a score where the export is not numeric; null where the text says that it does not
    apply. An item of a standard instrument (HCAHPS, CG-CAHPS) names it with its version, because answers to
    different versions are not one series; ``item`` takes scale, values and composite from the instrument's preset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    scale_min: float | None = None
    scale_max: float | None = None
    direction: Literal["higher_is_better", "lower_is_better"] = "higher_is_better"
    values: dict[str, float | None] = {}
    instrument: str | None = None
    instrument_version: str | None = None
    item: str | None = None
    composite: str | None = Field(default=None, description="The composite measure that the item is part of.")

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, declared: Any) -> Any:
        """Fill in what the preset of a named item says; what is declared beside it holds."""
        if not isinstance(declared, dict) or "item" not in declared:
            return declared
        presets = instruments()
        instrument = _known(presets, declared, "instrument")
        version = _known(instrument, declared, "instrument_version")
        return {"metric": "cahps", **_known(version, declared, "item"), **declared}

    @model_validator(mode="after")
    def _has_scale(self) -> Question:
        if self.metric != "comment" and (self.scale_min is None or self.scale_max is None):
            raise ValueError(f"a question of metric {self.metric!r} needs scale_min and scale_max")
        if (self.instrument is None) != (self.instrument_version is None):
            raise ValueError("`instrument` and `instrument_version` are stated together")
        return self


@cache
def instruments() -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Return the presets: instrument, version and item to the fields of a ``Question``."""
    stated = yaml.safe_load(_PRESETS.read_text(encoding="utf-8"))
    return {
        instrument: {
            version: {
                item: {**stated["scales"][scale], **({"composite": composite} if len(items) > 1 else {})}
                for composite, items in composites.items()
                for item, scale in items.items()
            }
            for version, composites in versions.items()
        }
        for instrument, versions in stated["instruments"].items()
    }


def _known(named: dict[str, dict[str, Any]], declared: dict[str, Any], key: str) -> dict[str, Any]:
    value = declared.get(key)
    if value not in named:
        raise MisdeclaredError(f"{value!r} is no {key} with a preset{did_you_mean(value, list(named))}", [key])
    return named[value]
