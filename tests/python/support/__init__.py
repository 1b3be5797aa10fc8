"""What the tests start and speak to: a server, the protocols of its doors, a real nginx."""
