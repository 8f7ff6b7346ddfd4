"""What FHIR R4 elements are: types, cardinalities, codes and reference targets, from the models of ``fhir.resources``.

Belongs here: reading that metadata. Does not belong: validating records with it (``fhir_rules``, ``fhir_schema``).
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from fhir.resources.R4B import get_fhir_model_class

#: Required-binding codes that the models shorten to "a | b | +"; the full value sets of FHIR R4.
_FULL_CODES: dict[tuple[str, str], tuple[str, ...]] = {
    ("Encounter", "status"): (
        "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled",
        "entered-in-error", "unknown",
    ),
    ("EncounterStatusHistory", "status"): (
        "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled",
        "entered-in-error", "unknown",
    ),
    ("Observation", "status"): (
        "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown",
    ),
    ("DiagnosticReport", "status"): (
        "registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled",
        "entered-in-error", "unknown",
    ),
    ("ServiceRequest", "intent"): (
        "proposal", "plan", "directive", "order", "original-order", "reflex-order", "filler-order", "instance-order",
        "option",
    ),
    ("MedicationRequest", "intent"): (
        "proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option",
    ),
    ("Task", "status"): (
        "draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold",
        "failed", "completed", "entered-in-error",
    ),
    ("Task", "intent"): (
        "unknown", "proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order",
        "option",
    ),
}  # fmt: skip

#: Types of R4 that R4B withdrew or rebuilt: the models do not say what these are in R4, and no view reads them.
#: Only what every resource has is known of them.
UNDESCRIBED = frozenset({
    "EffectEvidenceSynthesis", "Evidence", "EvidenceVariable", "MedicinalProduct", "MedicinalProductAuthorization",
    "MedicinalProductContraindication", "MedicinalProductIndication", "MedicinalProductIngredient",
    "MedicinalProductInteraction", "MedicinalProductManufactured", "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect", "RiskEvidenceSynthesis",
    "SubstanceNucleicAcid", "SubstancePolymer", "SubstanceProtein", "SubstanceReferenceInformation",
    "SubstanceSourceMaterial", "SubstanceSpecification",
})  # fmt: skip

#: Words that say that the models do not list every code.
_MORE = frozenset({"+", "etc.", "formats"})


@dataclass(frozen=True)
class Element:
    """One element of a FHIR type. ``types`` has several entries only for a choice such as ``value[x]``."""

    name: str
    types: tuple[str, ...]
    is_list: bool
    is_required: bool = False
    targets: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def is_choice(self) -> bool:
        """Whether the JSON name carries the type (``value`` is ``valueQuantity``, ...)."""
        return len(self.types) > 1

    def json_name(self, fhir_type: str) -> str:
        """Return the JSON key of this element for one of its types."""
        return self.name + fhir_type[0].upper() + fhir_type[1:] if self.is_choice else self.name


def is_primitive(fhir_type: str) -> bool:
    """Whether a FHIR type is a JSON scalar (primitive types are written in lower case)."""
    return fhir_type[0].islower()


@lru_cache
def is_resource(name: str) -> bool:
    """Whether ``name`` is a FHIR R4 resource type."""
    if name in UNDESCRIBED:
        return True
    try:
        model = get_fhir_model_class(name)
    except ValueError:
        return False
    return "resource_type" in model.model_fields or any(c.__name__ == "Resource" for c in model.__mro__)


@lru_cache
def elements(fhir_type: str) -> Mapping[str, Element]:
    """Return the elements of a FHIR type by FHIRPath name (``value``, not ``valueQuantity``)."""
    found: dict[str, Element] = {}
    choices: dict[str, list[str]] = {}
    model = get_fhir_model_class("DomainResource" if fhir_type in UNDESCRIBED else fhir_type)
    for field in model.model_fields.values():
        facts = field.json_schema_extra or {}
        if not isinstance(facts, dict) or not facts.get("element_property"):
            continue
        fhir_type_of, is_list = _type_of(field.annotation)
        if choice := facts.get("one_of_many"):
            choices.setdefault(str(choice), []).append(fhir_type_of)
            found[str(choice)] = Element(
                str(choice), tuple(choices[str(choice)]), False, bool(facts.get("one_of_many_required"))
            )
            continue
        name = field.alias or ""
        found[name] = Element(
            name=name,
            types=(fhir_type_of,),
            is_list=is_list,
            is_required=field.is_required() or bool(facts.get("element_required")),
            targets=tuple(t for t in facts.get("enum_reference_types", ()) if t != "Resource"),
            codes=_codes(fhir_type, name, fhir_type_of, tuple(facts.get("enum_values", ()))),
        )
    return found


def _codes(owner: str, name: str, fhir_type: str, stated: tuple[str, ...]) -> tuple[str, ...]:
    """The codes of a required binding; none where the models do not know them all."""
    if fhir_type != "code":
        return ()
    if (owner, name) in _FULL_CODES:
        return _FULL_CODES[owner, name]
    return () if _MORE.intersection(stated) else stated


def _type_of(annotation: typing.Any) -> tuple[str, bool]:
    """Return (FHIR type name, is a list) of a model field's annotation."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list:
        return _type_of(args[0])[0], True
    if origin is typing.Annotated:
        return _primitive_name(type(args[1]).__name__), False
    inner = [arg for arg in args if arg is not type(None)]
    if inner:
        return _type_of(inner[0])
    if annotation is bool:
        return "boolean", False
    name = annotation.__name__
    return (_primitive_name(name[:-4]) if name in _PRIMITIVE_MARKERS else name.removesuffix("Type")), False


#: Annotations of the models that are not named after their FHIR type.
_MARKED = {"UuidVersion": "uuid", "EncodedBytes": "base64Binary"}
_PRIMITIVE_MARKERS = {"BooleanType", "Base64BinaryType"}


def _primitive_name(marker: str) -> str:
    return _MARKED.get(marker, marker[0].lower() + marker[1:])
