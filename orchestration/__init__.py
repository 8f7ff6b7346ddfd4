"""Patient journeys: pull, stitch, build, check and publish. See README.md for where things go."""

import os

# Hundreds of small regressions: a thread pool for matrices this small triples the CPU time, and can only be sized
# before numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
