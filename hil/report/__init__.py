"""The report of a run for people: one HTML file with everything in it, which opens without a network."""
