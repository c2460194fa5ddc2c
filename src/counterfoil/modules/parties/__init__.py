"""Who takes part in the market, who admitted whom, and who may sign for whom."""
