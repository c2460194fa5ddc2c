"""Counterfoil: a ledger for securities markets, kept by its members. Start at ARCHITECTURE.md."""
