"""Accounts, who holds how much of what in them, and what of it is set aside: the only writer of quantities."""
