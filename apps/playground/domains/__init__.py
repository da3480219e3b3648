"""What the page needs of each domain beside the network: one file a domain, `page(run, examples)` in each."""
