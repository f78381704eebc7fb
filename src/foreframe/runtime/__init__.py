"""Machinery that knows nothing of video: files and locks, hardware and memory, worker processes, progress bars."""
