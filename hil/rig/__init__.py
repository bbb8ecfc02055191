"""A scenario in real time: the two programs as processes, the ports between them, and what can happen to them."""
