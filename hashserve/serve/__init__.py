"""The serve side: from a manifest and a folder to responses.

Law: nothing here imports the build, and nothing but an adapter (``hashserve.wsgi``) knows which
protocol it is under.

Its values are named tuples, not data classes: with those, a process would take 25 ms longer to start.
"""
