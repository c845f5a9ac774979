"""One alert to the configured channels, told once while its condition lasts."""

from .alert import Alert
from .dispatch import Sent, open_alerts, resolve, send

__all__ = ["Alert", "Sent", "open_alerts", "resolve", "send"]
