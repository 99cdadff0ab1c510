"""A wake word from a typed phrase: synthetic speech, near-misses, mining, calibration; one folder per project."""
