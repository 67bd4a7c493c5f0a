"""What a source of images holds, found out before anything is made of it."""

from __future__ import annotations

from animesearch.datasets.inspection.model import Inspection
from animesearch.datasets.inspection.page import page
from animesearch.datasets.inspection.run import Inspected, inspect, pictures
from animesearch.datasets.inspection.sheets import Sheet
from animesearch.datasets.inspection.terminal import report

__all__ = ["Inspected", "Inspection", "Sheet", "inspect", "page", "pictures", "report"]
