"""What ``collectstatic`` hands to the build: the files, the names that stay, the storage's own rules.

Invariant: a process that only renders pages never imports this. It would load the build, which takes
0.13 s and needs packages that a web process may not have.
"""
