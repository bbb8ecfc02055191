"""Own jobs: packages that a team uploads, who may send them, and what they may do. See ``docs/packages.md``."""
