"""What both ends agree on: the dictionary, the channels, the link profiles. Data, no behaviour."""
