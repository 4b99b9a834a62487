"""The groups of the running system, by project name."""

from typing import Final

LAWLEY: Final = "120363418298130331@g.us"
VELO_TEST: Final = "120363421664266245@g.us"
MOHADIN: Final = "120363421532174586@g.us"
MAMELODI: Final = "120363408849234743@g.us"

KNOWN_GROUPS: Final[dict[str, str]] = {
    "Lawley": LAWLEY,
    "Velo Test": VELO_TEST,
    "Mohadin": MOHADIN,
    "Mamelodi": MAMELODI,
}
