"""What keeps the spacecraft alive: mode, boots, slots, watchdog."""
