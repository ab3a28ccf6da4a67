"""Kibana saved objects, generated from definitions."""
