"""Telegram's Bot API as a real server on loopback: its people and chats, its rules, its limits and its bad days."""

from monitor.demo.botapi.server import BotApi

__all__ = ["BotApi"]
