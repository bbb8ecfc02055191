"""What can be said, one file a service: its commands, reports, parameters, housekeeping structures and events."""
