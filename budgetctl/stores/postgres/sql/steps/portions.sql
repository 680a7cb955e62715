-- What a hold was asked for that was to be of as much as is there: the most, and the least that would do (0: anything).
ALTER TABLE holds ADD COLUMN at_most numeric;
ALTER TABLE holds ADD COLUMN at_least numeric;
