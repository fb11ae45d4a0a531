"""The database: everything that is remembered. The whole schema is known as soon as any part of it is."""

from monitor.store import baselines, conversation, judgement, safe, tables

__all__ = ["baselines", "conversation", "judgement", "safe", "tables"]
