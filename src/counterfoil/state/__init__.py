"""Keyed records under one root: tables, working views, the authenticated tree, history and proofs."""
