"""Packet stores: what is kept while nobody listens, and its playback."""
