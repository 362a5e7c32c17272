"""The formats of a check's report: text, JSON and SARIF."""
