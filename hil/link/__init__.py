"""What lies between both ends of a run: its two lines, when there is contact, and who else is on the air."""
