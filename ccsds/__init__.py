"""Bytes to meaning and back, by the CCSDS and ECSS standards: no clock, no I/O, no torch, nothing of this mission."""
