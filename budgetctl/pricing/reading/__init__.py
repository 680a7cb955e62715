"""What answers of providers say was used, in any format that people save."""
