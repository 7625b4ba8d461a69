"""Log records: bodies to columns, and the answers to questions about them."""
