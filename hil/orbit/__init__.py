"""Where the spacecraft is, who sees it, and where the Sun is: geometry in numpy, over whole spans of time at once."""
