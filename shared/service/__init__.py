"""What the two services have in common: database with migrations, problem documents, health routes."""
