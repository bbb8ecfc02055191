"""COP-1 (CCSDS 232.1-B): FARM-1 on board and FOP-1 at the ground."""
