"""Following the headers of a network on CometBFT v0.38, from what is trusted to any later height."""
