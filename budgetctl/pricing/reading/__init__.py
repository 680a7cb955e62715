"""Readers of usage: from answers of providers, in any format that people save."""
