"""The archive of a station: one SQLite file, one writer, any number of readers."""
