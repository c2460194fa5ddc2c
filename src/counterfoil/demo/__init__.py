"""A whole market day to look at: founded, issued, traded, settled, proven and replayed."""
