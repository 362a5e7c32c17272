"""Shared code of the tests: sites, clients, servers and browsers. It contains no tests."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The root of the project."""
