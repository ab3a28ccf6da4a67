"""Fixtures that every kind of test may use."""

from tests.elasticsearch_node import elasticsearch_address, elasticsearch_index, own_node

__all__ = ["elasticsearch_address", "elasticsearch_index", "own_node"]
