"""The markets: their rulebooks as data, their calendars, and the business day."""
