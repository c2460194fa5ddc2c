"""Disk: the block log, the record store behind the state's port, encryption at rest, and the ledger's folder."""
