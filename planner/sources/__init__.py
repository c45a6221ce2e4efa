"""Where a territory comes from: one module a publisher or a kind of file."""
