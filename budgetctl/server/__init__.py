"""The server that many machines share."""
