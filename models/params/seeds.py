"""What a seed may be."""

MOST_SEED = 2**31 - 1  # that every generator takes, ours and those of libraries
