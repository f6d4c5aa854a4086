"""Leaves that do not know MODE."""
