"""The settings of sae-structure."""

from __future__ import annotations

from typing import ClassVar

from tasks.sae.settings import SaeSettings


class SaeStructureSettings(SaeSettings):
    """Settings of sae-structure. A preset fills in what is not given."""

    task: ClassVar[str] = "sae-structure"
