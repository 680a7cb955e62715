"""One module for each command, named like the function that it holds. `budgetctl.cli.app` lists them."""
