"""What is sealed, and who opens it: roots of epochs, the tree of view keys, sealed bundles, sealed receipts.

docs/explanation/sealing.md fixes every derivation, nonce and byte that is made here.
"""
