"""Great Expectations: what the numbers of a night must look like before anyone sees them.

Belongs here: ranges, distributions, comparisons across sources, as suites in code (``suites/<topic>.py``).
Does not belong: keys, nulls, relations, accepted values (dbt tests beside the models), anything of ``orchestration``.
"""
