"""Real names off the ledger: the identity registrar's process, and the store of personal data of an agent."""
