"""One alert to the configured channels, told once while its condition lasts."""

from .alert import Alert
from .dispatch import Sent, open_alerts, resolve, send
from .history import Kept, history

__all__ = ["Alert", "Kept", "Sent", "history", "open_alerts", "resolve", "send"]
