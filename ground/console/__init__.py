"""The web console: pages on the station's own web application, for a person who watches and commands."""
