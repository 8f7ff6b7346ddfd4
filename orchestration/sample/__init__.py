"""The sample hospital: a seeded generator of deliveries in the real formats, with their truth.

Belongs here: simulated people and the records that five sources would deliver about them. Does not belong: anything
that reads deliveries for the pipeline. Behaviour is causal: waits come from slots and demand, missed visits from
waits, repeat calls from unresolved calls, denials from coverage, scores from what happened.
"""

from orchestration.sample.generate import SampleReport, generate

__all__ = ["SampleReport", "generate"]
