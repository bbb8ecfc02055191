"""CFDP: files across a link that loses, reorders and goes away, by CCSDS 727.0-B-5. No clock, no I/O."""
