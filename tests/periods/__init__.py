"""Durations, windows and instants."""
