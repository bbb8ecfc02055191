"""What a scenario file says: one table of it a module; `scenario` reads the whole."""
