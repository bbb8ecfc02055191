"""What a particle does to a job: which bits, of what, at which instant of a step. Flight knows nothing of it."""
