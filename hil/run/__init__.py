"""One run of a scenario from its files to its verdict: what the ground does, what was seen, and what came of it."""
