"""The mind: no I/O, no clock, no chance, no log. Frozen values in, frozen values out."""
