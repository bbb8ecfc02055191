"""A protocol analyser: octets of a link in, an annotated tree out; docs/decode.md tells how."""
