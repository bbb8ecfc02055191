"""The two ends of a run as things with power, keys and clocks: cores while they run, silence while they are off."""
