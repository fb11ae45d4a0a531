"""How the laws of the core are tried."""

from hypothesis import settings

# A slow machine is no broken law, and nothing is kept between runs.
settings.register_profile("core", deadline=None, database=None)
settings.load_profile("core")
