"""Which FHIR release an element belongs to: an STU3 or R5 delivery is recognised by elements that R4 does not have.

Belongs here: the element names of other releases, from the models of ``fhir.resources``.
Does not belong: R4's own elements (``fhir_views.elements``); what becomes of such a record (``fhir_gate``).
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

#: Release and its models, which take a second to load: done only when an unknown element asks for it.
_MODELS = {"STU3": "fhir.resources.STU3", "R5": "fhir.resources"}


def releases_with(resource_type: str, element: str) -> tuple[str, ...]:
    """Return the other releases in which ``resource_type`` has ``element`` (JSON name)."""
    return tuple(release for release in _MODELS if element in _elements(release, resource_type))


@lru_cache
def _elements(release: str, resource_type: str) -> frozenset[str]:
    try:
        model = import_module(_MODELS[release]).get_fhir_model_class(resource_type)
    except (ValueError, KeyError):
        return frozenset()
    return frozenset(field.alias or name for name, field in model.model_fields.items())
