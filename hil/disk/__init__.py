"""Disks in simulation: what was not synced may vanish or tear when power is cut, and what lies there can go bad."""
