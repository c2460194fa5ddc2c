"""Networks of nodes: made, run and joined."""
