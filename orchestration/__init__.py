"""Patient journeys: pull, stitch, build, check and publish. See README.md for where things go."""
