"""Who may do what at a station: users, sessions, checks at its doors, approvals, and the record of what was done."""
