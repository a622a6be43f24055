"""Whether a trail is what was written: read (`reading.py`), then judged as a trail, by log and by line."""
