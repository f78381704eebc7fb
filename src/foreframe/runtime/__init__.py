"""Machinery that knows nothing of video.

Files and folders that are written whole, digests, locks, hardware, memory, worker processes, and
progress bars.
"""
