"""Validation: what the channel does, measured from outside, against what it was told to do."""
