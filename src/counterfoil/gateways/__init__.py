"""Where other formats meet the ledger: each gateway turns one outside format into neutral values, and back."""
