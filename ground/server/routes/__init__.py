"""The addresses of the API, one noun a file; each asks `ground.server.operations` and does nothing else."""
