"""Native histograms: where their buckets are, how they add up, and what is estimated from them."""
