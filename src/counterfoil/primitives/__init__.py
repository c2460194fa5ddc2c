"""Values that every other room is built from: amounts, identifiers, dates, bytes, digests, signatures, outcomes."""
