"""Clips: decoded once, rendered frame by frame, encoded into a file per look, in step with the source.

Needs PyAV, which comes with ``prismgan[video]``; OpenCV as well where motion is measured.
"""
