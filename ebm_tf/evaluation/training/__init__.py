"""How learning went: what the records of a run say."""
