"""Private keys: where they are kept, and who may use them."""
