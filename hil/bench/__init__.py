"""The bench: a spacecraft, a station and the emulated link between them, in the hands of a test."""
