"""Stored procedures: the text that an operator reads, the steps in it, and the runner that takes them."""
