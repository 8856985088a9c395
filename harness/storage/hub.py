"""Check once, and briefly, whether the hub can be reached."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request

PROBE_SECONDS = 2.5


def hub_reachable(seconds: float = PROBE_SECONDS) -> bool:
    """Whether the hub answers at all within ``seconds``, name resolution included; proxies are honoured."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=seconds).close()
        except urllib.error.HTTPError:
            pass  # a refusal is an answer
        except OSError:
            return
        answered.set()

    # a daemon thread, because resolving a name has no timeout of its own
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()
