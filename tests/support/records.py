"""litellm's records of users."""

ALICE = {"total_budget": 10, "current_cost": 2.5, "model_cost": {"gpt-4o": 2.5}}
