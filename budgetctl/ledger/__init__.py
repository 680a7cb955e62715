"""What a ledger knows and by which rules: values, the protocol of stores, windows, holds, top-ups. No I/O."""
