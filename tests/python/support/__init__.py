"""What the tests start and speak to: a server, the protocols of its listeners, a real nginx."""
