"""The ledger without I/O: its values, the protocol of its stores, and the rules of windows, decisions and top-ups."""
