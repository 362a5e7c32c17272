"""What tests share: sites, clients, servers and browsers. It holds no tests."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The root of the project."""
