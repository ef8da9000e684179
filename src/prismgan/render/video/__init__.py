"""Clips: decoded once, rendered frame by frame, and encoded into one file per output, in sync with the source. Needs
PyAV, which ``prismgan[video]`` installs, and OpenCV for motion estimation."""
