"""Commands without logic: what they do is in `sdk`, `node` and `demo`."""
