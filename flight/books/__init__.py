"""What the journal adds up to, one book a service: its durable changes as types, and what they come to.

A book decides nothing and does no I/O: `flight.ledger` gives it every change once it is durable, in order.
"""
