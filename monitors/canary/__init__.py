"""Canary: widens a new defense step by step on evidence, or takes it back by itself."""
