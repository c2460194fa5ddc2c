"""The custodian's service: keys kept for others, each use of one decided by a policy and told to the ledger."""
