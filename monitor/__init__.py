"""Coverwatch: watches what a shop delivered, decides who is owed a replacement, and tells the customer first."""
