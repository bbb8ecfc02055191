"""The emulated link between two ports, with whatever it likes at their far sides, in real time."""
