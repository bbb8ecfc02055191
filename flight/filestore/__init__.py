"""The files of the spacecraft, and what of the store the ground can see."""
