"""Named instants that bring faults about, beside the events that a spacecraft announces. Each is counted from 1."""

CONTACT_INSTANTS = ("aos", "los")
"""Acquisition and loss of signal."""

ORBIT_INSTANTS = (
    "eclipse_entry",
    "eclipse_exit",
    "anomaly_entry",
    "anomaly_exit",
    "ascending_node",
    "descending_node",
)
"""Told by whoever knows the orbit. A place on it is its node and an offset in time."""

CHECKPOINT_BEGUN = "checkpoint_begun"
"""The engine has asked for a checkpoint: from here on it is being written."""
