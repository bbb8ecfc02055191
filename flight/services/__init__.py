"""One PUS service a file."""
