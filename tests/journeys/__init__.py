"""Dated stories: what a provider lives through, day by day."""
