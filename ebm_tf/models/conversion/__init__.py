"""Networks that were learned elsewhere: how their arrays become those of ours."""
