"""Space data link security (CCSDS 355.0-B): who may command, and who may read.

`association` says how a channel is protected, `cipher` does it, `header` lays it out; `sender` and `receiver` are the
two functions of the standard, ApplySecurity and ProcessSecurity; `window` is the anti-replay check. `key_state` is the
life of a key, `key_file` the file that keys travel in, `key_store` what an end must never forget about them.
`security` joins all of it for one end of a link.
"""
