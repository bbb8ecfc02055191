"""Soak: missions drawn from seeds, what must hold in each, and the shortest plan that still breaks it."""
