"""One direction of a link at byte level: one emulated effect a file, each wraps a channel and is a channel."""
