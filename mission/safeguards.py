"""The bounds of the operator's safeguards that both ends share. Data only."""

# Message types that are inhibited at once; whole services can be. 60 of them fit into one report beside others.
INHIBITS_MAX = 60

SILENCE_LIMIT_S_MAX = 366 * 86_400

# A week: longer than any planned gap in operations, far shorter than what a spacecraft lives through unattended.
SILENCE_LIMIT_S_DEFAULT = 7 * 86_400

# Long enough for an operator's second thought and for a slow link's retries, short enough not to be forgotten.
ARMED_S_DEFAULT = 120
ARMED_S_MAX = 3_600
