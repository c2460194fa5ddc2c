"""The machine: applies decided blocks to the state by the modules' rules, the same at every node."""
