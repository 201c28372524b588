"""Mail becomes tickets. Start reading at ``ingest.py``; what decides is in ``rules``."""

__version__ = "0.1.0"
