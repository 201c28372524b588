"""Decoding against bytes that nobody wrote: run.py, by hand or by ``bin/test --long``."""
