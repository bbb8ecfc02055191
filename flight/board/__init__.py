"""The board's own sensors: what Linux, a GPU's driver and a file of the operator's say. Edges, all of it."""
