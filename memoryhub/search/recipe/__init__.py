"""How candidates are put in order: what a query says, and what each term of the score adds.

The database finds candidates and gives their features (``ranking.py``); this package reads the query and
weighs the features. Weights are settings (``ranking`` in the configuration); figures are in docs/retrieval.md.
"""
