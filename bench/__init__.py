"""Benchmarks: rates, percentiles, memory and the machine they ran on. Never part of the tests."""
