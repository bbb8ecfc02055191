"""The spacecraft on a table, without a link: an operator beside it, and whoever takes its power or its life."""
