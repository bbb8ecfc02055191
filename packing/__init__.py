"""Model files for a thin link: packed without loss, or as what changed since a base that both ends hold."""
