"""Which parts of a JSON document a view reads: only these are parsed.

Belongs here: the tree of paths. Does not belong: what the paths mean (``expressions``).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Shape:
    """One JSON object as far as it is read. A child without children of its own is a scalar, read as text.

    ``fhir_type`` is the element's type; ``is_json`` marks a part kept as JSON because its depth is not known.
    """

    fhir_type: str
    is_list: bool = False
    is_json: bool = False
    children: dict[str, Shape] = field(default_factory=dict)

    def child(self, name: str, fhir_type: str, is_list: bool) -> Shape:
        """Return the child, adding it where it was not read so far."""
        if name not in self.children:
            self.children[name] = Shape(fhir_type, is_list)
        return self.children[name]

    def merge(self, other: Shape) -> None:
        """Read what ``other`` reads, too."""
        self.is_json = self.is_json or other.is_json
        for name, child in other.children.items():
            self.child(name, child.fhir_type, child.is_list).merge(child)
