"""Random and mutated inputs against everything that takes bytes from outside: python -m tests.fuzz --count 1000000"""
