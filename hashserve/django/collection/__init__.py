"""What ``collectstatic`` passes to the build: the files, the names that stay, and the storage's patterns.

Invariant: a process that only renders pages never imports this. It would load the build, which takes
0.1 s and needs packages that a web process may not have.
"""
