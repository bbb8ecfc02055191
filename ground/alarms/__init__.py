"""What the station makes of telemetry: derived parameters, limits, alarms, and what is stale. No clock, no I/O."""
