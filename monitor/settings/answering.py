"""The settings of answers: whether they are sent at all, and through whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

KEYS = ("ENABLE_WHATSAPP_MESSAGES", "WHATSAPP_SENDER_URL", "WHATSAPP_BRIDGE_URL")

Mode = Literal["off", "on", "dry-run"]
_MODES: Mapping[str, Mode] = {"true": "on", "false": "off", "dry-run": "dry-run"}


@dataclass(frozen=True)
class Answering:
    """How this host sends answers, if it does.

    `mode` is the kill switch: "off" queues and sends nothing, whatever projects say; "dry-run"
    does all but the sending. `sender_url` is tried first, then `bridge_url`; paths are added.
    """

    mode: Mode = "off"
    sender_url: str = "http://127.0.0.1:8081"
    bridge_url: str = "http://127.0.0.1:8080"


def answering_of(text: Mapping[str, str]) -> Answering:
    """Return the settings in `text`, which has been found good; the rest are defaults."""
    return Answering(
        mode=_MODES[text.get("ENABLE_WHATSAPP_MESSAGES", "false").lower()],
        sender_url=text.get("WHATSAPP_SENDER_URL", Answering.sender_url).rstrip("/"),
        bridge_url=text.get("WHATSAPP_BRIDGE_URL", Answering.bridge_url).rstrip("/"),
    )
