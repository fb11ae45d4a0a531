"""Spreads the shards of a sweep over workers."""
