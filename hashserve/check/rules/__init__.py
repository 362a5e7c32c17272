"""The rules by family: each module yields the findings of a few rules about one subject.

Invariant: a rule only looks at a `CheckedFolder`; it reads nothing and changes nothing.
"""
