"""What the page needs of each domain beside the network: one file a domain, `extras(run, examples)` in each."""
