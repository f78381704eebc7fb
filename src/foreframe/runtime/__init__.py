"""Machinery that is not specific to video.

It covers atomic files and folders, digests, locks, hardware, memory, worker processes and progress
bars.
"""
