"""What produces every figure in the README: each beside its floor, measured in the same run."""
