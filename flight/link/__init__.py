"""The link on board: frames in, packets to the router, and what is said live out again."""
