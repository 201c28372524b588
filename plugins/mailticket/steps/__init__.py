"""The steps of a pass, one file each, in the order of ``ingest.STEPS``."""
