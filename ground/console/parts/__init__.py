"""What the pages of the console are made of, one noun a file."""
