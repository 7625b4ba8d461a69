"""TempoNest: the nest, its command line and its doctor."""

__version__ = "0.1.0"
