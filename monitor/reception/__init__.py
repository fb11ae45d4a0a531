"""What people say and press on Telegram: stored before it is acted on, and answered at once."""

from monitor.reception.front import Reception

__all__ = ["Reception"]
