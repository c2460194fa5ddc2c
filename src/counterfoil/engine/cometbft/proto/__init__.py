"""Generated from CometBFT's .proto files by `make proto`; not edited by hand."""
