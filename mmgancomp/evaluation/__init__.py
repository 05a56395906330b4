"""What a compressed model costs and how good its images still are."""
