"""Where bytes leave the process: link URLs, the ports they open, and the loop that drives a core in real time."""
