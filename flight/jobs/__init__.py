"""Training and inference jobs: the queue and engine in the flight process, the work in a worker process."""
