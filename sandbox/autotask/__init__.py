"""A stand-in for the Autotask PSA REST API, for development, demo and tests.

It listens on loopback only and knows nothing of the project. See docs/autotask-sandbox.md.
"""
