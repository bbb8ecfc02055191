"""The ground segment: a sans-IO station, its archive, and the programs an operator uses."""
