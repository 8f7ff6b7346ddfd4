"""SQL-on-FHIR v2: which columns a FHIR resource gives, as ViewDefinitions, compiled to SQL.

Belongs here: the standard's language (``fhirpath``, ``definition``), what FHIR elements are (``elements``), the
compiler (``expressions``, ``compiler``), SQL's spelling (``dialect``), and the project's own views, one JSON a table.
Does not belong: files, rejects and raw tables (``pull.fhir_files``), what a column means in a journey (dbt).
"""

from orchestration.pull.fhir_views.compiler import CompiledView, compile_view
from orchestration.pull.fhir_views.definition import InvalidViewError, ViewDefinition, load_view

__all__ = ["CompiledView", "InvalidViewError", "ViewDefinition", "compile_view", "load_view"]
