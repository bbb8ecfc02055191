"""The commands of ``ground``, a file for each group of them; `ground.__main__` puts them together."""
