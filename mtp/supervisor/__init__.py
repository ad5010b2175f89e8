"""Runs the product on one machine: embedded PostgreSQL and Valkey, stand-ins, worker, beat, web.

Standard library only, and nothing of the domain: it starts before any package is installed.
"""
