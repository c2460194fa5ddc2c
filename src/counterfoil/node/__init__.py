"""Wiring: an open ledger on this machine, put together from storage, state, machine and engine."""
