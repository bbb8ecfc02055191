"""Scrubbing: what lies in the store is looked through in the background, and mended from a second copy."""
