"""Learning steps: pure functions of one replica."""
