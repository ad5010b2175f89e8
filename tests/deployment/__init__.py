"""Dockerfile, docker-compose.yml and the database roles, without a container engine."""
