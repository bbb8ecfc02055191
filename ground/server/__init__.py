"""The station's HTTP and WebSocket API: one place for what a station can do, and the ways in which it is asked."""
