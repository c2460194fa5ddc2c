"""Instruments: what can be held, by whom it was issued, what it is called, and the terms in force."""
