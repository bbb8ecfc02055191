"""The governor: from what the board measures to how much jobs may do. It decides when steps run, never what they do."""
