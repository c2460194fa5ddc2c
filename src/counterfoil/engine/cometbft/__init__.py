"""The ledger under CometBFT: its ABCI 2.0 application and server, and what a node needs to run the engine."""
