"""What finds out that memory or arithmetic was struck while a job trains, and takes it back to where it was right."""
