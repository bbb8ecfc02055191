"""The software on board: a sans-IO spacecraft, its services, and the jobs it runs."""
