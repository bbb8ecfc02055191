"""What the spacecraft does by itself: schedule, monitors, reactions."""
