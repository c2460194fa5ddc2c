"""Who may see what: one function that every read asks."""
